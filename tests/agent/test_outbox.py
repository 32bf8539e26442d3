"""``dead/``: what is buried there, and how much of it stays."""

import json
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from cc_otel.agent.outbox import DEAD_AGE_S, DEAD_BYTES_MAX, JournalOutbox, prune_dead
from cc_otel.journal.journal import Journal
from cc_otel.otlp.encode import encode
from cc_otel.span import Span

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0


def grave(dead: Path, name: str, age_s: float, size_bytes: int = 1) -> Path:
    """Put a file of that age and size, of which no block is written, into ``dead/``."""
    path = dead / name
    with path.open("wb") as file:
        file.truncate(size_bytes)
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def left(dead: Path) -> set[str]:
    """Name what is there."""
    return {path.name for path in dead.iterdir()}


def test_a_buried_span_is_kept_with_its_reason(tmp_path: Path) -> None:
    """What is buried leaves the outbox, is counted, and can be read by its owner alone, with the reason."""
    parcel = encode(Span("1" * 32, "2" * 16, "name", 1, 2))
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.commit([], [replace(parcel, session_id="s", start_ns=1)], [])
        JournalOutbox(journal, tmp_path / "dead").bury(parcel, "too odd")

        assert [] == journal.outbox.waiting(9, 1000)
        assert {"spans_buried": 1} == {what: count.count for what, count in journal.counters.all().items()}
    path = tmp_path / "dead" / f"{'1' * 32}-{'2' * 16}.json"
    reason, span = path.read_text("utf-8").splitlines()
    assert {"reason": "too odd"} == json.loads(reason)
    assert "2" * 16 in span
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_home_without_a_dead_letter_has_nothing_to_remove(tmp_path: Path) -> None:
    """Where nothing was ever buried there is no directory, and that is no error."""
    assert 0 == prune_dead(tmp_path / "dead", NOW_S)


def test_what_is_old_goes_from_the_dead(tmp_path: Path) -> None:
    """After seven days a buried span goes, and so does the graph-exporter's file, which is not counted as a span."""
    grave(tmp_path, "old.json", DEAD_AGE_S + 1)
    grave(tmp_path, "graph-2026-01-01.jsonl", DEAD_AGE_S + 1)
    grave(tmp_path, "young.json", DEAD_AGE_S - 1)

    assert 1 == prune_dead(tmp_path, NOW_S)
    assert {"young.json"} == left(tmp_path)


def test_over_the_limit_the_oldest_go_from_the_dead(tmp_path: Path) -> None:
    """Buried spans take 64 MiB at most; the graph-exporter's files count for themselves."""
    third = DEAD_BYTES_MAX // 3
    for hours in (4, 3, 2, 1):
        grave(tmp_path, f"{hours}.json", hours * HOUR_S, third)
    grave(tmp_path, "graph-2026-01-01.jsonl", 0, DEAD_BYTES_MAX)

    assert 2 == prune_dead(tmp_path, NOW_S)
    assert {"1.json", "2.json", "graph-2026-01-01.jsonl"} == left(tmp_path)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, int(2 * DEAD_AGE_S)), st.integers(0, DEAD_BYTES_MAX // 2)), max_size=12))
def test_what_stays_of_the_dead_is_young_and_fits(graves: list[tuple[int, int]]) -> None:
    """Whatever was buried, what stays is within both limits, no younger span went for it, and none went needlessly."""
    with TemporaryDirectory() as directory:
        dead = Path(directory)
        for number, (age_s, size_bytes) in enumerate(graves):
            grave(dead, f"{number}.json", age_s, size_bytes)

        removed = prune_dead(dead, NOW_S)

        stayed = [graves[int(path.stem)] for path in dead.iterdir()]
        gone = [graves[n] for n in range(len(graves)) if not (dead / f"{n}.json").exists()]
        assert removed == len(gone)
        assert all(age_s <= DEAD_AGE_S for age_s, _ in stayed)
        assert sum(size_bytes for _, size_bytes in stayed) <= DEAD_BYTES_MAX
        assert max((age_s for age_s, _ in stayed), default=0) <= min((age_s for age_s, _ in gone), default=1 << 40)
        assert 0 == prune_dead(dead, NOW_S)
