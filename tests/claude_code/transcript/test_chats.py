"""Model calls from transcripts: each counted once, in the right place, with what it took."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from cc_otel.agent.describe import Describer
from cc_otel.agent.model_calls import arrival_of
from cc_otel.agent.prices import Usage
from cc_otel.agent.rehearsal import rehearse
from cc_otel.claude_code.transcript.chats import Transcript, TranscriptCall
from cc_otel.claude_code.transcript.owners import DecidedCall
from cc_otel.span import span_id_of
from cc_otel.spool import Spool

SESSIONS: Final = Path(__file__).parents[2] / "sessions"
TRANSCRIPTS: Final = SESSIONS / "transcripts"
MAIN: Final = TRANSCRIPTS / "-home-dev-project" / "7e8235e8-bb2b-408e-8c16-b80529c02f27.jsonl"
CLIENT_PROJECTS: Final = "/home/dev/.claude/projects"


def calls(data: bytes, step: int = 1 << 20) -> list[TranscriptCall]:
    """Read a transcript in pieces of that many bytes."""
    transcript = Transcript()
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    return [*(call for piece in pieces for call in transcript.feed(piece)), *transcript.finish()]


def chats(*names: str, projects: Path = TRANSCRIPTS) -> list[Encoded]:
    """Return the chat spans of recorded sessions."""
    spans = (
        parcel for batch in rehearse(recorder(names, projects), describer(), [projects], 1 << 62) for parcel in batch
    )
    encoded = (Encoded.FromString(parcel.span) for parcel in spans)
    return [span for span in encoded if span.kind == Encoded.SPAN_KIND_CLIENT]


def recorder(names: Iterable[str], projects: Path) -> Any:
    """Return what writes recorded sessions into a spool, their transcripts below that folder."""

    def record(spool: Spool) -> None:
        for name in names:
            for line in (SESSIONS / f"{name}.jsonl").read_text("utf-8").splitlines():
                event = json.loads(line.replace(CLIENT_PROJECTS, str(projects)))
                spool.write(json.dumps(event["payload"]).encode(), event["env"], event["t_ns"])

    return record


def describer() -> Describer:
    """Return a describer that leaves nothing out."""
    return Describer({}, value_bytes_max=16384, with_content=True)


def attributes(span: Encoded) -> dict[str, Any]:
    """Return a span's attributes as Python values."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


def test_a_response_in_several_records_is_one_call() -> None:
    """The records of one message id are one call: its blocks together, its usage once, from request to last block."""
    first = calls(MAIN.read_bytes())[0]

    assert (first.message_id, first.model, first.stop_reason) == (
        "msg_01fakemain0018c28840",
        "claude-opus-5-5",
        "tool_use",
    )
    assert [block["type"] for block in first.blocks] == ["text", "tool_use", "tool_use"]
    assert (first.usage["input_tokens"], first.usage["output_tokens"]) == (1000, 50)
    assert (first.end_ns - first.start_ns) == 35_000_000
    assert first.prompt_id == "1b47d215-a518-4511-80da-c0d6bcb2a8db"


@pytest.mark.parametrize("step", [1, 7, 100, 4096])
def test_a_transcript_may_come_in_any_pieces(step: int) -> None:
    """However the file grows, the same calls come out."""
    data = MAIN.read_bytes()

    assert calls(data, step) == calls(data)


def test_every_truncation_of_a_transcript_gives_a_beginning_of_its_calls() -> None:
    """A file that was cut anywhere gives calls of the whole file and never raises."""
    data = MAIN.read_bytes()
    known = [call.message_id for call in calls(data)]
    for cut in range(0, len(data), 97):
        found = [call.message_id for call in calls(data[:cut])]

        assert found == known[: len(found)]


def test_what_is_no_record_is_passed_over() -> None:
    """Unknown records, broken lines and wrong types are skipped, and the next call is read."""
    odd = b'{"type": "assistant", "message": {"model": 3, "id": {}}, "timestamp": "x"}'
    noise = [b"not json", b"[]", b'{"type": "assistant"}', b'{"type": 7, "message": []}', odd]

    assert calls(b"\n".join([*noise, MAIN.read_bytes()])) == calls(MAIN.read_bytes())


def test_a_request_that_failed_is_an_error_of_its_turn() -> None:
    """A request that the client gave up on is a model call of its turn, without an answer and with the error's name."""
    (span,) = chats("err_429")
    session = "5f189c68-4954-4f86-94e1-21021cb1d3fe"

    assert attributes(span) == {
        "session.id": session,
        "gen_ai.conversation.id": session,
        "cc_otel.prompt.id": "a167332d-04c6-4639-9465-9c1715afb5ef",
        "cc_otel.summary": "Request failed: Request rejected (429) · rate",
        "cc_otel.summary.source": "rule",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "error.type": "rate_limit_error",
        "http.response.status_code": 429,
        "cc_otel.request.id": "req_b76e391ec9a540edaa294da5",
    }
    assert (span.name, span.kind) == ("chat", Encoded.SPAN_KIND_CLIENT)
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "Request rejected (429) · rate")
    assert span.parent_span_id.hex() == span_id_of("turn", session, "a167332d-04c6-4639-9465-9c1715afb5ef")


def test_calls_stand_under_the_agent_that_made_them() -> None:
    """A subagent's calls are its children; others are children of the turn whose prompt they answer."""
    session = "7e8235e8-bb2b-408e-8c16-b80529c02f27"
    turns = [
        "1b47d215-a518-4511-80da-c0d6bcb2a8db",
        "fe15b74b-7726-4b36-9ea6-526abecc3302",
        "bc6c9f00-dc13-4e05-81c9-f5494a08806e",
    ]
    agents = ["abc6954db925cf527", "a3af80c93d8b4cdc3"]
    expected = sorted(
        [span_id_of("turn", session, turn) for turn in [turns[0], *turns]]
        + [span_id_of("subagent", session, agent) for agent in agents * 2]
    )

    assert sorted(span.parent_span_id.hex() for span in chats("subagent")) == expected


def test_the_sum_of_costs_is_what_the_client_says() -> None:
    """The calls of a session, each counted once, cost what the client's own cost-state record says."""
    (state,) = (json.loads(line) for line in MAIN.read_text().splitlines() if '"cost-state"' in line)
    costs = [attributes(span)["cc_otel.cost_usd"] for span in chats("subagent")]

    assert round(state["totalCostUSD"], 9) == round(sum(costs), 9)


def test_tokens_are_counted_by_the_conventions() -> None:
    """Input tokens hold the cached ones too; what was read from and written to the cache stands beside."""
    span = min(chats("subagent"), key=lambda span: span.start_time_unix_nano)
    usage = {key: value for key, value in attributes(span).items() if key.startswith("gen_ai.usage")}

    assert usage == {
        "gen_ai.usage.input_tokens": 1030,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_write.input_tokens": 10,
        "gen_ai.usage.cache_creation.input_tokens": 10,
    }
    assert span.kind == Encoded.SPAN_KIND_CLIENT
    assert "cc_otel.hook.event" not in attributes(span)


def test_a_forked_session_does_not_count_the_calls_it_copied() -> None:
    """A fork's transcript begins with the other's records; only calls as young as their turn are its own."""
    spans = chats("resume")
    sessions = [attributes(span)["session.id"] for span in spans]

    assert len({span.span_id for span in spans}) == len(spans)
    assert sessions.count("11111111-2222-4333-8444-555555555555") == 5
    assert sessions.count("81066c75-b375-4a78-8d47-ca3222dff0e2") == 1


def test_a_payload_cannot_make_us_read_other_files(tmp_path: Path) -> None:
    """A transcript path that leads out of Claude's own folder, by any means, is not opened."""
    projects = tmp_path / "projects"
    (projects / "-home-dev-project").mkdir(parents=True)
    outside = tmp_path / "secret.jsonl"
    outside.write_bytes(MAIN.read_bytes())
    (projects / "-home-dev-project" / MAIN.name).symlink_to(outside)

    assert chats("subagent", projects=projects) == []


def test_a_call_from_the_future_happened_now() -> None:
    """A transcript whose times lie ahead holds nothing back: its calls count from now."""
    (call, *_) = calls(MAIN.read_bytes())
    now_ns = call.start_ns - 3_600_000_000_000

    assert arrival_of(DecidedCall.of(call), "s", 1, now_ns).clock_ns == now_ns
    assert call.start_ns == arrival_of(DecidedCall.of(call), "s", 1, call.start_ns - 1).clock_ns


def test_usage_of_any_shape_is_read() -> None:
    """What is no count counts as nothing."""
    odd: list[Any] = [None, [], {}, {"input_tokens": "7", "output_tokens": True, "cache_creation": 3, "n": -1}]

    assert [Usage()] * len(odd) == [Usage.of(usage) for usage in odd]
