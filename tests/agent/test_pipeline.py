"""The agent's rounds, on a real spool and a real journal; the time is told."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded

from cc_otel import conventions as c
from cc_otel.agent.describe import Describer
from cc_otel.agent.pipeline import SESSIONS_MAX, Agent, Limits
from cc_otel.agent.tree import unplaced
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.event import HookEvent
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.journal import Journal
from cc_otel.span import INSTANT_NS
from cc_otel.spool import Spool
from cc_otel.view.undelivered import owed

SESSIONS: Final = Path(__file__).parents[1] / "sessions"
NAMES: Final = ("subagent", "denied", "kill_sigkill", "compact", "made_ambiguous_agents")
SECOND_NS: Final = 1_000_000_000


class Workshop:
    """A home without threads: write events, go round, look at what waits to be sent."""

    def __init__(
        self, home: Path, *, with_content: bool = True, journal_bytes_max: int = 1 << 40, keep_s: float = 1e9
    ) -> None:
        self.home = home
        self.spool = Spool(home / "spool", 1 << 40)
        self.spool.prepare()
        self._with_content = with_content
        self._limits = Limits(journal_bytes_max, keep_s, 3600.0)
        self.restart()

    def restart(self) -> None:
        """Forget everything but what is on disk, as kill -9 would."""
        self.journal = Journal(self.home / "journal.db")
        describer = Describer({}, value_bytes_max=16384, with_content=self._with_content)
        self.agent = Agent(self.spool, self.journal, describer, Transcripts(self.home / "projects"), self._limits)

    def record(self, payload: dict[str, Any], clock_ns: int | None = None, **variables: str) -> None:
        """Write an event as the hook would."""
        self.spool.write(json.dumps(payload).encode(), variables, clock_ns)

    def settle(self, after_s: float = 10.0) -> None:
        """Go round until there is nothing to do, as if it were so much later."""
        now_ns = time.time_ns() + int(after_s * SECOND_NS)
        while self.agent.round(now_ns):
            pass

    def spans(self) -> dict[str, Encoded]:
        """Return the spans that wait, by name; of equal names the last."""
        return {span.name: span for span in self.encoded()}

    def encoded(self) -> list[Encoded]:
        """Return the spans that wait."""
        return [Encoded.FromString(parcel.span) for parcel in self.journal.outbox.waiting(10_000, 1 << 30)]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A workshop with content."""
    return Workshop(tmp_path)


def attributes(span: Encoded) -> dict[str, Any]:
    """Return a span's attributes as Python values."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


def events_of(name: str) -> Iterator[tuple[bytes, dict[str, str], int]]:
    """Return the events of a recorded session."""
    for line in (SESSIONS / f"{name}.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)
        yield json.dumps(event["payload"]).encode(), event["env"], event["t_ns"]


@pytest.mark.parametrize("name", NAMES)
def test_killed_after_every_event_it_sends_the_same_bytes(tmp_path: Path, name: str) -> None:
    """However often the agent starts anew, the spans are those of one that ran through, byte for byte."""
    through, killed = Workshop(tmp_path / "through"), Workshop(tmp_path / "killed")
    for workshop in (through, killed):
        for event in events_of(name):
            workshop.spool.write(*event)
            workshop.settle(0.2)
            if workshop is killed:
                workshop.restart()
        workshop.settle(100_000)

    expected = {(parcel.span_id, parcel.span) for parcel in through.journal.outbox.waiting(1000, 1 << 30)}
    assert expected == {(parcel.span_id, parcel.span) for parcel in killed.journal.outbox.waiting(1000, 1 << 30)}
    of_events = [span for _, span in expected if c.HOOK_EVENT.encode() in span]
    assert len(of_events) == len(list(events_of(name)))


def test_a_file_left_by_a_crash_is_no_second_event(workshop: Workshop, tmp_path: Path) -> None:
    """A file whose event the journal has is removed, and nothing else happens."""
    workshop.record({"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"})
    (waiting,) = (tmp_path / "spool" / "new").iterdir()
    status = waiting.stat()
    content = waiting.read_bytes()
    workshop.settle()
    waiting.write_bytes(content)
    os.utime(waiting, ns=(status.st_atime_ns, status.st_mtime_ns))
    workshop.settle()

    assert [span.name for span in workshop.encoded()] == ["session startup"]
    assert workshop.spool.count() == 0


def test_an_event_that_was_cut_keeps_what_can_be_read(workshop: Workshop) -> None:
    """A payload that its writer did not finish becomes a span of its whole members, marked as truncated."""
    whole = json.dumps(
        {"session_id": "s", "hook_event_name": "Stop", "stop_hook_active": True, "rest": "x" * 99}
    ).encode()
    workshop.spool.write(whole[:-50], {})
    workshop.settle()

    span = workshop.spans()["hook Stop"]
    assert attributes(span)["cc_otel.payload.stop_hook_active"] is True
    assert "cc_otel.truncated" in attributes(span)


def test_a_client_that_dies_closes_what_it_had_open(workshop: Workshop) -> None:
    """When the client's process is gone, what it had open ends, the turn with the one error that this is."""
    with subprocess.Popen(["sleep", "600"]) as client:
        pid = str(client.pid)
        workshop.record({"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt_id": "p"}, CLAUDE_PID=pid)
        tool = {"hook_event_name": "PreToolUse", "prompt_id": "p", "tool_use_id": "t", "tool_name": "Bash"}
        workshop.record({"session_id": "s"} | tool, CLAUDE_PID=pid)
        workshop.settle(5)
        workshop.settle(7)
        assert workshop.encoded() == []
        client.kill()
    workshop.settle(15)

    assert {"invoke_agent claude-code", "execute_tool Bash"} == workshop.spans().keys()
    assert {span.name: attributes(span).get("error.type") for span in workshop.encoded()} == {
        "invoke_agent claude-code": "process_gone",
        "execute_tool Bash": None,
    }


def test_what_a_killed_client_had_open_ends_when_it_was_last_seen_alive(workshop: Workshop) -> None:
    """A call that ran for seconds after its last event has lasted as long as its client was seen alive."""
    with subprocess.Popen(["sleep", "600"]) as client:
        now_ns, pid = time.time_ns(), str(client.pid)
        for name, given in {"UserPromptSubmit": {}, "PreToolUse": {"tool_use_id": "t", "tool_name": "Bash"}}.items():
            workshop.record(
                {"session_id": "s", "prompt_id": "p", "hook_event_name": name} | given, now_ns, CLAUDE_PID=pid
            )
        workshop.settle(1)
        workshop.settle(9)
        client.kill()
    workshop.settle(15)

    call = workshop.spans()["execute_tool Bash"]
    assert attributes(call)["cc_otel.last_seen"] is True
    assert 8.9 < (call.end_time_unix_nano - call.start_time_unix_nano) / SECOND_NS < 10


def test_a_client_found_dead_by_the_next_was_last_seen_alive_too(workshop: Workshop) -> None:
    """Resumed before its death was noticed, a session's call ends when the agent last saw its client alive."""
    with subprocess.Popen(["sleep", "600"]) as client:
        now_ns, pid = time.time_ns(), str(client.pid)
        call = {"session_id": "s", "hook_event_name": "PreToolUse", "tool_use_id": "t", "tool_name": "Bash"}
        workshop.record({"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}, CLAUDE_PID=pid)
        workshop.record(call, now_ns, CLAUDE_PID=pid)
        workshop.settle(3)
        workshop.settle(6)
        client.kill()
    resumed = {"session_id": "s", "hook_event_name": "SessionStart", "source": "resume"}
    workshop.record(resumed, now_ns + 7 * SECOND_NS, CLAUDE_PID=str(os.getpid()))
    workshop.settle(7.5)

    ended = workshop.spans()["execute_tool Bash"]
    assert attributes(ended)["cc_otel.closed_by"] == "process_gone"
    assert 5.9 < (ended.end_time_unix_nano - ended.start_time_unix_nano) / SECOND_NS < 7


@pytest.mark.parametrize("run", ["one", "two"])
def test_a_file_on_disk_proves_which_call_launched_a_subagent(workshop: Workshop, run: str) -> None:
    """The folder that a subagent's transcript is found in, at any of its events, proves the workflow; it is kept."""
    project = workshop.home / "projects" / "p"
    runs = {name: project / "s" / "subagents" / "workflows" / name for name in ("one", "two")}
    base = {"session_id": "s", "prompt_id": "p", "transcript_path": str(project / "s.jsonl")}
    workshop.record(base | {"hook_event_name": "UserPromptSubmit"})
    for name, folder in runs.items():
        call = base | {"tool_name": "Workflow", "tool_use_id": name}
        workshop.record(call | {"hook_event_name": "PreToolUse"})
        response = {"status": "async_launched", "transcriptDir": str(folder)}
        workshop.record(call | {"hook_event_name": "PostToolUse", "tool_response": response})
    agent = base | {"agent_id": "a", "agent_type": "workflow-subagent"}
    workshop.record(agent | {"hook_event_name": "SubagentStart"})
    workshop.settle(1)
    runs[run].mkdir(parents=True)
    (runs[run] / "agent-a.jsonl").touch()
    workshop.record(agent | {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "t"})
    workshop.settle(1)
    workshop.restart()
    workshop.record(agent | {"hook_event_name": "SubagentStop"})
    workshop.settle(1)

    calls = {attributes(span).get("gen_ai.tool.call.id"): span.span_id for span in workshop.encoded()}
    assert workshop.spans()["invoke_agent workflow-subagent"].parent_span_id == calls[run]


def test_a_forgotten_session_sends_no_id_again(tmp_path: Path) -> None:
    """Events of a session that was sent and forgotten are late instants with ids of their own."""
    workshop = Workshop(tmp_path, keep_s=3600.0)
    now_ns = time.time_ns()
    turn = [
        {"hook_event_name": "SessionStart", "source": "startup"},
        {"hook_event_name": "UserPromptSubmit", "prompt_id": "p"},
        {"hook_event_name": "PreToolUse", "prompt_id": "p", "tool_use_id": "t", "tool_name": "Bash"},
        {"hook_event_name": "Stop", "prompt_id": "p"},
    ]
    for number, payload in enumerate(turn):
        workshop.record({"session_id": "s"} | payload, now_ns + number)
    workshop.settle(10)
    sent = workshop.encoded()
    workshop.journal.outbox.acknowledge(workshop.journal.outbox.waiting(100, 1 << 30))
    workshop.settle(3600 * 3)
    assert not workshop.journal.inputs.live()

    result = {"hook_event_name": "PostToolUse", "prompt_id": "p", "tool_use_id": "t", "tool_name": "Bash"}
    for number, payload in enumerate([*turn, result]):
        workshop.record({"session_id": "s"} | payload, now_ns + number)
    workshop.settle(3600 * 3 + 10)

    again = workshop.encoded()
    assert [span.name for span in again] == [f"hook {it['hook_event_name']}" for it in [*turn, result]]
    assert all(attributes(span)["cc_otel.late"] for span in again)
    assert {span.span_id for span in again}.isdisjoint(span.span_id for span in sent)


PROMPT: Final = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt_id": "p"}


def test_a_client_that_told_something_was_alive(workshop: Workshop) -> None:
    """A client that dies right after an event is as gone as one that had been watched for long."""
    with subprocess.Popen(["sleep", "600"]) as client:
        workshop.record(PROMPT, CLAUDE_PID=str(client.pid))
        workshop.agent.round(time.time_ns() + SECOND_NS // 5)
        client.kill()
    workshop.settle(1)
    assert workshop.encoded() == []
    workshop.settle(5)

    assert list(workshop.spans()) == ["invoke_agent claude-code"]


@pytest.fixture
def nobody() -> str:
    """Return a pid that no process has."""
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    return str(gone.pid)


def test_a_client_that_cannot_be_seen_is_given_time(workshop: Workshop, nobody: str) -> None:
    """A client that was never seen alive may live elsewhere: only a minute of silence, by its clock, is its end."""
    workshop.record(PROMPT, CLAUDE_PID=nobody)
    workshop.record(PROMPT | {"session_id": "old"}, time.time_ns() - 100 * SECOND_NS, CLAUDE_PID=nobody)
    workshop.settle(5)
    workshop.settle(10)
    assert [attributes(span)["session.id"] for span in workshop.encoded()] == ["old"]
    workshop.settle(70)

    assert [attributes(span)["session.id"] for span in workshop.encoded()] == ["old", "s"]


def test_a_client_out_of_sight_is_not_taken_for_gone(workshop: Workshop, nobody: str) -> None:
    """A client that speaks after nobody was found under its pid lives elsewhere: only long silence closes its turn."""
    now_ns = time.time_ns()
    workshop.record(PROMPT, now_ns, CLAUDE_PID=nobody)
    workshop.settle(1)
    tool = {"hook_event_name": "PreToolUse", "tool_use_id": "t", "tool_name": "Bash"}
    workshop.record(PROMPT | tool, now_ns + 5 * SECOND_NS, CLAUDE_PID=nobody)
    workshop.settle(10)
    workshop.settle(1000)
    assert (workshop.encoded(), owed(workshop.journal)) == ([], 0)
    workshop.settle(7000)

    assert {name: attributes(span)["cc_otel.closed_by"] for name, span in workshop.spans().items()} == {
        "invoke_agent claude-code": "idle",
        "execute_tool Bash": "idle",
    }


@pytest.fixture
def of_another() -> Iterator[str]:
    """Return the pid of a process of another user: the system's first, or for root one of nobody's."""
    if os.getuid():
        yield "1"
        return
    with subprocess.Popen(["sleep", "600"], user=65534) as process:
        yield str(process.pid)
        process.kill()


def test_another_users_process_is_no_client(workshop: Workshop, of_another: str) -> None:
    """A pid that another user's process has here belongs to a client in a container: it does not keep a turn open."""
    workshop.record(PROMPT, CLAUDE_PID=of_another)
    workshop.settle(5)
    workshop.settle(70)

    assert list(workshop.spans()) == ["invoke_agent claude-code"]


def test_nothing_stays_open_for_longer_than_anything_is_kept(tmp_path: Path) -> None:
    """A turn whose client lives, or seems to, is closed when it has been silent for as long as sessions are kept."""
    workshop = Workshop(tmp_path, keep_s=1000)
    workshop.record(PROMPT, CLAUDE_PID=str(os.getpid()))
    workshop.settle(5)
    workshop.settle(900)
    assert workshop.encoded() == []
    workshop.settle(1100)

    assert [attributes(span)["cc_otel.closed_by"] for span in workshop.encoded()] == ["idle"]


def test_a_clock_that_is_set_back_stops_nothing(workshop: Workshop) -> None:
    """Whatever the clock said before, a client that dies is noticed."""
    with subprocess.Popen(["sleep", "600"]) as client:
        workshop.record(PROMPT, CLAUDE_PID=str(client.pid))
        workshop.settle(1)
        workshop.settle(5000)
        client.kill()
    workshop.settle(10)

    assert list(workshop.spans()) == ["invoke_agent claude-code"]


def test_an_event_without_a_place_is_a_span_all_the_same() -> None:
    """An event that a fault of ours has left without a place is a root of its own, marked as late, always the same."""
    event = HookEvent("Notification", 7, "s", "digest", id=3, pid=5)
    draft = unplaced(event)

    assert (draft.parent_id, draft.start_ns, draft.end_ns, draft.late) == (None, 7, 7 + INSTANT_NS, True)
    assert draft == unplaced(event)


def test_nothing_stays_open_for_ever_without_a_pid(workshop: Workshop) -> None:
    """Where no process can be watched, silence closes a turn, without an error."""
    workshop.record({"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt_id": "p"})
    workshop.settle(3000)
    assert workshop.encoded() == []
    workshop.settle(7000)

    (turn,) = workshop.encoded()
    assert (attributes(turn)["cc_otel.closed_by"], turn.status.code) == ("idle", 0)


def test_an_event_without_its_session_start_does_not_wait_for_ever(workshop: Workshop) -> None:
    """An event that hangs from nothing becomes a root when its session's start has not come in time."""
    workshop.record({"session_id": "s", "hook_event_name": "Notification", "message": "m"})
    workshop.settle(0.5)
    assert workshop.encoded() == []
    workshop.settle(3)

    (span,) = workshop.encoded()
    assert (span.name, span.parent_span_id) == ("hook Notification", b"")


def test_secrets_are_gone_before_the_journal(workshop: Workshop, tmp_path: Path) -> None:
    """No file of the home holds a secret once its event is taken in; the span tells how much was redacted."""
    secret = "sk-ant-api03-" + "aB3" * 20
    payload = {"hook_event_name": "UserPromptSubmit", "prompt_id": "p", "prompt": f"my key is {secret}"}
    workshop.record({"session_id": "s"} | payload)
    workshop.record({"session_id": "s", "hook_event_name": "Stop", "prompt_id": "p", "last_assistant_message": secret})
    workshop.spool.write(f"not json but {secret}".encode(), {"CLAUDE_CODE_ENTRYPOINT": secret})
    workshop.settle()

    turn = workshop.spans()["invoke_agent claude-code"]
    assert attributes(turn)["cc_otel.redactions"] == 2
    left = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert left == []


def test_without_content_no_span_holds_any(tmp_path: Path) -> None:
    """Switched off, no prompt, path, argument, result or message is in any span."""
    workshop = Workshop(tmp_path, with_content=False)
    for payload, env, clock_ns in events_of("basic"):
        workshop.spool.write(payload, env, clock_ns)
    workshop.settle()
    sent = b"".join(parcel.span for parcel in workshop.journal.outbox.waiting(1000, 1 << 30))

    for content in (b"do the basic things", b"hi-from-bash", b"hello.txt", b"/home/dev", b"All done", b"CLAUDE.md"):
        assert content not in sent
    assert b"execute_tool Bash" in sent


def test_long_values_are_cut_and_their_sizes_told(workshop: Workshop) -> None:
    """A result of 10 MB leaves a span within its limits, with its true size."""
    call = {"session_id": "s", "tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "cat big"}}
    workshop.record(call | {"hook_event_name": "PreToolUse"})
    workshop.record(call | {"hook_event_name": "PostToolUse", "tool_response": {"stdout": "y" * 10_000_000}})
    workshop.settle()

    span = workshop.spans()["execute_tool Bash"]
    assert len(attributes(span)["gen_ai.tool.call.result"]) <= 16384
    assert 10_000_000 in json.loads(attributes(span)["cc_otel.truncated"]).values()


def test_over_its_limit_the_journal_gives_up_old_traces(tmp_path: Path) -> None:
    """What cannot be delivered is given up whole traces at a time, oldest first, and counted."""
    workshop = Workshop(tmp_path, journal_bytes_max=1 << 20)
    for number in range(200):
        event = {
            "session_id": f"s{number}",
            "hook_event_name": "SessionStart",
            "source": "startup",
            "pad": Random(number).randbytes(6000).hex(),
        }
        workshop.record(event, time.time_ns() + number)
    workshop.settle(10)
    workshop.settle(20)

    kept = len(workshop.encoded())
    assert 0 < kept < 200
    assert kept + workshop.journal.counters.all()["spans_given_up"].count == 200


def test_memory_is_bounded_by_what_is_open(workshop: Workshop) -> None:
    """Sessions with nothing open leave memory; their next event finds its place all the same."""
    for number in range(4 * SESSIONS_MAX):
        workshop.record(
            {"session_id": f"s{number}", "hook_event_name": "UserPromptSubmit", "prompt_id": "p"}, number + 1
        )
        workshop.record({"session_id": f"s{number}", "hook_event_name": "Stop", "prompt_id": "p"}, number + 2)
        workshop.settle()
    workshop.record({"session_id": "s0", "hook_event_name": "MessageDisplay", "prompt_id": "p"}, 9_999)
    workshop.settle()

    turn = workshop.encoded()[0] if workshop.encoded()[0].name.startswith("invoke") else workshop.encoded()[1]
    late = workshop.spans()["hook MessageDisplay"]
    assert late.trace_id == turn.trace_id
    assert late.parent_span_id == turn.span_id


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False).returncode:
        if os.environ.get("CC_OTEL_REQUIRE_STACK") == "1":
            pytest.fail("this machine lets nobody mount a file system")
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_delays_and_loses_nothing(small_disk: Path) -> None:
    """While the journal's disk is full nothing is taken; when there is room again everything is, once."""
    workshop = Workshop(small_disk)
    ballast = small_disk / "ballast"
    for number in range(20):
        workshop.record({"session_id": "s", "hook_event_name": "Stop", "n": number, "pad": "q" * 2000}, number + 1)
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    with pytest.raises(JournalUnavailable, match="is full"):
        workshop.settle()
    ballast.unlink()
    workshop.settle()

    assert len(workshop.encoded()) == 20
    assert workshop.spool.count() == 0


def test_large_events_that_end_together_are_encoded_in_portions(workshop: Workshop) -> None:
    """What ends at one moment is encoded bit by bit, and a content that several spans need stays for all of them."""
    shared = {"session_id": "s", "prompt_id": "p"}
    workshop.record({**shared, "hook_event_name": "SessionStart", "source": "startup"})
    workshop.record({**shared, "hook_event_name": "UserPromptSubmit", "prompt": "go"})
    calls = []
    for number in range(6):
        call = {"tool_use_id": f"t{number}", "tool_name": "Read", "tool_input": {"file_path": f"/{number}"}}
        calls.append({**call, "tool_response": Random(number).randbytes(90_000).hex()})
        padding = Random(number).randbytes(400_000).hex()
        workshop.record({**shared, "hook_event_name": "PreToolUse", **call, "padding": padding})
    workshop.record({**shared, "hook_event_name": "PostToolBatch", "tool_calls": calls})
    workshop.settle(1)

    calls_made = [attributes(span) for span in workshop.encoded() if "Read" in span.name]
    assert ["gen_ai.tool.call.result" in call for call in calls_made] == [True] * 6
    assert workshop.journal.inputs.live_sessions() == ["s"]
