"""What the spans of calls say of their end, as they leave the agent."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from cc_otel import conventions as c
from cc_otel.agent.describe import Content, Describer, SpanSource, Summary
from cc_otel.agent.tree import Draft, Role
from cc_otel.event import Handler, HookEvent
from cc_otel.span import Span, StatusCode
from tests.agent.test_places import sent

CWD: Final = "/home/dev/app"


def span_of(tool: str, arguments: dict[str, Any], closing: dict[str, Any], *, content: bool = True) -> Span:
    """Return the span of a call that ended with this event."""
    name = closing["hook_event_name"]
    failed = {"PostToolUseFailure": "exit_code", "PermissionDenied": "denied"}.get(name, "")
    opener = HookEvent("PreToolUse", 1, "s", "d1", handler=Handler.CALL, id=1, tool_use_id="t", tool_name=tool)
    closer = HookEvent(name, 2, "s", "d2", handler=Handler.CALL_RESULT, id=2, tool_use_id="t", tool_name=tool)
    draft = Draft(
        Role.TOOL, opener, "0" * 32, "1" * 16, None, 1, 2, closer=closer, closed_by=name, error_type=failed,
        interrupted=closing.get("is_interrupt") is True,
    )  # fmt: skip
    payload = {"cwd": CWD, "tool_input": arguments, "hook_event_name": "PreToolUse"}
    source = SpanSource(draft, Content(payload), Content(payload | closing))
    return Describer({}, value_bytes_max=16384, with_content=content).span(source, Summary("x"))


def ended(command: str, response: Any) -> dict[str, Any]:
    """Return the event that ends a shell call: a text is a failure's."""
    if isinstance(response, str):
        return {"hook_event_name": "PostToolUseFailure", "error": response}
    return {
        "hook_event_name": "PostToolUse",
        "tool_response": {"stdout": "", "stderr": "", "interrupted": False} | response,
    }


@pytest.mark.parametrize(
    ("command", "response", "outcome", "rule", "error_type"),
    [
        ("cmp a b", "Exit code 1\na b differ: byte 1, line 1", "ok", "no_match", None),
        ("pytest tests/x", "Exit code 5\nno tests ran in 0.01s", "ok", "no_tests", None),
        ("pytest | grep FAILED", "Exit code 1", "unknown", "pipe_filter", None),
        ("grep x a", {"returnCodeInterpretation": "No matches found"}, "ok", "no_match", None),
        ("pytest", "Exit code 1\n1 failed in 0.1s", "failed", None, "exit_code"),
        ("pytest | tail -1", {"stdout": "1 failed in 0.1s"}, "failed", "runner_summary", "runner_summary"),
        ("sleep 99", {"backgroundTaskId": "b1", "timedOutAfterMs": 1000}, "launched", None, None),
        ("sleep 99", {"interrupted": True}, "interrupted", None, None),
        ("pytest", "Command timed out after 2m 0.0s", "failed", None, "exit_code"),
    ],
)
def test_a_call_that_did_not_fail_has_no_error(
    command: str, response: Any, outcome: str, rule: str | None, error_type: str | None
) -> None:
    """Status and `error.type` go with the outcome, whatever the event was called."""
    span = span_of("Bash", {"command": command}, ended(command, response))
    said = [span.attributes.get(key) for key in (c.TOOL_OUTCOME, c.TOOL_OUTCOME_RULE, c.ERROR_TYPE)]

    assert said == [outcome, rule, error_type]
    assert (span.status is StatusCode.ERROR) == (outcome == "failed")


@pytest.mark.parametrize(
    ("tool", "closing", "outcome"),
    [
        ("Read", {"hook_event_name": "PostToolUse", "tool_response": {"type": "text"}}, "ok"),
        ("Read", {"hook_event_name": "PostToolUseFailure", "error": "File does not exist."}, "failed"),
        ("Write", {"hook_event_name": "PermissionDenied", "reason": "no"}, "denied"),
        ("Agent", {"hook_event_name": "PostToolUse", "tool_response": {"status": "async_launched"}}, "launched"),
        ("Agent", {"hook_event_name": "PostToolUse", "tool_response": {"status": "completed"}}, "ok"),
        ("Edit", {"hook_event_name": "PostToolUseFailure", "error": "x", "is_interrupt": True}, "interrupted"),
        ("mcp__a__b", {"hook_event_name": "PostToolUse", "tool_response": [{"type": "text", "text": "x"}]}, "ok"),
    ],
)
def test_every_call_has_an_outcome(tool: str, closing: dict[str, Any], outcome: str) -> None:
    """The outcome of a tool that is no shell is what its events say."""
    assert span_of(tool, {}, closing).attributes[c.TOOL_OUTCOME] == outcome


def test_without_content_only_words_leave() -> None:
    """Outcome, rule and class leave where content must not; programs, keys, texts and paths do not."""
    span = span_of("Bash", {"command": "pytest secret.py | tail"}, ended("", {"stdout": "x"}), content=False)
    said = {key: value for key, value in span.attributes.items() if key.startswith(("cc_otel.command", "cc_otel.tool"))}

    assert said == {
        c.TOOL_OUTCOME: "unknown",
        c.TOOL_OUTCOME_RULE: "pipe_filter",
        c.COMMAND_RULE: 1,
        c.COMMAND_CLASS: "test",
    }
    assert not [value for value in span.attributes.values() if "secret" in str(value)]


def test_a_shell_call_names_its_commands_and_files() -> None:
    """The main command has attributes of its own; all of them stand in a list, and so do the files."""
    span = span_of("Bash", {"command": "cd src && git stash pop && cat a.py"}, ended("", {}))
    parts = json.loads(str(span.attributes[c.COMMAND_PARTS]))

    assert [part["masked"] for part in parts] == ["cd ~/app/src", "git stash pop", "cat ~/app/src/a.py"]
    assert span.attributes[c.COMMAND_PROGRAM] == "cat"
    assert json.loads(str(span.attributes[c.FILES])) == [
        {"path": f"{CWD}/src/a.py", "op": "read", "rule": "shell_read", "certainty": "parsed"}
    ]


def test_the_recorded_pipes_are_judged_as_they_ended(tmp_path: Path) -> None:
    """A failure that a pipe or `|| true` hid is one where unittest says so, and unknown where nothing is left of it."""
    calls = [
        {pair.key: pair.value.string_value for pair in span.attributes}
        for span in sent(tmp_path, "story_pipes", live=False)
    ]
    said = [
        (json.loads(call[c.TOOL_CALL_ARGUMENTS])["description"], call[c.TOOL_OUTCOME])
        for call in calls
        if call.get(c.OPERATION_NAME) == c.OPERATION_EXECUTE_TOOL and call[c.TOOL_NAME] == "Bash"
    ]

    assert sorted(said) == [
        ("green-tail", "ok"),
        ("hidden", "unknown"),
        ("hidden-again", "unknown"),
        ("or-true", "failed"),
        ("pipefail", "failed"),
        ("search", "ok"),
        ("sed", "ok"),
        ("tail", "failed"),
    ]
