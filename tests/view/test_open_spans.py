"""Open spans, as a home's journal has them."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cc_otel.agent.describe import Describer, SpanSource, Summary
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.view.open_spans import count_open, open_spans
from tests.agent.test_pipeline import Workshop

PROMPT: dict[str, Any] = {"session_id": "s", "prompt_id": "p", "hook_event_name": "UserPromptSubmit", "prompt": "tidy"}
CALL: dict[str, Any] = {**PROMPT, "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": "ls"}}


def at_work(home: Path) -> Workshop:
    """Return a home whose client has begun a turn, has a call behind it and waits for permission for another."""
    workshop = Workshop(home)
    for event in (
        PROMPT,
        CALL | {"tool_use_id": "one"},
        CALL | {"tool_use_id": "one", "hook_event_name": "PostToolUse", "tool_response": {}},
        CALL | {"tool_use_id": "two"},
        CALL | {"hook_event_name": "PermissionRequest"},
    ):
        workshop.record(event, CLAUDE_PID=str(os.getpid()), CLAUDE_CODE_ENTRYPOINT="cli")
    workshop.settle()
    return workshop


def test_open_spans_look_as_they_will_in_the_graph(tmp_path: Path) -> None:
    """The turn, the call and the wait for a person are open, each below the one before; what has ended is not."""
    workshop = at_work(tmp_path)
    now_ms = time.time() * 1000 + 60_000
    turn, call, wait = open_spans(tmp_path / "journal.db", now_ms, with_content=True)

    assert [(it.name, it.kind, it.label) for it in (turn, call, wait)] == [
        ("invoke_agent claude-code", "turn", "Asked: tidy"),
        ("execute_tool Bash", "tool", "About to run ls"),
        ("hook PermissionRequest", "hook", "Asked to run ls"),
    ]
    assert (turn.parent_id, call.parent_id, wait.parent_id) == (None, turn.span_id, call.span_id)
    assert {(it.session_id, it.open, it.end_ms, it.status) for it in (turn, call, wait)} == {("s", True, None, "UNSET")}
    assert turn.duration_ms == now_ms - turn.start_ms
    assert count_open(workshop.journal) == 3


class NoSummaries:
    """Summaries that never come."""

    def offer(self, _finding: SpanSource) -> None:
        """Let the span wait."""

    def settled(self) -> Sequence[tuple[str, Summary]]:
        """Return nothing."""
        return ()


def test_a_span_that_waits_for_its_summary_shows_the_rules(tmp_path: Path) -> None:
    """What has ended and waits for a better sentence is shown as it ended, with the rule's sentence."""
    workshop = Workshop(tmp_path)
    describer = Describer({}, value_bytes_max=16384, with_content=True)
    limits = Limits(1 << 40, 1e9, 3600.0)
    transcripts = Transcripts(tmp_path / "projects")
    workshop.agent = Agent(workshop.spool, workshop.journal, describer, transcripts, limits, NoSummaries())
    failure = {"hook_event_name": "PostToolUseFailure", "error": "Exit code 3", "tool_use_id": "t"}
    for event in (PROMPT, CALL | {"tool_use_id": "t"}, CALL | failure):
        workshop.record(event, CLAUDE_PID=str(os.getpid()))
    workshop.settle()

    shown = {it.name: it for it in open_spans(tmp_path / "journal.db", 4e15, with_content=True)}
    call, turn = shown["execute_tool Bash"], shown["invoke_agent claude-code"]
    assert (call.open, call.status, call.error_type, call.label) == (False, "ERROR", "exit_code", "Ran ls: exit 3")
    assert call.end_ms == call.start_ms + call.duration_ms
    assert turn.open
    assert count_open(workshop.journal) == 1


def test_an_agent_of_one_of_several_calls_is_undecided(tmp_path: Path) -> None:
    """An agent that either of two calls may have launched is marked, and so is nothing else."""
    workshop = Workshop(tmp_path)
    launch = {"hook_event_name": "PreToolUse", "tool_name": "Agent", "tool_input": {"subagent_type": "Explore"}}
    start = {"hook_event_name": "SubagentStart", "agent_id": "a", "agent_type": "Explore"}
    for event in (launch | {"tool_use_id": "one"}, launch | {"tool_use_id": "two"}, start):
        workshop.record(PROMPT | event, CLAUDE_PID=str(os.getpid()))
    workshop.settle()

    shown = open_spans(tmp_path / "journal.db", 0, with_content=True)
    assert [it.name for it in shown if it.undecided] == ["invoke_agent Explore"]
    assert len(shown) == 3


def test_without_content_nothing_is_quoted(tmp_path: Path) -> None:
    """Where spans hold no content, an open one's sentence quotes nothing either."""
    at_work(tmp_path)
    shown = open_spans(tmp_path / "journal.db", 0, with_content=False)

    assert [it.label for it in shown if "tidy" in it.label or "ls" in it.label.split()] == []
    assert {it.duration_ms for it in shown} == {0.0}


def test_a_home_without_a_journal_has_nothing_open(tmp_path: Path) -> None:
    """Before an agent has run nothing is open, and looking makes no journal."""
    assert open_spans(tmp_path / "journal.db", 0, with_content=True) == []
    assert list(tmp_path.iterdir()) == []


def test_looking_for_open_spans_loads_neither_agent_nor_sdk() -> None:
    """The room is imported without the agent's pipeline, OpenTelemetry's SDK or gRPC: commands start at once."""
    program = "import sys; import cc_otel.view.open_spans, cc_otel.view.status; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    heavy = ("opentelemetry", "grpc", "google", "psutil", "requests", "click", "rich")
    assert [name for name in loaded if name.split(".")[0] in heavy or name == "cc_otel.agent.pipeline"] == []
