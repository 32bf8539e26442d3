"""Which of a session's files a call belongs to, and that the order of reading them does not matter."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.claude_code.transcript.chats import Transcript, TranscriptCall
from cc_otel.claude_code.transcript.owners import HELD_BYTES_MAX, DecidedCall, DecidedCalls, SessionCalls, identity

Record = dict[str, Any]

MAIN: Final = "main"
AGENT: Final = "agent"
FORKED: Final[Record] = {"type": "fork-context-ref"}


def record(uuid: str, second: int, message_id: str = "m", output: int = 9, **more: Any) -> Record:
    """Return a whole answer of one block."""
    message: Record = {"id": message_id, "model": "x", "stop_reason": "end_turn", "usage": {"output_tokens": output}}
    message["content"] = [{"type": "text", "text": uuid}]
    at = f"2026-11-23T00:00:{second:02}.000Z"
    return {"type": "assistant", "uuid": uuid, "timestamp": at, "message": message, "requestId": "r"} | more


def snapshot(uuid: str, second: int, **more: Any) -> Record:
    """Return the beginning of an answer, as it was written before the answer was over."""
    begun = record(uuid, second, output=1, **more)
    return begun | {"message": begun["message"] | {"stop_reason": None}}


def request(name: str, second: int = 0) -> Record:
    """Return the record of a request."""
    return {"type": "api-request", "id": name, "timestamp": f"2026-11-23T00:00:{second:02}.000Z"}


def user(uuid: str) -> Record:
    """Return a record that ends what came before it."""
    return {"type": "user", "uuid": uuid, "timestamp": "2026-11-23T00:00:40.000Z", "message": {"content": "next"}}


def decided(files: dict[str, list[Record]], order: Iterable[str] | None = None) -> list[DecidedCall]:
    """Read files one after the other, and return what is decided once all are read."""
    calls = SessionCalls("s", DecidedCalls())
    found: list[DecidedCall] = []
    for path in files if order is None else order:
        for call in read(path, files[path]):
            calls.add(path, call)
        found += calls.decide(MAIN, (), is_complete=False)
    return [*found, *calls.decide(MAIN, (), is_complete=True)]


def read(path: str, records: Iterable[Record]) -> list[TranscriptCall]:
    """Return the calls of one file."""
    transcript = Transcript("" if path == MAIN else path)
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return [*transcript.feed(data), *transcript.finish()]


@pytest.mark.parametrize("order", [(MAIN, AGENT), (AGENT, MAIN)])
@pytest.mark.parametrize(
    ("files", "owner"),
    [
        pytest.param(
            {MAIN: [request("q"), snapshot("a", 1, requestRef="q")], AGENT: [record("b", 2, requestRef="q")]},
            "",
            id="the file that holds the request, with the counts of the final record",
        ),
        pytest.param(
            {MAIN: [snapshot("a", 1)], AGENT: [FORKED, record("b", 2), user("u")]},
            "",
            id="not the file that holds a copy",
        ),
        pytest.param(
            {MAIN: [snapshot("a", 1)], AGENT: [user("u"), record("b", 2)]},
            AGENT,
            id="the file with the final record",
        ),
        pytest.param({MAIN: [record("a", 1)], AGENT: [record("b", 2)]}, "", id="else the session's own"),
        pytest.param(
            {MAIN: [snapshot("a", 1)], AGENT: [record("b", 1, requestId=None)]},
            AGENT,
            id="known by its time where a request id is missing",
        ),
    ],
)
def test_a_call_has_one_owner(files: dict[str, list[Record]], owner: str, order: tuple[str, str]) -> None:
    """Of two files that hold a call one owns it, whichever was read first."""
    (found,) = decided(files, order)

    assert (found.call.agent_id, found.call.usage) == (owner, {"output_tokens": 9})


@pytest.mark.parametrize(
    "agent",
    [
        pytest.param(record("b", 2, requestId="other"), id="another request"),
        pytest.param(record("b", 2, requestId=None), id="no request id, at another time"),
        pytest.param(record("b", 1, message_id="n"), id="another message"),
    ],
)
def test_what_is_not_the_same_call_counts_by_itself(agent: Record) -> None:
    """Calls that share less than the rules ask for are two."""
    assert len(decided({MAIN: [record("a", 1)], AGENT: [agent]})) == 2


def test_an_identity_is_that_of_message_and_request() -> None:
    """The session, the file and the time are no part of it; without a request id the first record's is."""
    (first,), (again,) = read(MAIN, [record("a", 1)]), read(AGENT, [record("b", 2)])
    (bare,), (other,) = read(MAIN, [record("a", 1, requestId=None)]), read(MAIN, [record("b", 1, requestId=None)])
    name = "8059c260-e8a3-46b9-ad12-9d9d27835fe5"
    (no_id,) = read(MAIN, [record(name, 1, message_id="")])

    assert identity(first) == identity(again)
    assert len({identity(call) for call in (first, bare, other)}) == 3
    assert identity(no_id) == name


def test_an_evident_call_does_not_wait() -> None:
    """A whole answer beside its own request is decided at once; a copy that is read later is the same call."""
    calls = SessionCalls("s", DecidedCalls())
    for path, records in ((MAIN, [request("q"), record("a", 1, requestRef="q")]), (AGENT, [record("b", 1)])):
        for call in read(path, records):
            calls.add(path, call)
        found = list(calls.decide(MAIN, (), is_complete=False))
        assert len(found) == (path == MAIN)

    assert list(calls.decide(MAIN, (), is_complete=True)) == []


def test_what_is_held_back_has_a_limit() -> None:
    """A session whose files hold too much that is undecided decides the earliest by what is known."""
    calls = SessionCalls("s", DecidedCalls())
    found: list[DecidedCall] = []
    text = "x" * (HELD_BYTES_MAX // 8)
    for number in range(9):
        block = record(f"a{number}", 1, message_id=f"m{number}")
        block["message"]["content"] = [{"type": "text", "text": text}]
        for call in read(MAIN, [block]):
            calls.add(MAIN, call)
        found += calls.decide(MAIN, (), is_complete=False)

    assert [it.call.message_id for it in found] == ["m0", "m1"]


@given(st.data())
def test_any_order_of_reading_decides_the_same(data: st.DataObject) -> None:
    """However files are cut and their pieces interleaved, the same calls come out, each with the same owner."""
    files: dict[str, list[Record]] = {
        MAIN: [request("q"), record("a", 1, requestRef="q"), snapshot("c", 3, message_id="n"), user("u1")],
        "fork": [FORKED, record("b", 1), user("u2"), record("d", 4, message_id="o", requestId="s")],
        "other": [record("e", 3, message_id="n", output=70), user("u3"), record("f", 9, message_id="m", requestId="t")],
    }
    pieces = [(path, record) for path in files for record in files[path]]
    order = data.draw(st.permutations(pieces))
    calls, transcripts = (
        SessionCalls("s", DecidedCalls()),
        {path: Transcript("" if path == MAIN else path) for path in files},
    )
    left = {path: iter(records) for path, records in files.items()}
    for path, _ in order:
        for call in transcripts[path].feed(json.dumps(next(left[path])).encode() + b"\n"):
            calls.add(path, call)
    for path, transcript in transcripts.items():
        for call in transcript.finish():
            calls.add(path, call)
    found = {(it.identity, it.call.agent_id, it.call.start_ns) for it in calls.decide(MAIN, (), is_complete=True)}

    assert found == {(it.identity, it.call.agent_id, it.call.start_ns) for it in decided(files)}
    assert sorted(agent_id for _, agent_id, _ in found) == ["", "fork", "other", "other"]


def test_many_answers_under_one_id_take_no_longer() -> None:
    """A relay's one id for all answers makes them no slower to decide: each is found by its request."""
    calls = SessionCalls("s", DecidedCalls())
    (call,) = read(MAIN, [record("a", 1)])
    compared = 0

    class Counted(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    for number in range(1000):
        calls.add(MAIN, replace(call, message_id=Counted("m"), request_id=f"r{number}"))
    found = list(calls.decide(MAIN, (), is_complete=True))

    assert len(found) == 1000
    assert compared < 10_000
