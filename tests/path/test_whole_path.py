"""The whole path on one machine: hook, spool, agent, OTLP, graph-exporter, graph, and the commands that look at it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from cc_otel.span import INSTANT_NS
from tests.otlp.receivers import grpc_receiver, spans_in
from tests.path.processes import cc_otel, eventually, record, recorded, rows, serving, still_open


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose socket's path is short enough."""
    return tmp_path / "h"


@pytest.fixture
def up(home: Path) -> Iterator[Path]:
    """A home that ``cc-otel up`` serves."""
    with serving("up", "--home", home):
        yield home


def call(tool: str, *below: list[Any]) -> list[Any]:
    """Return the shape of a call."""
    return [f"execute_tool {tool}", *below]


def shape(tree: list[dict[str, Any]], span_id: str | None = None) -> list[Any]:
    """Give what hangs from a span as nested lists of names, in the order of their starts, calls before instants."""
    below = sorted(
        (row for row in tree if row["parent_id"] == span_id),
        key=lambda row: (row["start_ms"], row["name"].startswith("hook ")),
    )
    return [[row["name"], *shape(tree, row["span_id"])] for row in below]


def test_a_session_becomes_a_tree_in_the_graph(up: Path) -> None:
    """What the real hook recorded of a session is read back from the graph as its tree."""
    for event in recorded("denied"):
        record(up, event["payload"], event["env"])
    assert cc_otel("flush", "--home", up).returncode == 0

    tree = rows(cc_otel("query", "tree", "last", "--json", "--home", up))
    assert shape(tree) == [
        ["session startup", ["hook SessionEnd"]],
        [
            "invoke_agent claude-code",
            call("Bash", ["hook PermissionRequest"]),
            ["hook PostToolBatch"],
            call("Bash"),
            ["hook PostToolBatch"],
            call("Write"),
            ["hook PostToolBatch"],
            call("Edit"),
            ["hook PostToolBatch"],
            call("Read", ["hook PostToolUseFailure"]),
            ["hook PostToolBatch"],
            # The client refused it: its batch alone names it, and both stand at one time.
            call("Read"),
            ["hook PostToolBatch"],
            ["hook MessageDisplay"],
            ["hook Stop"],
        ],
    ]


def test_the_old_one_liner_still_works(up: Path) -> None:
    """The prototype's command line, with only the command changed, prints nothing and its span shows in a query."""
    line = b'{"tool_name": "Bash", "session_id": "test", "command": "ls -la"}'
    done = cc_otel("send", "--source-app", "test", "--event-type", "PreToolUse", "--home", up, stdin=line)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert cc_otel("flush", "--home", up).returncode == 0
    found = rows(cc_otel("query", "spans", "--tool", "Bash", "--text", "ls -la", "--json", "--home", up))
    assert [(s["name"], s["session_id"], s["command"]) for s in found] == [("hook PreToolUse", "test", "ls -la")]


def test_what_a_receiver_missed_arrives_with_its_own_times(home: Path) -> None:
    """A receiver that was down for the whole run gets everything when it is up, with the times it happened at."""
    events = recorded("basic")
    with grpc_receiver() as first:
        port = first.port
    with serving("agent", "--home", home, "--exporter-otlp-endpoint", f"http://127.0.0.1:{port}"):
        stream = home / "stream.jsonl"
        stream.write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
        rows(cc_otel("replay", stream, "--json", "--home", home))
        # Two calls that the client refused have no event of their own.
        eventually(lambda: _status(home)["journal"]["spans_waiting"] == len(events) + 2, "all spans are in the outbox")
        with grpc_receiver(f"127.0.0.1:{port}") as second:
            eventually(lambda: _status(home)["journal"]["spans_waiting"] == 0, "all spans are acknowledged")
            spans = [span for request in second.requests for span in spans_in(request)]

    of_events = [span for span in spans if any(it.key == "cc_otel.hook.event" for it in span.attributes)]
    # The end of a session covers all of it: its time is its end.
    times = [
        span.end_time_unix_nano - INSTANT_NS if span.name == "hook SessionEnd" else span.start_time_unix_nano
        for span in of_events
    ]
    assert sorted(times) == sorted(event["t_ns"] for event in events)


def test_replaying_twice_changes_nothing(up: Path) -> None:
    """A recording that is replayed again leaves the same spans, each once."""
    stream = Path(__file__).parents[1] / "sessions" / "subagent.jsonl"
    for _ in range(2):
        cc_otel("replay", stream, "--home", up)
        cc_otel("flush", "--home", up)

    (session,) = rows(cc_otel("query", "sessions", "--json", "--home", up))
    assert session["spans"] == len(recorded("subagent"))


@pytest.mark.parametrize(
    "payload",
    [
        b"not json",
        b"[1]",
        b"{}",
        b'{"hook_event_name": "Stop"}',
        b'{"session_id": "x"}',
        b'{"session_id": 7, "hook_event_name": "Stop"}',
        b"\0\0\0",
        b"[" * 100_000,
    ],
)
def test_bad_input_is_set_aside_and_counted(up: Path, payload: bytes) -> None:
    """What cannot become an event goes to ``failed/``, is counted, and stops nothing."""
    record(up, payload)
    record(up, {"session_id": "good", "hook_event_name": "Stop"})
    assert cc_otel("flush", "--home", up).returncode == 0

    status = _status(up)
    assert (status["spool"]["events_failed"], status["counts"]["events_failed"]["count"]) == (1, 1)
    assert [s["session_id"] for s in rows(cc_otel("query", "sessions", "--json", "--home", up))] == ["good"]


def test_odd_input_becomes_a_span_all_the_same(up: Path) -> None:
    """Lone surrogates, NULs, unknown events, wrong types and 10 MB of output are kept and stored."""
    odd: list[dict[str, Any]] = [
        {"hook_event_name": "PreToolUse", "tool_name": "\ud83d", "tool_use_id": ["x"], "tool_input": 7},
        {"hook_event_name": "NeverHeardOf", "deep": {"a": [None, {"b": "\u0000"}]}, "": "empty"},
        {"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_response": {"stdout": "y" * 10_000_000}},
        {"hook_event_name": "Stop", "prompt_id": 7, "agent_id": {}, "last_assistant_message": [1, 2], "n": 10**400},
    ]
    for payload in odd:
        record(up, {"session_id": "odd\ud800 a b/../c"} | payload)
    assert cc_otel("flush", "--home", up).returncode == 0

    (session,) = rows(cc_otel("query", "sessions", "--json", "--home", up))
    assert (session["session_id"], session["spans"]) == ("odd\ufffd a b/../c", len(odd))


def test_a_second_agent_says_so_and_leaves(up: Path) -> None:
    """One agent serves a home; the second one tells which does, and ends without an error."""
    second = cc_otel("agent", "--home", up)

    assert second.returncode == 0
    assert b"An agent is running already (pid " in second.stdout


def test_flush_works_without_an_agent(home: Path) -> None:
    """Where no agent runs, ``flush`` delivers what was recorded itself."""
    for event in recorded("mcp"):
        record(home, event["payload"], event["env"])
    assert cc_otel("flush", "--home", home).returncode == 0

    (session,) = rows(cc_otel("query", "sessions", "--json", "--home", home))
    assert session["spans"] == len(recorded("mcp"))
    assert _status(home)["agent"]["running"] is False


def killed_in_the_middle(home: Path, *, watched: bool) -> None:
    """Record a client that is killed while a tool of its turn runs; ``watched``, after an agent has heard of it."""
    with subprocess.Popen(["sleep", "600"]) as client:
        record(home, {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}, pid=client.pid)
        prompt = {"session_id": "s", "prompt_id": "p", "hook_event_name": "UserPromptSubmit", "prompt": "go"}
        record(home, prompt, pid=client.pid)
        call = {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "t", "tool_input": {}}
        record(home, {**prompt, **call}, pid=client.pid)
        if watched:
            eventually(lambda: still_open(home) == ["UserPromptSubmit", "PreToolUse"], "the agent heard of both")
        client.kill()


@pytest.mark.parametrize("running", [True, False], ids=["an agent runs", "no agent runs"])
def test_flush_waits_for_what_a_killed_client_left_open(home: Path, *, running: bool) -> None:
    """What a client that is gone had open is closed and delivered before ``flush`` returns, whoever works."""
    with serving("up", "--home", home) if running else nullcontext():
        killed_in_the_middle(home, watched=running)
        done = cc_otel("flush", "--home", home)
        tree = rows(cc_otel("query", "spans", "--status", "ERROR", "--json", "--home", home))

    assert (done.returncode, done.stdout) == (0, b"Everything recorded is delivered.\n")
    assert {(span["name"], span["error_type"]) for span in tree} == {("invoke_agent claude-code", "process_gone")}


def test_flush_closes_what_clients_without_a_pid_left_open(home: Path) -> None:
    """Where ``flush`` works itself, what a client that names no process had open is closed and delivered too."""
    for name in ("UserPromptSubmit", "PreToolUse"):
        event = {"session_id": "s", "prompt_id": "p", "hook_event_name": name, "tool_name": "Bash", "tool_use_id": "t"}
        cc_otel("send", "--no-start", "--home", home, stdin=json.dumps(event).encode())

    assert cc_otel("flush", "--home", home).returncode == 0
    found = rows(cc_otel("query", "spans", "--json", "--home", home))
    assert {"invoke_agent claude-code", "execute_tool Bash"} == {span["name"] for span in found}


def test_flush_does_not_wait_for_a_client_that_lives(up: Path) -> None:
    """A turn that is going on is not waited for."""
    prompt = {"session_id": "s", "prompt_id": "p", "hook_event_name": "UserPromptSubmit", "prompt": "go"}
    record(up, {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"})
    record(up, prompt)

    done = cc_otel("flush", "--home", up)
    assert (done.returncode, done.stdout) == (0, b"Everything recorded is delivered. Spans that go on: 1.\n")
    assert _status(up)["journal"]["spans_open"] == 1
    assert [span["name"] for span in rows(cc_otel("query", "spans", "--json", "--home", up))] == ["session startup"]


def test_flush_that_cannot_deliver_says_so(home: Path) -> None:
    """``flush`` ends with code 1, and says how much still waits, when time runs out."""
    record(home, {"session_id": "s", "hook_event_name": "Stop"})
    done = cc_otel("flush", "--home", home, "--timeout", "3", "--exporter-otlp-endpoint", "http://127.0.0.1:9")

    assert done.returncode == 1
    assert b"1 events and spans were not delivered" in done.stderr


def test_what_failed_can_be_tried_again(home: Path) -> None:
    """An event set aside that is replayed leaves ``failed/``; if it fails again, it is there once."""
    cc_otel("send", "--no-start", "--home", home, stdin=b"no JSON")
    cc_otel("flush", "--home", home)
    failed = home / "spool" / "failed"
    for _ in range(2):
        cc_otel("replay", "--home", home, *failed.iterdir())
        cc_otel("flush", "--home", home)

    assert len(list(failed.iterdir())) == 1


def test_events_that_the_graph_will_not_keep_are_told(home: Path, tmp_path: Path) -> None:
    """``replay`` says how many of its events are older than the graph keeps any."""
    stream = tmp_path / "old.jsonl"
    event = {"t_ns": 10**18, "env": {}, "payload": {"session_id": "s", "hook_event_name": "Stop"}}
    stream.write_text(json.dumps(event) + "\n")
    told, kept = (cc_otel("replay", "--home", home, *more, stream) for more in ((), ("--retention-days", "0")))

    assert b"1 of them are older than retention_days (30)" in told.stderr
    assert kept.stderr.strip() == b""


def test_recording_can_be_paused(home: Path) -> None:
    """Between ``off`` and ``on`` nothing is recorded."""
    record(home, {"session_id": "before", "hook_event_name": "Stop"})
    cc_otel("off", "--home", home)
    record(home, {"session_id": "between", "hook_event_name": "Stop"})
    cc_otel("send", "--home", home, stdin=b'{"session_id": "between", "hook_event_name": "Stop"}')
    cc_otel("on", "--home", home)
    record(home, {"session_id": "after", "hook_event_name": "Stop"})

    assert _status(home)["spool"]["events_waiting"] == 2


def test_a_home_that_was_never_used_has_a_status(home: Path) -> None:
    """``status`` tells of an empty home without making one."""
    status = _status(home)

    assert (status["agent"]["running"], status["spool"]["events_waiting"], status["counts"]) == (False, 0, {})
    assert not home.exists()


def test_prune_removes_what_its_dry_run_counts(up: Path) -> None:
    """What would be removed is what is removed; before its time nothing is."""
    record(up, {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"})
    cc_otel("flush", "--home", up)
    (early,) = rows(cc_otel("prune", "--json", "--home", up))
    (counted,) = rows(cc_otel("prune", "--json", "--dry-run", "--ahead", "31", "--home", up))
    (removed,) = rows(cc_otel("prune", "--json", "--ahead", "31", "--home", up))

    assert sum(early.values()) == 0
    assert counted == removed
    assert (removed["spans"], removed["sessions"]) == (1, 1)
    assert rows(cc_otel("query", "sessions", "--json", "--home", up)) == []


def test_the_demo_shows_a_tree_and_leaves_nothing_running() -> None:
    """``demo`` prints a turn, its tools, a subagent and a failure, read back from the graph, and says where."""
    done = cc_otel("demo")
    told = done.stdout.decode()

    assert done.returncode == 0, done.stderr.decode()
    for part in ("turn ", "Bash ", "agent general-purpose", "exit_code"):
        assert part in told
    assert "32 spans, read back from the graph; 7 model calls; 7,221 tokens in, 361 out; $0.0356; 1 failed." in told
    assert len([line for line in told.splitlines() if line.startswith("  ") and " query " in line]) == 3
    home = Path(told.split("The data is in ")[1].split(" (")[0])
    assert _status(home)["agent"]["running"] is False


def _status(home: Path) -> dict[str, Any]:
    (status,) = rows(cc_otel("status", "--json", "--home", home))
    return status
