"""Transcripts that grow while they are watched: each call taken in once, whole, and without holding anything up."""

import json
import os
import sqlite3
import subprocess
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded

from cc_otel import event as inputs
from cc_otel.agent.describe import Content, Describer
from cc_otel.agent.model_calls import AHEAD_NS_MAX, arrival_of
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.agent.transcript_intake import (
    FILES_MAX,
    KEEP_NS,
    READ_BYTES_MAX,
    WATCH_NS,
    TranscriptIntake,
)
from cc_otel.claude_code.payload import event_of
from cc_otel.claude_code.transcript.chats import TranscriptCall
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.claude_code.transcript.owners import DecidedCall
from cc_otel.claude_code.transcript.records import timestamp_ns
from cc_otel.event import Cause, HookEvent, Observation
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.journal import Journal
from cc_otel.spool import Spool

Record = dict[str, Any]

SECOND_NS: Final = 1_000_000_000
NOW_NS: Final = timestamp_ns("2026-11-23T00:00:00Z")


def at(second: float) -> str:
    """Return a record's time, that many seconds from now."""
    return datetime.fromtimestamp(NOW_NS / 1e9 + second, UTC).isoformat(timespec="milliseconds")


def block(message_id: str, second: float, stop_reason: str | None = None, **more: Any) -> Record:
    """Return a record of an answer: one block of it."""
    message = {"id": message_id, "model": "claude-x", "content": [{"type": "text", "text": "hi"}], **more}
    return {
        "type": "assistant",
        "uuid": f"{message_id} {second}",
        "timestamp": at(second),
        "message": {"stop_reason": stop_reason, **message},
    }


def prompt(second: float) -> Record:
    """Return the record of a prompt."""
    return {"type": "user", "uuid": f"prompt {second}", "timestamp": at(second), "message": {"content": "do it"}}


class Room:
    """A projects folder with one session's transcript, and what watches it. Seconds are from now."""

    def __init__(self, home: Path) -> None:
        self.transcript = home / "projects" / "s.jsonl"
        self.subagents = home / "projects" / "s" / "subagents"
        self.subagents.mkdir(parents=True)
        self.path = home / "journal.db"
        self.journal = Journal(self.path)
        self.restart()

    def restart(self) -> None:
        """Watch anew, with nothing known but what is on disk."""
        self.intake = TranscriptIntake(Transcripts(self.transcript.parent), self.journal)

    def write(self, *records: Record, agent: str = "") -> None:
        """Let the client write records."""
        path = self.subagents / f"agent-{agent}.jsonl" if agent else self.transcript
        with path.open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)

    def note(self, name: str, second: float = 0.0, agent: str = "", pid: int = 1) -> None:
        """Let a hook tell an event."""
        now_ns = NOW_NS + int(second * SECOND_NS)
        path = str(self.transcript)
        self.intake.note(HookEvent(name, now_ns, "s", "d", pid=pid, transcript_path=path, agent_id=agent), now_ns)

    def check(self, second: float) -> None:
        """Check once."""
        self.intake.check(NOW_NS + int(second * SECOND_NS))

    def check_until(self, second: float, since: float = 0.0) -> None:
        """Check each second."""
        for step in range(int(since), int(second) + 1):
            while self.intake.check(NOW_NS + step * SECOND_NS):
                pass

    def events(self) -> list[inputs.ModelCall]:
        """Return the calls taken in, in the order of their times."""
        found = (event_of(item.fields, item.id) for item in self.journal.inputs.pending(1 << 62, 10_000))
        return [call for call in found if isinstance(call, inputs.ModelCall)]

    def ids(self) -> list[str]:
        """Return the message ids of the calls taken in."""
        return [said["response_id"] for said in self.said()]

    def said(self) -> list[dict[str, Any]]:
        """Return what the calls taken in say."""
        items = self.journal.inputs.pending(1 << 62, 10_000)
        return [dict(Content.from_json(item.content or b"").payload) for item in items]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A room of its own."""
    room = Room(tmp_path)
    yield room
    room.journal.close()


# When a call is whole


def test_a_call_whose_blocks_come_seconds_apart_is_one_whole_call(room: Room) -> None:
    """A block that comes long after another, with the true count of tokens, is part of the same call."""
    room.note("UserPromptSubmit")
    cached = {"cache_creation": {"ephemeral_1h_input_tokens": 5}}
    room.write(prompt(0), block("m", 2, usage={"output_tokens": 8} | cached))
    room.check_until(15)
    assert room.ids() == []
    tool = {"type": "tool_use", "id": "t", "name": "Bash"}
    room.write(block("m", 20, "tool_use", usage={"output_tokens": 900} | cached, content=[tool]))
    room.check_until(25, since=20)

    (event,) = room.events()
    (said,) = room.said()
    assert (event.ended_ns - event.clock_ns, event.asked_for) == (18 * SECOND_NS, ("t",))
    assert said["usage"] == {"output_tokens": 900, "cache_creation": {"ephemeral_1h_input_tokens": 5}}
    assert ([{"type": "text", "text": "hi"}, tool], "tool_use") == (said["blocks"], said["stop_reason"])


def test_a_result_may_come_before_the_answer_is_over(room: Room) -> None:
    """A call may be answered while the message that asked for it still asks for others."""
    result = prompt(3) | {"message": {"content": [{"type": "tool_result", "tool_use_id": "t"}]}}
    calls = [{"type": "tool_use", "id": name} for name in "tu"]
    room.note("UserPromptSubmit")
    room.write(block("m", 2, content=calls[:1]), result, block("m", 4, "tool_use", content=calls[1:]), block("n", 6))
    room.check(10)

    assert room.ids() == ["m"]
    assert [event.asked_for for event in room.events()] == [("t", "u")]


@pytest.mark.parametrize("name", ["Stop", "StopFailure", "SessionEnd"])
def test_an_answer_without_an_end_is_over_with_its_turn(room: Room, name: str) -> None:
    """A call that no record ends comes soon after the event that ends its turn, in time for `flush`."""
    room.note("UserPromptSubmit")
    room.write(block("m", 2))
    room.check_until(5)
    assert room.ids() == []
    room.note(name, 5)
    room.check_until(7, since=6)

    assert room.ids() == ["m"]


def test_what_an_ended_client_wrote_is_read_at_once(room: Room) -> None:
    """A session is finished as soon as its client is gone and its files, read to their ends, did not grow between."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    room.note("UserPromptSubmit", pid=gone.pid)
    room.write(block("m", 2))
    room.check(5)
    room.note("SessionEnd", 5, pid=gone.pid)
    room.write(block("m", 5, usage={"output_tokens": 9}))
    room.check(5.1)
    assert (room.ids(), room.intake.finished()) == ([], {})

    room.check(5.2)
    assert (room.ids(), room.intake.finished()) == (["m"], {"s": NOW_NS + 5 * SECOND_NS})
    assert room.said()[0]["usage"] == {"output_tokens": 9}


def test_an_ended_session_is_not_finished_while_its_client_lives(room: Room) -> None:
    """A client may write after the hook of its end has run, so what is quiet is not final."""
    now = (time.time_ns() - NOW_NS) / SECOND_NS
    room.note("SessionEnd", now, pid=os.getpid())
    room.write(block("m", now))
    for second in (0.1, 0.2, 0.7, 1.3):
        room.check(now + second)

    assert (room.ids(), room.intake.finished()) == ([], {})


def test_an_answer_that_began_after_a_stop_goes_on(room: Room) -> None:
    """Where a hook keeps the client from stopping, the next answer is not over because the last was."""
    room.note("Stop", 1)
    room.write(block("m", 2))
    room.check_until(20)

    assert room.ids() == []


def test_an_interrupted_answer_is_told(room: Room) -> None:
    """A call that the user stopped is told as far as it went."""
    room.note("UserPromptSubmit")
    room.write(block("m", 2), prompt(4) | {"message": {"content": [{"type": "text", "text": "[Request interrupted"}]}})
    room.check(5)

    assert room.ids() == ["m"]


def test_an_answer_of_a_client_that_died_is_told(room: Room) -> None:
    """A call that was going on when its client was killed is told as far as it went."""
    room.note("UserPromptSubmit")
    room.write(block("m", 2))
    room.check_until(5)
    now_ns = NOW_NS + 50 * SECOND_NS
    room.intake.note(Observation(Cause.PROCESS_GONE, "s", 1, now_ns), now_ns)
    room.check(51)

    assert room.ids() == ["m"]


def test_a_subagents_answer_is_over_with_the_subagent(room: Room) -> None:
    """A turn's end does not end what goes on in the background; the subagent's own does."""
    room.note("UserPromptSubmit")
    room.write(block("m", 2), agent="a")
    room.check_until(3)
    room.note("Stop", 3)
    room.check_until(10, since=4)
    assert room.ids() == []
    room.note("SubagentStop", 10, agent="a")
    room.check(11)

    assert room.ids() == ["m"]
    assert [event.agent_id for event in room.events()] == ["a"]


def test_a_session_that_falls_silent_leaves_nothing_behind(room: Room) -> None:
    """What is known of a call is told at the latest when its session is no longer kept."""
    room.note("UserPromptSubmit")
    room.write(block("m", 2))
    room.check(3)
    room.check(KEEP_NS // SECOND_NS)
    room.check(KEEP_NS // SECOND_NS + 1)

    assert room.ids() == ["m"]


@given(st.data())
def test_a_transcript_that_grows_in_any_steps_gives_the_same_calls(data: st.DataObject) -> None:
    """However a file is written and looked at, cut within records or not, the same whole calls come out."""
    records = [
        prompt(0),
        block("m", 1, usage={"output_tokens": 1}),
        block("m", 9, "tool_use", usage={"output_tokens": 90}),
        block("n", 20, usage={"output_tokens": 2}),
        block("n", 30, "end_turn", usage={"output_tokens": 70}),
    ]
    whole = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    with TemporaryDirectory() as folder:
        room = Room(Path(folder))
        room.note("UserPromptSubmit")
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(whole)], strict=True)):
            with room.transcript.open("ab") as file:
                file.write(whole[start:end])
            room.check(4 * number)
        room.check_until(29, since=26)
        said = room.said()
        ids = room.ids()
        room.journal.close()

    assert (ids, [it["usage"]["output_tokens"] for it in said]) == (["m", "n"], [90, 70])


# Nothing lost, nothing twice


def test_what_the_journal_could_not_take_is_brought_again(room: Room) -> None:
    """A call that the journal had no room for is taken in by a later look."""
    room.note("UserPromptSubmit")
    room.write(block("m", 2, "end_turn"), prompt(3))
    other = sqlite3.connect(room.path)
    other.execute("ALTER TABLE inputs RENAME TO away")
    with pytest.raises(JournalUnavailable):
        room.check(4)
    other.execute("ALTER TABLE away RENAME TO inputs")
    other.close()
    room.check(4)

    assert room.ids() == ["m"]


def test_what_was_read_is_not_read_again(room: Room) -> None:
    """After a silence, reading goes on where it had stopped: also after one so long that the session was let go."""
    history = [block(f"m{number}", 2, "end_turn") for number in range(100)]
    room.write(*history, prompt(3))
    room.note("UserPromptSubmit")
    room.check(4)
    for second in (5 + WATCH_NS // SECOND_NS, 10 + 2 * KEEP_NS // SECOND_NS):
        room.check_until(second + 1, since=second)
        # Others may have it now: if it were read again, its old calls would come out once more under other names.
        text = room.transcript.read_text().replace('"m', '"x')
        room.transcript.write_text(text)
        room.note("UserPromptSubmit", second + 2)
        room.write(block(f"late {second}", second + 2, "end_turn"), prompt(second + 3))
        room.check(second + 3)

    assert len(room.ids()) == 102


def test_after_a_restart_only_what_is_new_is_taken_in(room: Room) -> None:
    """A file that is read again from its beginning adds the calls that the journal does not know."""
    room.note("UserPromptSubmit")
    room.write(block("m", 2, "end_turn"), prompt(3))
    room.check(4)
    room.restart()
    room.write(block("n", 5, "end_turn"), prompt(6))
    room.note("UserPromptSubmit")
    room.check(7)

    assert room.ids() == ["m", "n"]


def test_after_a_restart_the_sessions_heard_of_lately_are_looked_at(room: Room, tmp_path: Path) -> None:
    """An agent that was restarted right after a client's last event tells the calls that it had not read."""
    spool = Spool(tmp_path / "spool", 1 << 30)
    spool.prepare()
    describer = Describer({}, value_bytes_max=16384, with_content=True)
    transcripts, limits = Transcripts(room.transcript.parent), Limits(1 << 30, 1e9, 3600.0)
    common = {"session_id": "s", "prompt_id": "p", "transcript_path": str(room.transcript)}
    events = ["SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"]
    for second, name in enumerate(events):
        payload = common | {"hook_event_name": name, "source": "startup"}
        spool.write(json.dumps(payload).encode(), {}, NOW_NS + second * SECOND_NS)
    first = Agent(spool, room.journal, describer, transcripts, limits)
    while first.round(NOW_NS + 4 * SECOND_NS):
        pass
    room.write(prompt(1) | {"promptId": "p"}, block("m", 1.5) | {"parentUuid": "prompt 1"})
    again = Agent(spool, room.journal, describer, transcripts, limits)
    for second in range(5, 10):
        while again.round(NOW_NS + second * SECOND_NS):
            pass

    spans = [Encoded.FromString(parcel.span) for parcel in room.journal.outbox.waiting(100, 1 << 30)]
    (turn,) = [span for span in spans if span.name.startswith("invoke_agent")]
    assert [turn.span_id] == [span.parent_span_id for span in spans if span.name == "chat claude-x"]


def test_a_clock_that_is_set_back_stops_nothing(room: Room) -> None:
    """Files are looked at also where the clock has gone back by a day."""
    room.note("UserPromptSubmit", 86_400)
    room.check(86_400)
    room.write(block("m", 2, "end_turn"), prompt(3))
    room.note("Stop", 3)
    room.check(4)

    assert room.ids() == ["m"]


# Whatever a file holds, however much


def call(**changed: Any) -> TranscriptCall:
    """Return a call of ten seconds."""
    return replace(TranscriptCall("m", "claude-x", NOW_NS, NOW_NS + 10 * SECOND_NS), **changed)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("2026-11-23T00:00:00.000Z", True),
        ("1999-12-31T23:59:59Z", False),
        ("0001-01-02T00:00:00Z", False),
        ("9999-01-02T00:00:00Z", False),
        ("2200-01-01T00:00:00Z", False),
        ("", False),
        (7, False),
    ],
)
def test_a_time_that_cannot_be_is_unknown(text: object, known: bool) -> None:
    """Times outside of 2000 to 2200 are no times."""
    assert (timestamp_ns(text) > 0) is known


@given(st.text() | st.datetimes().map(datetime.isoformat))
def test_any_time_fits_into_64_bits(text: str) -> None:
    """Whatever stands where a time should, it is kept as a number that the journal can hold."""
    assert 0 <= timestamp_ns(text) < 1 << 63


@pytest.mark.parametrize(
    ("end_ns", "ended_ns"),
    [
        (NOW_NS + SECOND_NS, NOW_NS + SECOND_NS),
        (NOW_NS + 3600 * SECOND_NS, NOW_NS + AHEAD_NS_MAX),
        (NOW_NS - SECOND_NS, NOW_NS),
    ],
)
def test_a_call_ends_between_its_start_and_now(end_ns: int, ended_ns: int) -> None:
    """An end that lies ahead, or before the start, is put where it can be."""
    arrival = arrival_of(DecidedCall.of(call(end_ns=end_ns)), "s", 1, NOW_NS)

    stored = event_of(arrival.fields, 1)
    assert isinstance(stored, inputs.ModelCall)
    assert stored.ended_ns == ended_ns


ANYTHING: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["id", "type", "text"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "model", "content", "usage", "stop_reason"]), ANYTHING), ANYTHING)
def test_whatever_a_record_holds_the_others_are_told(message: Record, error: object) -> None:
    """A record whose fields are of any type and size stops nothing."""
    odd = block("odd", 2, **message) | {"promptId": error, "agentId": error, "requestRef": error, "requestId": error}
    failed = {"type": "system", "subtype": "api_error", "uuid": "f", "timestamp": at(2), "error": error}
    with TemporaryDirectory() as folder:
        room = Room(Path(folder))
        room.note("UserPromptSubmit")
        request = {"type": "api-request", "timestamp": at(1), "id": "r"}
        room.write(block("m", 1), odd, request, failed | {"retryInMs": error}, block("n", 3), prompt(4))
        room.check(5)
        ids, errors = room.ids(), [event.error_type for event in room.events() if event.error_type]
        room.journal.close()

    assert {"m", "n"} <= set(ids)
    assert len(errors) == 1


def test_no_secret_is_kept_by_any_name(room: Room) -> None:
    """What stands where a model's name or an id should is redacted like all else."""
    secret = "sk-ant-api03-" + "aB3" * 20
    room.note("UserPromptSubmit")
    room.write({"type": "api-request", "timestamp": at(1), "id": "r"})
    failed = {"type": "system", "subtype": "api_error", "uuid": f"u {secret}", "timestamp": at(2)}
    room.write(failed | {"error": {"connection": {"code": secret[:60]}, "message": secret}})
    room.write(block(f"m {secret}", 2, model=secret) | {"promptId": secret, "agentId": secret}, prompt(3))
    room.check(4)

    assert len(room.ids()) == 2
    assert not any(secret[:60].encode() in path.read_bytes() for path in room.path.parent.glob("journal.db*"))


def test_every_subagent_is_read(room: Room) -> None:
    """However many subagents a session has, the calls of each are told."""
    room.note("UserPromptSubmit")
    names = [f"a{number}" for number in range(2 * FILES_MAX + 100)]
    for name in names:
        room.write(block(name, 2, "end_turn"), agent=name)
    room.check_until(4)

    assert sorted(names) == sorted(room.ids())


def test_a_long_history_is_read_piece_by_piece(room: Room) -> None:
    """One check reads a bounded part of a long file; a call that can only be a short one's own does not wait for it."""
    text = [{"type": "text", "text": "x" * 10_000}]
    history = [block(f"m{number}", 2, "end_turn", content=text) for number in range(3 * READ_BYTES_MAX // 10_000)]
    room.write(*history)
    request = {"type": "api-request", "id": "r", "timestamp": at(1)}
    room.write(request, block("short", 2, "end_turn") | {"requestRef": "r"}, prompt(3), agent="a")
    room.note("UserPromptSubmit")

    now_ns = NOW_NS + 5 * SECOND_NS
    assert room.intake.check(now_ns)
    first = room.ids()
    while room.intake.check(now_ns):
        pass
    room.check(7)

    assert "short" in first
    assert len(first) <= READ_BYTES_MAX // 10_000 + 1
    assert len(history) + 1 == len(room.ids())


def test_a_long_history_takes_little_memory(room: Room) -> None:
    """What is remembered of a transcript does not grow with it."""
    text = [{"type": "text", "text": "x" * 500}]
    with room.transcript.open("w") as file:
        for number in range(12 * READ_BYTES_MAX // 1000):
            result = prompt(2) | {
                "uuid": f"r{number}",
                "message": {"content": [{"type": "tool_result", "content": text}]},
            }
            file.writelines(json.dumps(record) + "\n" for record in (block(f"m{number}", 2, content=text), result))
    # What is loaded or compiled for the first call of a process stays, and is not of this file.
    arrival_of(DecidedCall.of(call()), "s", 1, NOW_NS)
    room.note("UserPromptSubmit")
    tracemalloc.start()
    while room.intake.check(NOW_NS + 5 * SECOND_NS):
        pass
    kept_bytes, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most_bytes < 12 * READ_BYTES_MAX
    assert kept_bytes < READ_BYTES_MAX


def test_a_transcript_that_cannot_be_read_is_named_with_the_reason(room: Room, tmp_path: Path) -> None:
    """Once a session has answered, a transcript outside of the known folders is named, until it can be read."""
    outside = tmp_path / "elsewhere" / "projects" / "p" / "s.jsonl"
    outside.parent.mkdir(parents=True)
    outside.touch()
    event = HookEvent("UserPromptSubmit", NOW_NS, "other", "d", pid=1, transcript_path=str(outside))
    room.intake.note(event, NOW_NS)
    assert room.intake.unread() == {}

    room.intake.note(replace(event, name="Stop"), NOW_NS)
    assert room.intake.unread() == {str(outside): "outside"}

    room.intake.note(replace(event, transcript_path=str(room.transcript)), NOW_NS)
    room.write(prompt(0))
    assert room.intake.unread() == {}
