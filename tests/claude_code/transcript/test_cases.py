"""Sessions whose model calls are easily miscounted: written record by record under a running agent, and found later."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.claude_code.transcript.cases import CLIENT_PROJECTS, SECOND_NS, Case, Event, Player, load, played

RECORDED: Final = Path(__file__).with_name("recorded")
START_NS: Final = 1_795_882_596_000_000_000
HALF_NS: Final = 1_795_887_816_900_000_000
"""Until when the recorded fork was played to version 0.1.0."""

PLAIN: Final = {"input_tokens": 1000, "output_tokens": 1000}
TURN: Final = "invoke_agent claude-code"

Record = dict[str, Any]


def at(second: float) -> str:
    """Return a record's time, that many seconds after the session's start."""
    return datetime.fromtimestamp(START_NS / 1e9 + second, UTC).isoformat(timespec="milliseconds")


def prompt(second: float = 2, uuid: str = "p0") -> Record:
    """Return the record of the turn's prompt."""
    return {"type": "user", "uuid": uuid, "promptId": "p", "timestamp": at(second), "message": {"content": "hello"}}


def answer(uuid: str, second: float, message: Record, **more: Any) -> Record:
    """Return a record of an answer, whole unless ``message`` says otherwise."""
    whole = {"model": "claude-sonnet-5", "stop_reason": "end_turn", "content": [{"type": "text", "text": "hi"}]}
    record = {"type": "assistant", "uuid": uuid, "parentUuid": "p0", "timestamp": at(second)}
    return record | {"message": whole | message} | more


def case(*records: Record, session: str = "s", agents: dict[str, list[Record]] | None = None) -> Case:
    """Return a session of one turn with these records, and those of subagents by the paths of their files."""
    common = {"session_id": session, "transcript_path": f"{CLIENT_PROJECTS}/-p/{session}.jsonl", "prompt_id": "p"}
    told = [("SessionStart", 0.0), ("UserPromptSubmit", 1.0), ("Stop", 50.0), ("SessionEnd", 51.0)]
    events = [
        Event(
            START_NS + int(second * SECOND_NS),
            {"CLAUDE_PID": "4242"},
            common | {"hook_event_name": name, "source": "startup"},
        )
        for name, second in told
    ]
    files = {f"-p/{session}.jsonl": lines(*records)}
    return Case(events, files | {f"-p/{session}/{path}": lines(*of) for path, of in (agents or {}).items()})


def lines(*records: Record) -> list[bytes]:
    """Return records as lines of a file."""
    return [json.dumps(record).encode() + b"\n" for record in records]


def advisor() -> Case:
    """Return an answer within which a stronger model was asked."""
    advice = {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 90_000, "output_tokens": 3000}
    own = [{"type": "message", "input_tokens": 2, "output_tokens": 10}, advice]
    own.append({"type": "message", "input_tokens": 4, "output_tokens": 20})
    usage = {"input_tokens": 6, "output_tokens": 30, "cache_read_input_tokens": 100, "iterations": own}
    return case(prompt(), answer("u1", 3, {"id": "m", "usage": usage}))


def spellings() -> Case:
    """Return answers of models by all kinds of names."""
    names = [
        *("claude-opus-5-5[1m]", "claude-opus-5-5-20261001", "us.anthropic.claude-opus-4-6-v1"),
        *("claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4-5", "claude-3-5-haiku-20241022"),
    ]
    message = {"usage": PLAIN}
    records = [answer(f"u{n}", 3 + n, message | {"id": f"m{n}", "model": name}) for n, name in enumerate(names)]
    return case(prompt(), *records)


def usage_of(second: float, **usage: Any) -> Case:
    """Return one answer with a usage of its own."""
    return case(prompt(), answer("u1", second, {"id": "m", "usage": PLAIN | usage}))


HOUR: Final = {"ephemeral_1h_input_tokens": 30_000, "ephemeral_5m_input_tokens": 10_000}
FIRST: Final = {"stop_reason": None, "usage": {"input_tokens": 5, "output_tokens": 1}}
LAST: Final = {"usage": {"input_tokens": 5, "output_tokens": 500}}
WORKFLOW_FILE: Final = "subagents/workflows/wf_1/agent-a.jsonl"

CASES: Final[dict[str, tuple[Case, list[tuple[int, int, float | None]]]]] = {
    "no message id": (
        case(
            prompt(),
            answer("u1", 3, {"usage": PLAIN}, requestId="r"),
            answer("u2", 5, {"usage": PLAIN}, requestId="r"),
        ),
        [(1000, 1000, 0.012)] * 2,
    ),
    "no message id, two blocks": (
        case(prompt(), answer("u1", 3, {"usage": PLAIN}), answer("u2", 4, {"usage": PLAIN}, parentUuid="u1")),
        [(1000, 1000, 0.012)],
    ),
    "one id for all answers": (
        case(prompt(), *(answer(f"u{n}", 3 + n, {"id": "m", "usage": PLAIN}, requestId=f"r{n}") for n in range(3))),
        [(1000, 1000, 0.012)] * 3,
    ),
    "another model took over": (
        case(
            prompt(),
            answer("u1", 3, {"id": "m", "model": "claude-opus-5"} | FIRST, requestId="r"),
            answer("u2", 4, {"id": "m", "usage": PLAIN}, requestId="r"),
        ),
        [(1000, 1000, 0.012)],
    ),
    "answers that interleave": (
        case(
            prompt(),
            answer("u1", 3, {"id": "m"} | FIRST),
            answer("u2", 3.1, {"id": "n"} | FIRST),
            answer("u3", 3.2, {"id": "m"} | LAST),
            answer("u4", 3.3, {"id": "n"} | LAST),
        ),
        [(5, 500, 0.00501)] * 2,
    ),
    "in the main file and in a subagent's": (
        case(
            prompt(),
            answer("u1", 3, {"id": "m"} | FIRST, requestId="r"),
            agents={"subagents/agent-a.jsonl": [answer("z1", 3, {"id": "m"} | LAST, parentUuid=None, agentId="a")]},
        ),
        [(5, 500, 0.00501)],
    ),
    "two folders down": (
        case(
            prompt(),
            answer("u1", 3, {"id": "m", "usage": PLAIN}),
            agents={WORKFLOW_FILE: [prompt(4, "q"), answer("q1", 5, {"id": "n", "usage": PLAIN}, parentUuid="q")]},
        ),
        [(1000, 1000, 0.012)] * 2,
    ),
    "half a character": (
        case(
            prompt(),
            answer("u1", 3, {"id": "m", "usage": PLAIN, "content": [{"type": "text", "text": "cut \ud83d"}]}),
            answer("u2", 5, {"id": "n", "usage": PLAIN}),
        ),
        [(1000, 1000, 0.012)] * 2,
    ),
    "advisor": (advisor(), [(106, 30, 0.000332), (90_000, 3000, 0.525)]),
    "fast": (
        case(prompt(), answer("u", 3, {"model": "claude-opus-5", "usage": PLAIN | {"speed": "fast"}})),
        [(1000, 1000, 0.06)],
    ),
    "geography": (usage_of(3, inference_geo="us"), [(1000, 1000, 0.0132)]),
    "one hour": (
        usage_of(3, cache_creation_input_tokens=40_000, cache_creation=HOUR),
        [(41_000, 1000, 0.157)],
    ),
    "web searches": (usage_of(3, server_tool_use={"web_search_requests": 3}), [(1000, 1000, 0.042)]),
    "not understood": (usage_of(3, speed="ludicrous"), [(1000, 1000, None)]),
    "spellings": (spellings(), [(1000, 1000, usd) for usd in (0.024, None, 0.033, 0.018, 0.018, None)]),
}


@pytest.mark.parametrize("live", [True, False], ids=["live", "backlog"])
@pytest.mark.parametrize(("told", "taken"), [pytest.param(*it, id=name) for name, it in CASES.items()])
def test_calls_tokens_and_dollars(
    told: Case, taken: list[tuple[int, int, float | None]], live: bool, tmp_path: Path
) -> None:
    """Each answer is one call of its turn, with its own tokens, at its price where one is known."""
    chats = played(told, tmp_path, live=live)

    assert [(chat.input, chat.output, chat.usd) for chat in chats] == taken


def test_a_relay_with_one_id_for_all_makes_a_call_in_each_session(tmp_path: Path) -> None:
    """An id that comes again in another session is another call if its request is."""
    player = Player(tmp_path)
    for name in "abc":
        player.at_once(case(prompt(), answer("u", 3, {"id": "m", "usage": PLAIN}, requestId=name), session=name))

    assert len(player.chats()) == 3
    player.close()


FORK: Final = [
    ("one Bash", TURN),
    ("forking Agent", TURN),
    ("fork working Bash", "invoke_agent fork"),
    ("done", TURN),
    ("done2", "invoke_agent fork"),
    ("done3", TURN),
]


@pytest.mark.parametrize("live", [True, False], ids=["live", "backlog"])
@pytest.mark.parametrize("name", ["fork", "workflow", "teammate"])
def test_sums_are_the_clients_own(name: str, live: bool, tmp_path: Path) -> None:
    """The calls of a recorded session cost what the client says that they did, and take the tokens that it counted."""
    recorded = load(RECORDED / name)
    chats = played(recorded, tmp_path, live=live)
    (state,) = [record for record in records_of(recorded) if record.get("type") == "cost-state"][-1:]
    models = state["modelUsage"].values()

    assert sum(chat.usd or 0 for chat in chats) == pytest.approx(state["totalCostUSD"])
    assert sum(chat.input for chat in chats) >= sum(model["inputTokens"] for model in models)


@pytest.mark.parametrize("live", [True, False], ids=["live", "backlog"])
def test_a_fork_takes_no_answer_of_its_parent(live: bool, tmp_path: Path) -> None:
    """The copy at the beginning of a fork's file is its parent's call, whole, in the parent's turn."""
    chats = played(load(RECORDED / "fork"), tmp_path, live=live)

    assert [(chat.said, chat.parent) for chat in chats] == FORK


@pytest.mark.parametrize("order", [1, -1], ids=["main first", "fork first"])
def test_the_order_of_reading_changes_nothing(order: int, tmp_path: Path) -> None:
    """Whichever of two files is written and read first, the calls are the same ones, in the same places."""
    recorded = load(RECORDED / "fork")
    player = Player(tmp_path)
    for event in recorded.events:
        player.record(event)
    for path in sorted(recorded.files)[::order]:
        for line in recorded.files[path]:
            player.write(path, line)
        player.rounds(recorded.events[-1].clock_ns + SECOND_NS // 5)
    player.settle(recorded.events[-1].clock_ns)

    assert [(chat.said, chat.parent) for chat in player.chats()] == FORK
    player.close()


def test_an_upgrade_in_the_middle_counts_nothing_twice(tmp_path: Path) -> None:
    """
    Where an earlier version took in the first half of a session, this one adds the other half: calls, spans, dollars.

    The journal is what version 0.1.0 left after the first `Stop` of the recorded session, all spans still to be sent.
    """
    recorded = load(RECORDED / "fork")
    (tmp_path / "journal.db").write_bytes(gzip.decompress((RECORDED / "half_of_fork_0.1.0.db.gz").read_bytes()))
    player = Player(tmp_path)
    before = {span.span_id for span in player.spans()}
    player.at_once(replace(recorded, events=[it for it in recorded.events if it.clock_ns > HALF_NS]))
    player.restart()
    player.settle(recorded.events[-1].clock_ns + 4000 * SECOND_NS)
    chats = player.chats()

    assert [chat.said for chat in chats] == [said for said, _ in FORK]
    assert sum(chat.usd or 0 for chat in chats) == pytest.approx(0.030964)
    assert before <= {span.span_id for span in player.spans()}
    assert len(player.spans()) == len(played_spans(recorded, tmp_path / "anew"))
    player.close()


def played_spans(recorded: Case, home: Path) -> list[Any]:
    """Return the spans of a case that nothing was known of."""
    player = Player(home)
    player.at_once(recorded)
    spans = player.spans()
    player.close()
    return spans


def records_of(told: Case) -> Iterator[Record]:
    """Return the records of a case's files."""
    for path, of in told.files.items():
        if path.endswith(".jsonl"):
            yield from map(json.loads, of)
