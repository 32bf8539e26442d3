"""Untyped JSON becomes events: every field read as it is sent, nothing believed, nothing raised but Unreadable."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_otel.claude_code import payload as payloads
from cc_otel.claude_code.payload import NAME_LENGTH_MAX, Unreadable, exit_code, input_of, parse, read
from cc_otel.event import Anchor, Call, Cause, Handler, HookEvent, Interruption, ModelCall, Observation, Occurrence
from tests.agent.strategies import json_values, samples
from tests.sessions.loader import NAMES, records

VARIABLES = {
    "CLAUDE_PID": "4242",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "CLAUDE_PLUGIN_ROOT": "/plugin",
    "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "AI_AGENT": "claude-code_2-1-330_harness",
    "CC_OTEL_SOURCE_APP": "demo",
}


def event_of(payload: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> HookEvent:
    """Read a payload as recorded at one time."""
    return read({"session_id": "s", **payload}, variables or {}, clock_ns=7, digest="d")


# Reading


def test_an_event_holds_identity_and_no_content() -> None:
    """What says who, when, which call and under which prompt is kept; what was said is not."""
    payload = {
        "session_id": "s",
        "transcript_path": "/home/dev/.claude/projects/p/s.jsonl",
        "cwd": "/home/dev",
        "prompt_id": "p",
        "agent_id": "a",
        "agent_type": "scout",
        "hook_event_name": "PostToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "echo secret"},
        "tool_response": {"stdout": "secret", "text": "not an agent's id"},
        "tool_use_id": "t",
        "duration_ms": 28,
    }

    event = read(payload, VARIABLES, clock_ns=7, digest="d", truncated=True)

    assert (
        HookEvent(
            name="PostToolUse",
            anchor=Anchor.CALL,
            handler=Handler.CALL_RESULT,
            clock_ns=7,
            session_id="s",
            digest="d",
            pid=4242,
            plugin_root="/plugin",
            entrypoint="cli",
            trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            client="claude-code_2-1-330_harness",
            source_app="demo",
            transcript_path="/home/dev/.claude/projects/p/s.jsonl",
            prompt_id="p",
            agent_id="a",
            agent_type="scout",
            tool_use_id="t",
            tool_name="Bash",
            duration_ms=28.0,
            truncated=True,
        )
        == event
    )


def test_what_is_absent_counts_as_unknown() -> None:
    """An event needs a name and a session, and nothing else."""
    assert HookEvent("Anything", 7, "s", "d") == event_of({"hook_event_name": "Anything"})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"hook_event_name": "Stop"}, "no session_id"),
        ({"hook_event_name": "Stop", "session_id": ""}, "no session_id"),
        ({"hook_event_name": "Stop", "session_id": 5}, "no session_id"),
        ({"session_id": "s"}, "no hook_event_name"),
        ({"session_id": "s", "hook_event_name": None}, "no hook_event_name"),
        ({}, "no session_id"),
    ],
)
def test_an_event_without_a_session_or_a_name_is_none(payload: dict[str, Any], reason: str) -> None:
    """A payload that names no session or no event says so."""
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        read(payload, {}, clock_ns=7, digest="d")


def test_names_have_a_length() -> None:
    """Ids and names are cut to a length that real ones never have."""
    event = event_of({"hook_event_name": "x" * 9999, "tool_use_id": "y" * 9999})

    assert (event.name, event.tool_use_id) == ("x" * NAME_LENGTH_MAX, "y" * NAME_LENGTH_MAX)


@pytest.mark.parametrize(
    ("text", "pid"),
    [
        ("4242", 4242),
        ("123456789", 123456789),
        ("", 0),
        ("0", 0),
        ("-1", 0),
        ("1e3", 0),
        ("४२", 0),
        ("9999999999", 0),
        (" 7", 0),
    ],
)
def test_a_pid_that_is_none_counts_as_unknown(text: str, pid: int) -> None:
    """Only a number that can be a pid is one."""
    assert pid == event_of({"hook_event_name": "Stop"}, {"CLAUDE_PID": text}).pid


@pytest.mark.parametrize(
    ("value", "duration_ms"),
    [
        (28, 28.0),
        (0, 0.0),
        (1.5, 1.5),
        (-1, -1.0),
        (True, -1.0),
        ("28", -1.0),
        (None, -1.0),
        (math.nan, -1.0),
        (math.inf, -1.0),
        (10**400, -1.0),
    ],
)
def test_a_duration_that_is_none_counts_as_unknown(value: object, duration_ms: float) -> None:
    """Only a number of milliseconds that a tool can have run is a duration."""
    assert duration_ms == event_of({"hook_event_name": "PostToolUse", "duration_ms": value}).duration_ms


def test_an_empty_plugin_root_is_another_wiring_than_none() -> None:
    """A handler of a plugin is told from a handler of the settings."""
    roots = [
        event_of({"hook_event_name": "Stop"}, variables).plugin_root for variables in ({}, {"CLAUDE_PLUGIN_ROOT": ""})
    ]

    assert roots == ["-", ""]


def test_a_permission_request_has_the_input_of_its_call() -> None:
    """Call and request are matched by their input, in whatever order its keys come, and no other event's is read."""
    call, request, other, result = (
        event_of({"hook_event_name": name, "tool_input": tool_input}).input_digest
        for name, tool_input in [
            ("PreToolUse", {"a": 1, "b": [2]}),
            ("PermissionRequest", {"b": [2], "a": 1}),
            ("PermissionRequest", {"b": [3], "a": 1}),
            ("PostToolUse", {"a": 1, "b": [2]}),
        ]
    )

    assert call == request
    assert call != other
    assert result == ""


@pytest.mark.parametrize(
    ("tool_name", "tool_input", "subagent_type"),
    [
        ("Agent", {"subagent_type": "scout"}, "scout"),
        ("Task", {"subagent_type": "scout"}, "scout"),
        ("Agent", {}, "general-purpose"),
        ("Agent", "nonsense", "general-purpose"),
        ("Workflow", {"script": "…"}, "workflow-subagent"),
        ("Skill", {"skill": "review"}, "*"),
        ("Bash", {"subagent_type": "scout"}, ""),
    ],
)
def test_an_agent_call_asks_for_a_type(tool_name: str, tool_input: object, subagent_type: str) -> None:
    """A call of the subagent tool asks for a type of subagent, general-purpose where it does not say."""
    event = event_of({"hook_event_name": "PreToolUse", "tool_name": tool_name, "tool_input": tool_input})

    assert subagent_type == event.subagent_type


@pytest.mark.parametrize(
    ("name", "tool_name", "response", "agent_id"),
    [
        ("PostToolUse", "Agent", {"agentId": "a", "status": "async_launched"}, "a"),
        ("PostToolUse", "Task", {"agentId": "a", "status": "completed"}, "a"),
        ("PostToolUse", "Agent", "a", ""),
        ("PostToolUse", "mcp__x__y", {"agentId": "a"}, "a"),
        ("PostToolUse", "Agent", {"status": "teammate_spawned", "agent_id": "a"}, "a"),
        ("PostToolUse", "Other", {"result": {"agentId": "a"}}, ""),
        ("PostToolUseFailure", "Agent", {"agentId": "a"}, ""),
    ],
)
def test_an_agent_call_answers_which_subagent_it_launched(
    name: str, tool_name: str, response: object, agent_id: str
) -> None:
    """A result of any tool that names a subagent says so, at its top and nowhere else."""
    event = event_of({"hook_event_name": name, "tool_name": tool_name, "tool_response": response})

    assert agent_id == event.launched_agent_id


@pytest.mark.parametrize(
    ("response", "denied"),
    [
        ("Permission to use Bash with command rm a.txt has been denied.", True),
        (f"Permission to use Bash with command {'echo a; ' * 1000} has been denied.", True),
        ("Claude requested permissions to write to /a, but you haven't granted it yet.", True),
        ("Claude requested permissions to use mcp__calc__add, but you haven't granted it yet.", True),
        ("touch in '/home/dev/project/x.txt' needs approval. The path is inside the working directories", True),
        ("PreToolUse:Write hook error: [echo nope-by-hook >&2; exit 2]: nope-by-hook\n", True),
        ("PreToolUse:Edit hook error: json deny", True),
        ("The user doesn't want to proceed with this tool use. The tool use was rejected (eg. ...", True),
        ("The user doesn't want to take this action right now. STOP what you are doing", True),
        ("File does not exist. Note: your current working directory is /home/dev/project.", False),
        ("<tool_use_error>InputValidationError: Read failed</tool_use_error>", False),
        ("all done", False),
        ("", False),
        (None, False),
        ([{"type": "text", "text": "Permission to use Bash has been denied."}], False),
    ],
)
def test_a_batch_says_which_calls_were_denied(response: object, denied: bool) -> None:
    """A call that a batch names was denied only where its response says so."""
    calls = [{"tool_name": "Bash", "tool_use_id": "t", "tool_response": response}]

    [call] = event_of({"hook_event_name": "PostToolBatch", "tool_calls": calls}).calls

    assert (call.tool_use_id, call.tool_name, call.denied) == ("t", "Bash", denied)


REFUSED = "<tool_use_error>"


@pytest.mark.parametrize(
    ("response", "error_type"),
    [
        (f"{REFUSED}Error: No such tool available: Grep. Grep is not available</tool_use_error>", "unknown_tool"),
        (f"{REFUSED}InputValidationError: Read failed due to the following issues:", "invalid_input"),
        (f"{REFUSED}String to replace not found in file.\nString: a file that does not exist", "string_not_found"),
        (f"{REFUSED}Found 3 matches of the string to replace, but replace_all is false.", "ambiguous_match"),
        (f"{REFUSED}No changes to make: old_string and new_string are exactly the same.", "no_change"),
        (f"{REFUSED}File has not been read yet. Read it first before writing to it.", "not_read"),
        (f"{REFUSED}File has been modified since read, either by the user or by a linter.", "modified_since_read"),
        (f"{REFUSED}File is in a directory that is denied by your permission settings.", "denied"),
        (f"{REFUSED}File does not exist.", "not_found"),
        (f"{REFUSED}Blocked: standalone sleep 60. Run it in the background.", "blocked"),
        (f"{REFUSED}Something that nobody has seen yet", "refused"),
        ("No such tool available", ""),
        (f"It said {REFUSED}", ""),
        ([{"type": "text", "text": f"{REFUSED}File does not exist."}], ""),
    ],
)
def test_a_batch_says_which_calls_the_client_refused_and_why(response: object, error_type: str) -> None:
    """A response that begins with the client's tag is a refusal, of one of a few classes."""
    calls = [{"tool_name": "Bash", "tool_use_id": "t", "tool_response": response}]

    [call] = event_of({"hook_event_name": "PostToolBatch", "tool_calls": calls}).calls

    assert call.error_type == error_type


@pytest.mark.parametrize("calls", [None, "t", {"tool_use_id": "t"}, [None, "t", [], {}, {"tool_use_id": 5}]])
def test_a_batch_that_names_no_call_names_none(calls: object) -> None:
    """What is no list of calls with an id names no call."""
    assert event_of({"hook_event_name": "PostToolBatch", "tool_calls": calls}).calls == ()


@pytest.mark.parametrize(
    ("name", "error", "error_type"),
    [
        ("PostToolUseFailure", "Exit code 3\nto-stderr", "exit_code"),
        ("PostToolUseFailure", "Exit code 143\nCommand timed out after 1s", "timeout"),
        ("PostToolUseFailure", "File does not exist.", "tool_error"),
        ("PostToolUseFailure", {"message": "x"}, "tool_error"),
        ("PermissionDenied", None, "denied"),
        ("StopFailure", "rate_limit", "rate_limit"),
        ("StopFailure", None, "unknown"),
        ("StopFailure", "", "unknown"),
        ("StopFailure", "x" * 100, "x" * 64),
        ("PostToolUse", "x", ""),
    ],
)
def test_a_failure_has_a_class(name: str, error: object, error_type: str) -> None:
    """What failed is told by one of few words."""
    assert error_type == event_of({"hook_event_name": name, "error": error}).error_type


@pytest.mark.parametrize(("value", "interrupted"), [(True, True), (False, False), ("true", False), (1, False)])
def test_only_the_client_says_that_the_user_interrupted(value: object, interrupted: bool) -> None:
    """A failure is an interruption where the client says so in so many words."""
    assert interrupted == event_of({"hook_event_name": "PostToolUseFailure", "is_interrupt": value}).interrupted


@pytest.mark.parametrize(
    ("prompt", "tool_use_id"),
    [
        ("<task-notification>\n<task-id>b</task-id>\n<tool-use-id>t</tool-use-id>", "t"),
        ("<task-notification>\n<task-id>b</task-id>", ""),
        ("look at <task-notification><tool-use-id>t</tool-use-id>", ""),
        (["<task-notification><tool-use-id>t</tool-use-id>"], ""),
    ],
)
def test_a_notification_names_the_call_that_launched_the_task(prompt: object, tool_use_id: str) -> None:
    """A prompt that a finished background task began says which call had launched the task."""
    assert tool_use_id == event_of({"hook_event_name": "UserPromptSubmit", "prompt": prompt}).notified_by


@pytest.mark.parametrize(
    ("error", "code"),
    [("Exit code 3\nx", 3), ("Exit code -9", -9), ("Exit code 3x", None), ("It said Exit code 3", None), (3, None)],
)
def test_a_failed_command_has_an_exit_code(error: object, code: int | None) -> None:
    """The exit code is what the error begins with."""
    assert code == exit_code(error)


# To the journal and back


def test_an_event_comes_back_from_the_journal_as_it_went() -> None:
    """An event with everything in it is the same after the journal kept it."""
    event = HookEvent(
        "SessionStart",
        1 << 62,
        "s",
        "d",
        Anchor.NONE,
        Handler.SESSION_START,
        id=5,
        pid=4242,
        plugin_root="",
        duration_ms=0.0,
        calls=(Call("t", denied=True), Call("u")),
        interrupted=True,
        truncated=True,
        gone_pids=(1, 2),
        interruptions=(Interruption("p", 3),),
        agent_tool_use_id="t",
    )

    assert event == payloads.event_of(event.to_json(), 5)


def test_the_journal_keeps_only_what_an_event_says() -> None:
    """What is unknown takes no room."""
    assert (
        HookEvent("Stop", 7, "s", "d", id=9).to_json() == b'{"name":"Stop","clock_ns":7,"session_id":"s","digest":"d"}'
    )


# Parsing


@pytest.mark.parametrize(
    ("data", "members"),
    [
        (b'{"a":1}\n', {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (rb'{"a":"\ud83d"}', {"a": "\ufffd"}),
        (rb'{"\udc00":["x\ud83d\ude00\ud83d"]}', {"\ufffd": ["x😀\ufffd"]}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (rb'{"a":"\u0000\u001b"}', {"a": "\x00\x1b"}),
        (b'{"a":Infinity}', {"a": math.inf}),
        (b'{"a":123456789012345678901234567890}', {"a": 1.2345678901234568e29}),
        (b"{}", {}),
    ],
)
def test_a_payload_is_read_as_clients_write_it(data: bytes, members: dict[str, Any]) -> None:
    """Byte-order marks, halves of characters and numbers that JSON lacks are read, as text that can be sent."""
    assert (members, True) == parse(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a', "not JSON"),
        (b"[1]", "a JSON list, not an object"),
        (b"5", "a JSON int, not an object"),
        (b"null", "a JSON NoneType, not an object"),
        (b'"x"', "a JSON str, not an object"),
        (b"[" * 100_000, "nested too deeply|not JSON"),
        (b'{"a":' * 100_000, "nested too deeply|not JSON"),
    ],
)
def test_what_is_no_object_says_what_it_is(data: bytes, reason: str) -> None:
    """What cannot become an event says why, in words for a person."""
    with pytest.raises(Unreadable, match=f"^({reason})$"):
        parse(data)


@pytest.mark.parametrize(
    ("data", "members"),
    [
        (b'{"a":1,"b":"x', {"a": 1}),
        (b'{"a":{"b":[1,2]},"c":', {"a": {"b": [1, 2]}}),
        (b'{"a":"x","b":12', {"a": "x"}),
        (b'{"a":"x","b":tru', {"a": "x"}),
        (b'{"a":"x",', {"a": "x"}),
        (b'{ "a" : 1 , "b" : [ ', {"a": 1}),
        (rb'{"a":"\ud83d","b', {"a": "\ufffd"}),
        (b'{"a":"x"} trailing', {"a": "x"}),
        (b'{"a":"\n\x00"}', {"a": "\n\x00"}),
        (b'{"a":"x","b":0.', {"a": "x"}),
    ],
)
def test_of_a_payload_that_was_cut_the_whole_members_are_kept(data: bytes, members: dict[str, Any]) -> None:
    """A client that died while it wrote leaves what it had written, and nothing half-written counts."""
    assert (members, False) == parse(data)


def test_every_cut_of_a_real_payload_gives_its_first_members() -> None:
    """Wherever a real payload is cut, the members that are whole by then are kept, or it says that there are none."""
    for record in samples():
        payload = record["payload"]
        data = json.dumps(payload, separators=(",", ":")).encode()
        ends = _ends(payload)
        for length in range(len(data)):
            whole = {key: payload[key] for key, end in ends.items() if end <= length}

            assert (whole or ("not JSON" if length else "empty")) == _parsed(data[:length])


def _ends(payload: dict[str, Any]) -> dict[str, int]:
    """Return where each member is over, with the comma or brace that says so: as many bytes are needed to know it."""
    ends = {}
    position = 1
    for key, value in payload.items():
        position += len(json.dumps({key: value}, separators=(",", ":"))) - 1
        ends[key] = position
    return ends


@settings(max_examples=500, deadline=None)
@given(
    st.binary()
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | json_values.map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_stop_the_reader(data: bytes) -> None:
    """Any bytes are an object whose text can be sent, or say why not."""
    found = _parsed(data)

    assert found or found == {}
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize("end", ["}", ',"b":1}', ',"b":tru', ""])
@pytest.mark.parametrize("leaf", ["1", r'"\ud83d"'])
def test_nesting_stops_nothing(leaf: str, end: str) -> None:
    """However deep a payload is nested, and wherever it was cut, it is an event or says why not."""
    for depth in [200, 300, *range(850, 1030), 5000]:
        nested = "[" * depth + leaf + "]" * depth
        found = _parsed(f'{{"session_id":"s","hook_event_name":"PreToolUse","tool_input":{nested}{end}'.encode())
        name = found if isinstance(found, str) else event_of(found).name

        assert name in {"nested too deeply", "PreToolUse"}


def _parsed(data: bytes) -> dict[str, Any] | str:
    """Return the payload, or why there is none."""
    try:
        return parse(data)[0]
    except Unreadable as error:
        return str(error)


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_payload_is_read_whole(name: str) -> None:
    """What clients really sent is read as it is."""
    for record in records(name):
        data = json.dumps(record["payload"]).encode()

        assert (record["payload"], True) == parse(data)


# What earlier versions wrote


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (
            b'{"name":"ModelCall","clock_ns":1,"session_id":"s","digest":"m","model":"x","ended_ns":5,"asked_for":["t"]}',
            ModelCall(1, "s", "m", id=3, model="x", ended_ns=5, asked_for=("t",)),
        ),
        (
            b'{"name":"PostToolBatch","clock_ns":1,"session_id":"s","digest":"d","calls":[{"tool_use_id":"t","denied":true}]}',
            HookEvent(
                "PostToolBatch",
                1,
                "s",
                "d",
                Anchor.ENDED_TOO,
                Handler.BATCH,
                id=3,
                calls=(Call("t", denied=True),),
            ),
        ),
        (
            b'{"cause":"process_gone","session_id":"s","pid":2,"clock_ns":1,"interruptions":[]}',
            Observation(Cause.PROCESS_GONE, "s", 2, 1),
        ),
    ],
)
def test_an_input_of_an_earlier_version_is_read(stored: bytes, told: Occurrence) -> None:
    """The journal of an earlier version holds model calls, calls and observations with fewer fields."""
    assert input_of(stored, 3) == told


def test_a_model_call_comes_back_from_the_journal_as_it_went() -> None:
    """A model call is the same after the journal kept it, and is no hook event."""
    call = ModelCall(1, "s", "m", 3, 4, "p", "a", "overloaded_error", "x", 5, ("t",), 6)

    assert input_of(call.to_json(), 3) == call
