"""The seam around one event."""

import logging
from contextlib import closing
from pathlib import Path

import pytest

from cc_otel.agent.guard import Guard
from cc_otel.journal.counters import Counter
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.journal import Journal


def test_an_error_is_counted_and_logged_without_what_the_event_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the event's name, session and digest, and the error's type and place, but not its message."""
    words = "what the user said"
    with closing(Journal(tmp_path / "journal.db")) as journal:
        guard = Guard(journal.counters, reraise=False)
        with caplog.at_level(logging.ERROR), guard.around(Counter.EVENTS_NOT_READ, "Stop", "5e55", "d1"):
            int(words)
        counted = {what: count.count for what, count in journal.counters.all().items()}

    assert counted == {"events_not_read": 1}
    assert all(word in caplog.text for word in ("Stop", "5e55", "d1", "ValueError", "test_guard.py"))
    assert words not in caplog.text


def test_the_journals_own_errors_pass(tmp_path: Path) -> None:
    """What the round has to know of, it is told: a full disk is not one event's fault."""
    with closing(Journal(tmp_path / "journal.db")) as journal:
        guard = Guard(journal.counters, reraise=False)
        with pytest.raises(JournalUnavailable), guard.around(Counter.EVENTS_NOT_READ, "Stop", "s", "d"):
            raise JournalUnavailable("full")

        assert journal.counters.all() == {}


def test_under_test_errors_are_raised(tmp_path: Path) -> None:
    """A test that meets an error of ours fails."""
    with closing(Journal(tmp_path / "journal.db")) as journal:
        seam = Guard(journal.counters).around(Counter.EVENTS_NOT_READ, "Stop", "s", "d")
        with pytest.raises(ValueError, match="oh"), seam:
            raise ValueError("oh")
