"""Facts as they leave the agent: with real events, a real repository, and an agent that dies between."""

import time
from pathlib import Path
from typing import Any, Final

from tests.agent.facts.test_repository import SHA, made
from tests.agent.test_pipeline import Workshop, attributes

SECOND_NS: Final = 1_000_000_000
CALL: Final[dict[str, Any]] = {"session_id": "s", "tool_use_id": "t", "tool_name": "Read", "prompt_id": "p"}


def record(workshop: Workshop, app: Path) -> None:
    """Record a session with a call that reads a file and fails at another."""
    common = {"session_id": "s", "cwd": str(app)}
    path = {"tool_input": {"file_path": f"{app}/a"}}
    file = {"filePath": f"{app}/a", "numLines": 2, "startLine": 1, "totalLines": 2}
    other = CALL | common | {"tool_use_id": "u"} | path
    now_ns = time.time_ns()
    events: list[dict[str, Any]] = [
        common | {"hook_event_name": "SessionStart", "source": "startup"},
        common | {"hook_event_name": "UserPromptSubmit", "prompt_id": "p", "prompt": "read"},
        CALL | common | path | {"hook_event_name": "PreToolUse"},
        CALL | common | path | {"hook_event_name": "PostToolUse", "tool_response": {"type": "text", "file": file}},
        other | {"hook_event_name": "PreToolUse"},
        other | {"hook_event_name": "PostToolUseFailure", "error": "File does not exist."},
        common | {"hook_event_name": "Stop", "prompt_id": "p"},
    ]
    for number, event in enumerate(events):
        workshop.record(event, now_ns + number)


def test_a_repository_is_kept_with_its_events(tmp_path: Path) -> None:
    """What was taken in says the same after the repository has gone and the agent has started anew."""
    app = made(tmp_path / "app")
    workshop = Workshop(tmp_path / "home")
    record(workshop, app)
    # It takes the events in, and they have not settled yet.
    workshop.agent.round(time.time_ns())
    (app / ".git").rename(app / "gone")
    workshop.restart()
    workshop.settle()
    found = {
        span.name: {key: value for key, value in attributes(span).items() if "vcs." in key}
        for span in workshop.encoded()
        if not span.name.startswith("hook ")
    }

    known = {
        "cc_otel.vcs.repository": "github.com/acme/app",
        "cc_otel.vcs.root": str(app),
        "vcs.ref.head.name": "main",
        "vcs.ref.head.revision": SHA,
    }
    assert found == dict.fromkeys(("session startup", "invoke_agent claude-code", "execute_tool Read"), known)


def test_what_calls_say(tmp_path: Path) -> None:
    """One that succeeded says its file, one that failed what was wrong, and neither the other."""
    workshop = Workshop(tmp_path / "home")
    record(workshop, tmp_path)
    workshop.settle()
    keys = ("cc_otel.files", "cc_otel.error.class", "cc_otel.error.line")
    calls = [attributes(span) for span in workshop.encoded() if span.name == "execute_tool Read"]

    assert [{key: call[key] for key in keys if key in call} for call in calls] == [
        {"cc_otel.files": f'[{{"path":"{tmp_path}/a","op":"read","ranges":["1-2"],"certainty":"observed"}}]'},
        {"cc_otel.error.class": "not_found", "cc_otel.error.line": "File does not exist."},
    ]


def test_without_content_no_name_leaves(tmp_path: Path) -> None:
    """Neither a repository's nor a branch's, nor a file's; the class of a failure is a word of the client's."""
    workshop = Workshop(tmp_path / "home", with_content=False)
    record(workshop, made(tmp_path / "app"))
    workshop.settle()
    spans = workshop.encoded()

    assert not [span for span in spans for word in (b"acme", b"/app", SHA.encode()) if word in span.SerializeToString()]
    assert {key for span in spans for key in attributes(span) if "vcs." in key} == set()
    assert [found for span in spans if (found := attributes(span).get("cc_otel.error.class"))] == ["not_found"]


def launched(home: Path, *, proven: bool) -> tuple[bool, bool]:
    """Return whether a subagent hangs from a call, and whether it says that this call launched it."""
    workshop = Workshop(home)
    call = CALL | {"tool_name": "Agent", "tool_input": {"subagent_type": "Explore"}}
    agent = {"session_id": "s", "prompt_id": "p", "agent_id": "a1", "agent_type": "Explore"}
    events: list[dict[str, Any]] = [
        {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt_id": "p", "prompt": "go"},
        call | {"hook_event_name": "PreToolUse"},
        agent | {"hook_event_name": "SubagentStart"},
        call | {"hook_event_name": "PostToolUse", "tool_response": {"agentId": "a1"} if proven else {}},
        agent | {"hook_event_name": "SubagentStop"},
        {"session_id": "s", "hook_event_name": "Stop", "prompt_id": "p"},
    ]
    now_ns = time.time_ns()
    for number, event in enumerate(events):
        workshop.record(event, now_ns + number)
    workshop.settle()
    spans = workshop.spans()
    parent = spans["execute_tool Agent"].span_id
    subagent = spans["invoke_agent Explore"]
    return subagent.parent_span_id == parent, attributes(subagent).get("cc_otel.launched_by") == parent.hex()


def test_a_subagent_names_the_call_that_is_proven(tmp_path: Path) -> None:
    """A call that it hangs from because no other was left is not named: that was not observed."""
    assert launched(tmp_path / "proven", proven=True) == (True, True)
    assert launched(tmp_path / "guessed", proven=False) == (True, False)
