"""The outbox as the sender sees it."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from cc_otel.agent.outbox import JournalOutbox
from cc_otel.journal.journal import Journal
from cc_otel.otlp.encode import encode
from cc_otel.span import Span


def test_a_dead_letter_is_kept_with_its_reason(tmp_path: Path) -> None:
    """A dead letter leaves the outbox, is counted, and can be read by its owner alone, with the reason."""
    parcel = encode(Span("1" * 32, "2" * 16, "name", 1, 2))
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.commit([], [replace(parcel, session_id="s", start_ns=1)], [])
        JournalOutbox(journal, tmp_path / "dead").dead_letter(parcel, "too odd")

        assert journal.outbox.waiting(9, 1000) == []
        assert {what: count.count for what, count in journal.counters.all().items()} == {"spans_buried": 1}
    path = tmp_path / "dead" / f"{'1' * 32}-{'2' * 16}.json"
    reason, span = path.read_text("utf-8").splitlines()
    assert json.loads(reason) == {"reason": "too odd"}
    assert "2" * 16 in span
    assert path.stat().st_mode & 0o777 == 0o600
