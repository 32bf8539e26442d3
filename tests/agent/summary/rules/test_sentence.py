"""The sentence of every span without a model: as tables, and as promises for any payload."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.summary.rules.sentence import sentence
from cc_otel.claude_code.event_table import EVENTS as KNOWN_EVENTS

CWD = "/home/dev/project"
SECOND_CALL = {
    "tool_name": "Bash",
    "tool_use_id": "t2",
    "tool_input": {"command": "exit 1"},
    "tool_response": "Exit code 1",
}
BASH = {"cwd": CWD, "tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "pytest -q"}}
CALLS = [{**BASH, "tool_response": "ok"}, SECOND_CALL, {"tool_name": "Read", "tool_use_id": "t3"}]
NOTIFICATION = (
    "<task-notification>\n<task-id>a2</task-id>\n<tool-use-id>t1</tool-use-id>\n<status>completed</status>\n"
    '<summary>Agent "do B" finished</summary>\n<result>B result</result>\n</task-notification>'
)
MODELS = {"from_model": "claude-opus-5-5", "to_model": "claude-haiku-4-5"}

SAME = ""

# An event, its payload, what is said of it by itself, and what without content, where that differs.
EVENTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("SessionStart", {"source": "startup"}, "Session started (startup)", SAME),
    ("SessionStart", {"source": "resume", "agent_type": "scout"}, "Session started (resume) as scout", SAME),
    ("SessionStart", {"source": "compact"}, "Session went on after the compaction", SAME),
    ("SessionEnd", {"reason": "prompt_input_exit"}, "Session ended (prompt input exit)", SAME),
    ("SessionEnd", {"reason": "other"}, "Session ended", SAME),
    ("Setup", {"trigger": "init"}, "Set up (init)", SAME),
    ("UserPromptSubmit", {"prompt": "do the\nbasic things"}, "Asked: do the", "A prompt came in"),
    ("UserPromptSubmit", {"prompt": NOTIFICATION}, 'Heard back: Agent "do B" finished', "A prompt came in"),
    (
        "UserPromptExpansion",
        {"command_name": "greet", "command_args": "Bob"},
        "Expanded /greet Bob",
        "Expanded a command",
    ),
    ("PreToolUse", BASH, "About to run pytest -q", "About to run Bash"),
    ("PostToolUse", {**BASH, "tool_response": {"stdout": "3 passed in 0.1s"}}, "Ran pytest -q: 3 passed", "Ran Bash"),
    (
        "PostToolUseFailure",
        {**BASH, "error": "Exit code 2\nno such file"},
        "Ran pytest -q: exit 2, no such file",
        "Ran Bash: failed",
    ),
    ("PostToolBatch", {"tool_calls": CALLS}, "3 calls answered: 2 Bash, Read", SAME),
    (
        "PermissionRequest",
        {"tool_name": "Bash", "tool_input": {"command": "rm a.txt"}},
        "Asked to run rm a.txt",
        "Asked to use Bash",
    ),
    ("PermissionDenied", {**BASH, "reason": "Classifier unavailable"}, "Denied: pytest -q", "Denied: Bash"),
    (
        "Notification",
        {"message": "Claude needs you", "notification_type": "permission_prompt"},
        "Notified: Claude needs you",
        "Notified (permission prompt)",
    ),
    ("MessageDisplay", {"delta": "I will run it.", "index": 0}, "Said: I will run it.", "Said something"),
    ("Stop", {"last_assistant_message": "All done."}, "Answered: All done.", "Answered"),
    (
        "Stop",
        {"last_assistant_message": "waiting", "background_tasks": [{}, {}]},
        "Answered: waiting (2 tasks in the background)",
        "Answered",
    ),
    (
        "StopFailure",
        {"error": "rate_limit", "last_assistant_message": "API Error: 429"},
        "Stopped by an error (rate limit): API Error: 429",
        "Stopped by an error (rate limit)",
    ),
    ("SubagentStart", {"agent_type": "scout", "agent_id": "a1"}, "Agent scout started", SAME),
    (
        "SubagentStop",
        {"agent_type": "scout", "last_assistant_message": "B result"},
        "Agent scout finished: B result",
        "Agent scout finished",
    ),
    ("SubagentStop", {"agent_type": "", "last_assistant_message": "<summary>"}, "The summariser finished", SAME),
    ("PreCompact", {"trigger": "manual", "custom_instructions": "short"}, "Compacting the conversation (manual)", SAME),
    ("PostCompact", {"trigger": "auto", "compact_summary": "x"}, "Compacted the conversation (auto)", SAME),
    ("PreModelSwitch", MODELS, "Switching the model from claude-opus-5-5 to claude-haiku-4-5", SAME),
    ("PostModelSwitch", MODELS, "Switched the model from claude-opus-5-5 to claude-haiku-4-5", SAME),
    ("TaskCreated", {"task_id": "1", "task_subject": "t1"}, "Task 1 created: t1", "Task 1 created"),
    ("TaskCompleted", {"task_id": "1", "task_subject": "t1"}, "Task 1 completed: t1", "Task 1 completed"),
    ("TeammateIdle", {"teammate_name": "ada"}, "Teammate ada is idle", "Teammate is idle"),
    ("ConfigChange", {"source": "local_settings", "file_path": "/x"}, "Settings changed (local settings)", SAME),
    (
        "InstructionsLoaded",
        {"cwd": CWD, "file_path": f"{CWD}/CLAUDE.md", "load_reason": "session_start"},
        "Loaded CLAUDE.md (session start)",
        "Loaded instructions (session start)",
    ),
    ("CwdChanged", {"old_cwd": CWD, "new_cwd": f"{CWD}/sub"}, "Changed directory: sub", "Changed directory"),
    (
        "FileChanged",
        {"cwd": CWD, "file_path": f"{CWD}/watched.txt", "event": "unlink"},
        "watched.txt was removed",
        "A file was removed",
    ),
    ("DirectoryAdded", {"cwd": CWD, "directory": f"{CWD}/sub"}, "Added directory sub", "Added directory"),
    ("WorktreeCreate", {"name": "agent-a4"}, "Created worktree agent-a4", "Created worktree"),
    (
        "WorktreeRemove",
        {"cwd": CWD, "worktree_path": "/home/dev/wt"},
        "Removed worktree /home/dev/wt",
        "Removed worktree",
    ),
    (
        "Elicitation",
        {"mcp_server_name": "calc", "message": "your name?"},
        "calc asked: your name?",
        "calc asked for input",
    ),
    (
        "ElicitationResult",
        {"mcp_server_name": "calc", "action": "cancel", "content": {"n": 1}},
        "Answered calc: cancel",
        SAME,
    ),
    ("BrandNewEvent", {"anything": 1}, "BrandNewEvent happened", SAME),
]

PATCH = [{"lines": [" a", "-b", "+c", "+d", "+e"]}]
FILE = {"filePath": "a.py", "numLines": 12, "startLine": 1, "totalLines": 12}

# A tool, its input, its response or the text of its failure, and what is said of the call.
TOOLS: list[tuple[str, dict[str, Any], object, str]] = [
    ("Bash", {"command": "ls -la"}, {"stdout": "a\nb", "stderr": ""}, "Ran ls -la"),
    ("Bash", {"command": "pytest -q"}, "Exit code 1\nF.\n3 failed in 0.12s", "Ran pytest -q: exit 1, 3 failed"),
    ("Bash", {"command": "npm test"}, {"stdout": "Tests:  5 passed, 5 total"}, "Ran npm test: 5 passed"),
    ("Bash", {"command": "sleep 9"}, "Exit code 143\nCommand timed out after 1s", "Ran sleep 9: timed out after 1s"),
    ("Bash", {"command": "serve"}, {"stdout": "", "backgroundTaskId": "b1"}, "Ran serve (in the background)"),
    ("Bash", {"command": "sleep 9"}, {"stdout": "", "interrupted": True}, "Ran sleep 9: interrupted"),
    ("Bash", {"command": "cat <<E\none\ntwo\nE"}, {"stdout": "x"}, "Ran cat <<E one two E"),
    ("Read", {"file_path": f"{CWD}/hello.txt"}, {"type": "text", "file": FILE}, "Read hello.txt (12 lines)"),
    (
        "Read",
        {"file_path": f"{CWD}/a.py"},
        {"file": {**FILE, "startLine": 40, "totalLines": 300}},
        "Read a.py (lines 40 to 51 of 300)",
    ),
    ("Read", {"file_path": f"{CWD}/a.png"}, {"type": "image", "file": {}}, "Read a.png (image)"),
    ("Read", {"file_path": f"{CWD}/no.txt"}, "File does not exist.", "Could not read no.txt: File does not exist."),
    ("Edit", {"file_path": f"{CWD}/src/app.py"}, {"structuredPatch": PATCH}, "Edited src/app.py (+3 \u22121)"),
    ("Write", {"file_path": "/etc/motd", "content": "new\n"}, {"type": "create"}, "Wrote /etc/motd (1 line)"),
    (
        "Grep",
        {"pattern": "moon", "path": CWD},
        {"mode": "files_with_matches", "numFiles": 4},
        "Searched for 'moon': 4 files",
    ),
    (
        "Grep",
        {"pattern": "moon", "path": f"{CWD}/a"},
        {"mode": "content", "numMatches": 2},
        "Searched for 'moon' in a: 2 matches",
    ),
    ("Glob", {"pattern": "*.txt"}, {"filenames": ["a.txt"], "numFiles": 1}, "Looked for *.txt: 1 file"),
    ("Agent", {"description": "do A", "prompt": "x"}, {"isAsync": True}, "Asked an agent: do A (in the background)"),
    (
        "Agent",
        {"description": "do A"},
        {"content": [{"text": "<tools-used>Bash</tools-used>\n"}, {"text": "A result"}]},
        "Asked an agent: do A → A result",
    ),
    ("TaskCreate", {"subject": "t1"}, {"task": {"id": "1"}}, "Noted a task: t1"),
    ("TaskUpdate", {"taskId": "1", "status": "in_progress"}, {"success": True}, "Marked task 1 as in progress"),
    (
        "TodoWrite",
        {"todos": [{"status": "completed"}, {"status": "pending"}]},
        {},
        "Updated the to-do list (1 of 2 done)",
    ),
    ("WebSearch", {"query": "otlp"}, {}, "Searched the web for 'otlp'"),
    ("AskUserQuestion", {"questions": [{"question": "Which one?"}]}, {}, "Asked the user: Which one?"),
    ("mcp__calc__add", {"a": 2, "b": 3}, [{"type": "text", "text": "5"}], "calc: add(2, 3) → 5"),
    ("mcp__calc__boom", {}, "boom failed", "Could not call calc's boom(): boom failed"),
    ("mcp__x__many", {"a": "s", "b": True, "c": None, "d": [1], "e": {}}, [], "x: many(s, true, null, [1 item], …)"),
    ("Juggle", {"balls": 3, "hat": "blue"}, "ok", "Used Juggle: 3 → ok"),
    ("Juggle", {}, None, "Used Juggle"),
]

CLOSER = {"hook_event_name": "PostToolBatch", "tool_calls": CALLS}
REFUSED = {"tool_use_id": "t1", "tool_response": "<tool_use_error>InputValidationError: no file_path</tool_use_error>"}

# What is known of a call besides its opener, what is said of it, and what is said of it without content.
ENDS: list[tuple[dict[str, Any], str, str]] = [
    ({"outcome": {"hook_event_name": "PostToolUse", "tool_response": {}}}, "Ran pytest -q", "Ran Bash"),
    (
        {"outcome": {"hook_event_name": "PostToolUseFailure", "error": "Exit code 1"}},
        "Ran pytest -q: exit 1",
        "Ran Bash: failed",
    ),
    ({"outcome": {"hook_event_name": "PermissionDenied", "reason": "no"}}, "Denied: pytest -q", "Denied: Bash"),
    ({"outcome": CLOSER}, "Ran pytest -q", "Ran Bash"),
    ({"outcome": CLOSER, "error_type": "denied"}, "Denied: pytest -q", "Denied: Bash"),
    (
        {"outcome": {"hook_event_name": "PostToolBatch", "tool_calls": [REFUSED]}},
        "Ran pytest -q: failed, no file_path",
        "Ran Bash: failed",
    ),
    ({"outcome": {"error": "x", "is_interrupt": True}}, "Interrupted: pytest -q", "Ran Bash: interrupted"),
    ({"interrupted": True, "closed_by": "UserPromptSubmit"}, "Interrupted: pytest -q", "Ran Bash: interrupted"),
    ({"closed_by": "SessionEnd"}, "Unfinished: pytest -q", "Ran Bash: unfinished"),
    (
        {"closed_by": "process_gone", "error_type": "process_gone"},
        "Unfinished, Claude Code was gone: pytest -q",
        "Ran Bash: unfinished",
    ),
]

STOP = {"hook_event_name": "Stop", "last_assistant_message": "\nAll done.\nReally."}

# An event that begins something, what is known besides, what is said, and what without content.
SPANS: list[tuple[str, dict[str, Any], str, str]] = [
    ("UserPromptSubmit", {"outcome": STOP}, "fix it → All done.", "Turn answered"),
    (
        "UserPromptSubmit",
        {"outcome": {"error": "rate_limit"}, "error_type": "rate_limit"},
        "fix it: failed, rate limit",
        "Turn: failed, rate limit",
    ),
    ("UserPromptSubmit", {"interrupted": True}, "fix it: interrupted", "Turn: interrupted"),
    ("UserPromptSubmit", {"closed_by": "SessionEnd"}, "fix it: no answer", "Turn: no answer"),
    (
        "UserPromptSubmit",
        {"closed_by": "process_gone", "error_type": "process_gone"},
        "fix it: failed, process gone",
        "Turn: failed, process gone",
    ),
    ("SubagentStart", {"outcome": STOP}, "Agent scout finished: All done.", "Agent scout finished"),
    ("SubagentStart", {"interrupted": True, "closed_by": "SessionEnd"}, "Agent scout: interrupted", SAME),
    ("SubagentStart", {"closed_by": "SessionEnd"}, "Agent scout: no answer", SAME),
    ("PreCompact", {"outcome": {"trigger": "auto"}}, "Compacted the conversation (auto)", SAME),
    ("PreCompact", {"closed_by": "SessionEnd"}, "Compacting the conversation (auto): unfinished", SAME),
]


@pytest.mark.parametrize(
    ("event", "payload", "said", "bare"), EVENTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_event_has_its_sentence(event: str, payload: dict[str, Any], said: str, bare: str) -> None:
    """What an event tells by itself, with content and without."""
    assert (said, bare or said) == (sentence(event, payload), sentence(event, payload, content=False))


def test_no_known_event_is_missing() -> None:
    """The table above has all events that Claude Code has."""
    assert {event for event, *_ in EVENTS} - {"BrandNewEvent"} == set(KNOWN_EVENTS)


@pytest.mark.parametrize(("tool", "arguments", "response", "said"), TOOLS, ids=[row[3] for row in TOOLS])
def test_a_call_is_told_with_its_result(tool: str, arguments: dict[str, Any], response: object, said: str) -> None:
    """What a tool did, with what, and what came of it."""
    opener = {"cwd": CWD, "tool_name": tool, "tool_use_id": "t1", "tool_input": arguments}
    failed = isinstance(response, str) and tool != "Juggle"
    outcome = {**opener, "error": response} if failed else {**opener, "tool_response": response}

    assert said == sentence("PreToolUse", opener, outcome)


@pytest.mark.parametrize(("known", "said", "bare"), ENDS)
def test_a_call_is_told_with_its_end(known: dict[str, Any], said: str, bare: str) -> None:
    """However a call ended, and by whatever event that is known."""
    assert (said, bare) == (sentence("PreToolUse", BASH, **known), sentence("PreToolUse", BASH, **known, content=False))


@pytest.mark.parametrize(("event", "known", "said", "bare"), SPANS)
def test_turns_agents_and_compactions_are_told_with_their_end(
    event: str, known: dict[str, Any], said: str, bare: str
) -> None:
    """What was asked and how it ended."""
    payload = {"prompt": "fix it\nplease", "agent_type": "scout", "trigger": "auto"}

    told = sentence(event, payload, **known), sentence(event, payload, **known, content=False)

    assert (said, bare or said) == told


def test_the_first_scripts_shape_is_understood() -> None:
    """A command may stand beside the tool's name, without a `tool_input`."""
    assert (
        sentence("PreToolUse", {"tool_name": "Bash", "session_id": "test", "command": "ls -la"})
        == "About to run ls -la"
    )


def test_a_long_command_leaves_room_for_its_end() -> None:
    """The command is cut, not what came of it."""
    told = sentence(
        "PreToolUse", {**BASH, "tool_input": {"command": "x" * 500}}, {"error": "Exit code 1\n3 failed in 1s"}
    )

    assert told == "Ran " + "x" * 97 + "…: exit 1, 3 failed"


def test_a_sentence_is_one_printable_line() -> None:
    """Escapes, line ends, overrides of the writing direction and halves of characters do not get through."""
    told = sentence("PreToolUse", {**BASH, "tool_input": {"command": "a\x1b[31m\u202eb\ud800\n\x00c"}})

    assert told == "About to run a [31m b c"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just("x" * 5000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "tool_name tool_input tool_response tool_calls tool_use_id error prompt source reason trigger agent_type delta "
    "message last_assistant_message background_tasks cwd file_path new_cwd old_cwd name event action task_id content "
    "hook_event_name is_interrupt command_name from_model to_model error_details mcp_server mcp_server_name"
).split()
ARGUMENTS = "command file_path content todos questions pattern path taskId status structuredPatch file isAsync".split()
OBJECT = st.dictionaries(st.sampled_from(ARGUMENTS), ANY, max_size=5)
PAYLOAD = st.dictionaries(st.sampled_from(FIELDS), ANY | OBJECT | st.lists(OBJECT, max_size=3), max_size=8)
TOOL_NAMES = st.sampled_from(sorted({row[0] for row in TOOLS} | {"NotebookEdit", "mcp__", "mcp__a", "Skill"}))


KNOWN = st.fixed_dictionaries(
    {
        "content": st.booleans(),
        "interrupted": st.booleans(),
        "error_type": st.sampled_from(["", "denied", "process_gone"]),
        "closed_by": st.sampled_from(["", "SessionEnd"]),
    }
)


@given(
    st.sampled_from([*sorted(KNOWN_EVENTS), "New", ""]),
    PAYLOAD,
    st.none() | PAYLOAD,
    TOOL_NAMES | st.text(max_size=200),
    KNOWN,
)
def test_any_payload_has_a_sentence(
    event: str, payload: dict[str, Any], outcome: dict[str, Any] | None, tool: str, known: dict[str, Any]
) -> None:
    """Whatever types the fields have: one printable line, not empty, at most 120 characters."""
    payload["tool_name"] = tool

    told = sentence(event, payload, outcome, **known)

    assert 0 < len(told) <= 120
    assert told.isprintable()
    assert told == told.strip()


@given(st.sampled_from([*sorted(KNOWN_EVENTS), "New"]), st.sampled_from(FIELDS), TOOL_NAMES, st.booleans())
def test_without_content_nothing_of_it_is_told(event: str, field: str, tool: str, ended: bool) -> None:
    """A text of the user's, wherever it stands, is not in a sentence without content."""
    said = "said by the user"
    payload: dict[str, Any] = {
        "tool_input": {"command": said, "file_path": said},
        "tool_response": {"stdout": said},
        "tool_calls": [{"tool_name": said, "tool_input": {"command": said}, "tool_response": said}],
        field: said,
        "tool_name": tool,
    }

    told = sentence(event, payload, payload if ended else None, content=False)

    assert said not in told
