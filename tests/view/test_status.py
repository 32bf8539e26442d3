"""The state of a home."""

import os
from pathlib import Path

from cc_otel.agent.lock import HomeLock
from cc_otel.journal.counters import Counter
from cc_otel.journal.journal import Journal
from cc_otel.journal.status import AgentFacts, AgentStatus
from cc_otel.spool import Spool
from cc_otel.view.status import AgentState, HomeStatus, JournalState, SpoolState, home_status
from tests.agent.test_pipeline import Workshop
from tests.view.test_open_spans import at_work


def state(home: Path, *, paused: bool = False) -> HomeStatus:
    """Return the state of a home."""
    spool = Spool(home / "spool", 1 << 20)
    return home_status(
        home, spool, home / "journal.db", paused=paused, autostart="up", endpoint="here", content="redacted"
    )


def test_a_home_that_does_not_exist(tmp_path: Path) -> None:
    """Nothing waits and nothing was lost where there is nothing, and looking makes nothing."""
    home = tmp_path / "home"

    assert state(home, paused=True) == HomeStatus(
        str(home), False, AgentState(False, None, "up"), "here", "redacted", SpoolState()
    )
    assert not home.exists()


def test_what_waits_is_counted(tmp_path: Path) -> None:
    """Events in the spool, spans in the outbox and open spans are counted."""
    workshop: Workshop = at_work(tmp_path)
    workshop.record({"session_id": "s", "hook_event_name": "Stop"})
    shown = state(tmp_path)

    assert (shown.spool, shown.journal) == (SpoolState(events_waiting=1), JournalState(0, 2, 3))


def test_a_running_agent_takes_precedence(tmp_path: Path) -> None:
    """A running agent's endpoint and content are shown, not those that one started now would have."""
    journal = Journal(tmp_path / "journal.db")
    facts = AgentFacts(1, "9.9", "there", "none", 1)
    journal.status.save(AgentStatus(agent=facts, sender={"last_error": "no answer"}))
    journal.counters.add(Counter.SPANS_GIVEN_UP, 3, 7)
    journal.close()

    stopped = state(tmp_path)
    with HomeLock(tmp_path):
        running = state(tmp_path)

    assert (stopped.agent, stopped.endpoint, stopped.content) == (
        AgentState(False, None, "up", "9.9"),
        "here",
        "redacted",
    )
    assert (running.agent, running.endpoint, running.content) == (
        AgentState(True, os.getpid(), "up", "9.9"),
        "there",
        "none",
    )
    assert running.sender == {"last_error": "no answer"}
    assert running.to_json()["counts"] == {"spans_given_up": {"count": 3, "first_ns": 7, "last_ns": 7}}
