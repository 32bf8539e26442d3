"""What a model is told about a span, and which spans it is asked about."""

from typing import Any

import pytest

from cc_otel.agent.describe import Content, SpanSource
from cc_otel.agent.summary.activity import Episode
from cc_otel.agent.summary.subject import Subject, subject_of
from cc_otel.agent.tree import Draft, Role
from cc_otel.event import HookEvent


def finding(
    role: Role, name: str, payload: dict[str, Any], closing: dict[str, Any] | None = None, **about: Any
) -> SpanSource:
    """Give what the agent found; ``about`` is of the draft, or of its event."""
    of_event = {
        key: about.pop(key) for key in list(about) if key in {"tool_name", "tool_use_id", "prompt_id", "agent_type"}
    }
    event = HookEvent(name, 1, "s", "d", **of_event)
    closer = HookEvent("PostToolUse", 2, "s", "e") if closing is not None else None
    draft = Draft(role, event, "t", "i", None, 1, 2, closer=closer, **about)
    return SpanSource(draft, Content(payload), Content(closing) if closing is not None else None)


def call(tool: str, tool_input: dict[str, Any], response: object, **about: Any) -> SpanSource:
    """Return a finished call."""
    payload = {"tool_name": tool, "tool_input": tool_input, "cwd": "/w"}
    about = {"closed_by": "PostToolUse"} | about
    return finding(Role.TOOL, "PreToolUse", payload, {"tool_response": response}, tool_name=tool, **about)


EPISODES = [Episode("Ran ls", "Listed two files."), Episode("Ran pwd", "Ran pwd")]

ASKED = [
    (
        call("Bash", {"command": "pytest /w/tests"}, {"stdout": "1 failed in 2s", "stderr": "", "interrupted": False}),
        "call",
        "tool: Bash\ninput: command: pytest ./tests\nended: succeeded\noutput: stdout: 1 failed in <duration>",
    ),
    (
        call("Bash", {"command": "false"}, "Exit code 1", error_type="exit_code"),
        "call",
        "tool: Bash\ninput: command: false\nended: failed (exit_code)\noutput: Exit code 1",
    ),
    (
        call("Read", {"file_path": "/w/a"}, "File does not exist.", error_type="tool_error"),
        "call",
        "tool: Read\ninput: file_path: ./a\nended: failed (tool_error)\noutput: File does not exist.",
    ),
    (
        call("Edit", {"file_path": "/w/a", "old_string": "x", "new_string": "y"}, {"originalFile": "x" * 9999}),
        "call",
        "tool: Edit\ninput: file_path: ./a\nold_string: x\nnew_string: y\nended: succeeded",
    ),
    (
        call("mcp__db__query", {"sql": "select 1"}, [{"type": "text", "text": "1 row"}]),
        "call",
        "tool: mcp__db__query\ninput: sql: select 1\nended: succeeded\noutput: type: text\ntext: 1 row",
    ),
    (
        call("Bash", {"command": "sleep 9"}, None, interrupted=True, closed_by="idle"),
        "call",
        "tool: Bash\ninput: command: sleep 9\nended: interrupted by the user",
    ),
    (
        finding(Role.TURN, "UserPromptSubmit", {"prompt": "go"}, {"last_assistant_message": "Gone."}, closed_by="Stop"),
        "turn",
        "asked: go\ndone:\n- Listed two files.\n- Ran pwd\nlast words: Gone.",
    ),
    (
        finding(Role.TURN, "UserPromptSubmit", {"prompt": "go"}, closed_by="SessionEnd", error_type="process_gone"),
        "turn",
        "asked: go\ndone:\n- Listed two files.\n- Ran pwd\nended: failed (process_gone)",
    ),
    (
        finding(Role.SUBAGENT, "SubagentStart", {}, {"last_assistant_message": "B."}, agent_type="scout"),
        "subagent",
        "agent: scout\ndone:\n- Listed two files.\n- Ran pwd\nlast words: B.",
    ),
    (
        finding(Role.HOOK, "SessionEnd", {"reason": "logout"}),
        "session",
        "done:\n- Listed two files.\n- Ran pwd\nended: logout",
    ),
    (
        finding(
            Role.HOOK, "PreToolUse", {"tool_name": "Bash", "session_id": "s", "command": "ls -la"}, tool_name="Bash"
        ),
        "call",
        "tool: Bash\ninput: command: ls -la",
    ),
    (
        finding(Role.HOOK, "Stop", {"tool_name": "Unknown", "duration": 45.2, "success": True}),
        "turn",
        "input: success: true",
    ),
]

NOT_ASKED = {
    "a file that was read": call("Read", {"file_path": "/w/a"}, {"file": {"content": "x"}}),
    "a search": call("Grep", {"pattern": "x"}, {"numFiles": 3}),
    "a list of things to do": call("TodoWrite", {"todos": []}, {}),
    "the instant after a call": finding(
        Role.HOOK, "PostToolUse", {"tool_input": {"command": "ls"}}, tool_name="Bash", tool_use_id="t1"
    ),
    "a batch": finding(Role.HOOK, "PostToolBatch", {"tool_calls": []}),
    "a message": finding(Role.HOOK, "MessageDisplay", {"delta": "Hello."}),
    "a notification": finding(Role.HOOK, "Notification", {"message": "Waiting."}),
    "the end of a turn that has a span": finding(Role.HOOK, "Stop", {}, prompt_id="p"),
    "the start of a session": finding(Role.SESSION, "SessionStart", {"source": "startup"}),
    "a compaction": finding(Role.COMPACT, "PreCompact", {"trigger": "auto"}),
    "a wait": finding(Role.WAIT, "PermissionRequest", {"tool_input": {"command": "ls"}}, tool_name="Bash"),
}


@pytest.mark.parametrize(("found", "kind", "text"), ASKED)
def test_what_is_told(found: SpanSource, kind: str, text: str) -> None:
    """A model is told what was asked, how it ended and what came of it, without what differs by run."""
    subject = subject_of(found, EPISODES)

    assert subject is not None
    assert (kind, text) == (subject.kind, subject.text)


@pytest.mark.parametrize("what", NOT_ASKED)
def test_what_rules_say_as_well(what: str) -> None:
    """About these no model is asked."""
    assert subject_of(NOT_ASKED[what], EPISODES) is None


def test_session_without_turns_is_not_asked_about() -> None:
    """The end of a session in which nothing happened has nothing to sum up."""
    assert subject_of(finding(Role.HOOK, "SessionEnd", {"reason": "other"}), []) is None


def test_key_does_not_depend_on_who_wrote_the_episodes() -> None:
    """A turn has one key, whether a model or a rule was in time for its calls."""
    turn = finding(Role.TURN, "UserPromptSubmit", {"prompt": "go"})
    by_rule = [Episode(episode.rule, episode.rule) for episode in EPISODES]
    subjects = [subject_of(turn, episodes) for episodes in (EPISODES, by_rule)]

    assert len({subject.key("m", "v") for subject in subjects if subject}) == 1
    assert len({subject.text for subject in subjects if subject}) == 2


def test_key_depends_on_everything_else() -> None:
    """Another kind, content, model or version of the prompt is another key."""
    base = ("call", "x", "m", "v")
    others = [("turn", "x", "m", "v"), ("call", "y", "m", "v"), ("call", "x", "n", "v"), ("call", "x", "m", "w")]
    keys = {Subject(kind, text, text).key(model, version) for kind, text, model, version in [base, *others]}

    assert len(keys) == 5


def test_long_turns_are_told_by_both_ends() -> None:
    """Of a turn with hundreds of calls the first and the last are told, the others counted."""
    turn = finding(Role.TURN, "UserPromptSubmit", {"prompt": "go"})
    subject = subject_of(turn, [Episode(f"Ran {number}", f"Ran {number}") for number in range(100)])

    assert subject is not None
    told = [*range(8), None, *range(78, 100)]
    assert [
        "asked: go",
        "done:",
        *("- and 70 more" if n is None else f"- Ran {n}" for n in told),
    ] == subject.text.splitlines()


def test_text_is_within_its_limits() -> None:
    """Whatever a call holds, what is told of it is short, and both ends of its output are there."""
    output = "first line\n" + "noise\n" * 100_000 + "last line"
    subject = subject_of(call("Bash", {"command": "x" * 100_000}, {"stdout": output}), [])

    assert subject is not None
    assert len(subject.text) < 2600
    assert "stdout: first line" in subject.text
    assert subject.text.endswith("last line")


@pytest.mark.parametrize(
    "value", [None, 7, [], "", {"a": [{"b": [{"c": [{"d": {"e": {"f": 1}}}]}]}]}, [[[[[[[[1]]]]]]]], {"x": ["y"] * 500}]
)
def test_any_shape_is_told(value: object) -> None:
    """Inputs and responses of any shape are told, none fails."""
    subject = subject_of(call("Bash", {"command": value}, value), [])

    assert subject is not None
    assert subject.text.startswith("tool: Bash\ninput:")
