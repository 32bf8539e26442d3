"""The state of a home."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cc_otel.agent.lock import HomeLock
from cc_otel.journal.counters import Count, Counter
from cc_otel.journal.journal import Journal
from cc_otel.journal.status import AgentFacts, AgentStatus
from cc_otel.spool import Spool
from cc_otel.view.status import (
    RECENT_NS,
    AgentDefaults,
    AgentState,
    HomeStatus,
    JournalState,
    Problem,
    Recording,
    SpoolState,
    faults,
    home_status,
)
from tests.agent.test_pipeline import Workshop
from tests.view.test_open_spans import at_work


def state(home: Path, *, paused: bool = False, wired: Sequence[str] = ()) -> HomeStatus:
    """Return the state of a home."""
    spool = Spool(home / "spool", 1 << 20)
    recording = Recording(paused, wired)
    defaults = AgentDefaults(autostart="up", endpoint="here", content="redacted")
    return home_status(home, spool, home / "journal.db", time.time_ns(), recording, defaults)


def test_a_home_that_does_not_exist(tmp_path: Path) -> None:
    """Nothing waits and nothing was lost where there is nothing, and looking makes nothing."""
    home = tmp_path / "home"

    assert state(home, paused=True) == HomeStatus(
        str(home), False, True, (), AgentState(False, None, "up"), "here", "redacted", SpoolState()
    )
    assert not home.exists()


def test_a_home_that_nothing_is_wired_to_does_not_record(tmp_path: Path) -> None:
    """Recording is on where settings are wired or an event came lately, unless it was paused."""
    assert [state(tmp_path).recording, state(tmp_path, wired=["settings.json"]).recording] == [False, True]
    assert not state(tmp_path, wired=["settings.json"], paused=True).recording

    workshop = Workshop(tmp_path)
    start = {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}
    workshop.record(start, clock_ns=time.time_ns() - 2 * RECENT_NS)
    workshop.settle()
    assert not state(tmp_path).recording

    workshop.record({"session_id": "s", "hook_event_name": "Stop"})
    assert state(tmp_path).recording
    workshop.settle()
    assert state(tmp_path).recording
    assert abs((state(tmp_path).last_event_ns or 0) - time.time_ns()) < RECENT_NS


def test_faults_are_what_somebody_has_to_see_to(tmp_path: Path) -> None:
    """A home in order has no faults; each thing that is wrong is one, a failing delivery after a while."""
    now_ns = time.time_ns()
    fine = replace(state(tmp_path, wired=["settings.json"]), agent=AgentState(True, 1, "up"))
    failing = {"failing_since_ns": now_ns - 60_000_000_000, "last_error": "no answer"}

    def wrong(failing_s: float = 300, **changed: Any) -> list[str]:
        return list(faults(replace(fine, **changed), now_ns, failing_s))

    assert wrong() == []
    assert wrong(recording=False) == ["nothing is recorded"]
    assert wrong(recording=False, paused=True) == []
    assert wrong(problems=[Problem("wiring", "gone")]) == ["wiring: gone"]
    assert wrong(spool=SpoolState(full=True, events_failed=2)) == [
        "the spool is full",
        "2 events could not become spans",
    ]
    assert wrong(sender=failing) == []
    assert wrong(sender=failing, failing_s=59) == ["nothing could be delivered for 60 s: no answer"]
    assert wrong(agent=AgentState(False, None, "up")) == []
    assert wrong(agent=AgentState(False, None, "up"), journal=JournalState(1, 2, 3)) == [
        "no agent is running, and 3 events and spans wait for one"
    ]
    old, new = Count(4, 0, now_ns - 8 * 86_400_000_000_000), Count(4, 0, now_ns)
    assert wrong(counts={"spans_buried": old}) == []
    assert wrong(counts={"spans_buried": new}) == ["4 spans were refused by the receiver, the last within a week"]


def test_spans_set_aside_keep_their_key(tmp_path: Path) -> None:
    """Programs find the spans that a receiver refused under `buried`, whatever the agent calls them."""
    journal = Journal(tmp_path / "journal.db", owner=True)
    journal.status.save(AgentStatus(sender={"set_aside": 2}))
    journal.close()

    assert state(tmp_path).to_json()["sender"]["buried"] == 2


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


def test_transcripts_that_are_not_read_are_a_problem_with_its_remedy(tmp_path: Path) -> None:
    """Transcripts that the agent cannot read are counted by folder and reason, with the command that adds a folder."""
    journal = Journal(tmp_path / "journal.db")
    unread = {"/x/it's/projects/-p/a.jsonl": "outside", "/x/it's/projects/-q/b.jsonl": "outside", "/p/-p/c": "missing"}
    journal.status.save(AgentStatus(unread=unread))
    journal.close()

    outside, missing = sorted(state(tmp_path).problems, key=lambda problem: problem.fix, reverse=True)
    why = "2 below /x/it's/projects: not in a folder that projects_dir names; their model calls are not counted"
    assert outside == Problem("transcripts not read", why, """cc-otel install --projects '/x/it'"'"'s/projects'""")
    assert (missing.what, missing.fix) == ("transcripts not read", "")
