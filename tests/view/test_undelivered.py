"""What is still to be delivered of what was recorded."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cc_otel.view.undelivered import ENDED_NS, SETTLE_NS, undelivered
from tests.agent.test_pipeline import Workshop

START: dict[str, Any] = {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}
PROMPT: dict[str, Any] = {"session_id": "s", "prompt_id": "p", "hook_event_name": "UserPromptSubmit", "prompt": "tidy"}
LATER_NS = 2 * SETTLE_NS


def left(workshop: Workshop, *, at_hand: bool = False) -> int:
    """Return how much is left some time after the last event."""
    return undelivered(workshop.spool, workshop.home / "journal.db", time.time_ns() + LATER_NS, at_hand=at_hand)


def test_events_and_spans_are_left_until_a_receiver_has_them(tmp_path: Path) -> None:
    """An event counts in the spool, and its span in the outbox until it is acknowledged."""
    workshop = Workshop(tmp_path)
    workshop.record(START, CLAUDE_PID=str(os.getpid()))
    assert left(workshop) == 1

    workshop.settle()
    assert left(workshop) == 1

    workshop.journal.outbox.acknowledge(workshop.journal.outbox.waiting(10, 1 << 20))
    assert left(workshop) == 0


@pytest.mark.parametrize(
    ("pid", "at_hand", "number"),
    [(os.getpid(), False, 0), (0, False, 0), (0, True, 1)],
    ids=["alive", "unknown", "at hand"],
)
def test_open_spans_are_left_where_their_client_is_gone(tmp_path: Path, pid: int, at_hand: bool, number: int) -> None:
    """An open span is not left while its client lives; one without a pid counts as gone where clients are at hand."""
    workshop = Workshop(tmp_path)
    workshop.record(PROMPT, CLAUDE_PID=str(pid or ""))
    workshop.settle()
    workshop.journal.outbox.acknowledge(workshop.journal.outbox.waiting(10, 1 << 20))

    assert left(workshop, at_hand=at_hand) == number


def test_an_event_of_just_now_may_have_a_sequel(tmp_path: Path) -> None:
    """For a while after the last event something is left, whatever was delivered."""
    workshop = Workshop(tmp_path)
    workshop.record(START, CLAUDE_PID=str(os.getpid()))
    workshop.settle()
    workshop.journal.outbox.acknowledge(workshop.journal.outbox.waiting(10, 1 << 20))

    assert undelivered(workshop.spool, tmp_path / "journal.db", time.time_ns()) == 1
    assert left(workshop) == 0


def test_a_finished_session_has_no_sequel(tmp_path: Path) -> None:
    """Once a session has ended, its client is gone and its transcript was read, nothing more is waited for."""
    workshop = Workshop(tmp_path)
    client = subprocess.Popen(["true"])
    client.wait()
    for name in ("SessionStart", "SessionEnd"):
        event = {**START, "hook_event_name": name, "transcript_path": str(tmp_path / "projects" / "s.jsonl")}
        workshop.record(event, CLAUDE_PID=str(client.pid))
    workshop.settle()
    workshop.settle(11)
    workshop.journal.outbox.acknowledge(workshop.journal.outbox.waiting(10, 1 << 20))

    assert undelivered(workshop.spool, tmp_path / "journal.db", time.time_ns()) == 0


def test_an_ended_session_is_waited_for_until_all_of_it_was_read(tmp_path: Path) -> None:
    """Where a client names no process, something is left until the agent has read its transcript after its end."""
    workshop = Workshop(tmp_path)
    for name in ("SessionStart", "SessionEnd"):
        workshop.record({**START, "hook_event_name": name, "transcript_path": str(tmp_path / "projects" / "s.jsonl")})
    workshop.settle()
    workshop.journal.outbox.acknowledge(workshop.journal.outbox.waiting(10, 1 << 20))
    later_ns = time.time_ns() + SETTLE_NS + 1_000_000_000

    assert undelivered(workshop.spool, tmp_path / "journal.db", later_ns) == 1
    assert undelivered(workshop.spool, tmp_path / "journal.db", later_ns + ENDED_NS) == 0
    workshop.settle(13)
    assert undelivered(workshop.spool, tmp_path / "journal.db", later_ns) == 0


def test_a_home_that_does_not_exist_has_nothing_left(tmp_path: Path) -> None:
    """Without spool and journal nothing is left, and looking makes neither."""
    workshop = Workshop(tmp_path / "made")

    assert undelivered(workshop.spool, tmp_path / "other" / "journal.db", 0) == 0
    assert not (tmp_path / "other").exists()
