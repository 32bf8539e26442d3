"""The sender: what it does with which answer."""

import logging
import math
from collections.abc import Sequence

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.send import BYTES_MAX, IDLE_S, Sender, SenderState, Situation
from cc_otel.otlp.transport import Delivered, ExportResult, Poison, Refused, Retry
from cc_otel.span import EncodedSpan, Span
from tests.otlp.senders import (
    ENCODED,
    NOW_NS,
    Answerer,
    MemoryOutbox,
    ScriptedTransport,
    by,
    drain,
    ids,
    sender_of,
)

S_NS = 1_000_000_000


def test_everything_goes_out_in_order_in_full_batches() -> None:
    """Spans leave oldest first, 512 in a request, and are acknowledged when the receiver has them."""
    outbox, transport = MemoryOutbox(ENCODED), by([])

    waits = drain(sender_of(outbox, transport))

    assert transport.sizes == [512, 512, 176]
    assert transport.requests == [request(ENCODED[:512]), request(ENCODED[512:1024]), request(ENCODED[1024:])]
    assert outbox.acknowledged == ENCODED
    assert waits == [0.0] * 3


def test_an_empty_outbox_is_idle() -> None:
    """Where nothing waits nothing is sent, and the next look is a second away."""
    transport = by([])
    sender = sender_of(MemoryOutbox([]), transport)

    assert sender.step() == IDLE_S
    assert sender.state == SenderState()
    assert transport.requests == []


def test_large_spans_travel_in_smaller_company() -> None:
    """A request has 2 MiB of spans at most, but for a span that is larger by itself and travels alone."""
    sizes = [BYTES_MAX // 2, BYTES_MAX // 3, BYTES_MAX // 3, 2 * BYTES_MAX, 10]
    batch = [
        encode(Span("1" * 32, f"{n + 1:016x}", "n", 1, 2, attributes={"x": "x" * size})) for n, size in enumerate(sizes)
    ]
    transport = by([])

    drain(sender_of(MemoryOutbox(batch), transport))

    assert transport.sizes == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("jitter", "expected"),
    [
        (1.0, [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]),
        (0.0, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]),
    ],
)
@pytest.mark.parametrize("failure", [Retry("down"), Refused("no")])
def test_waits_double_up_to_a_minute_and_a_success_resets_them(
    failure: ExportResult, jitter: float, expected: list[float]
) -> None:
    """Waits grow from 1 to 60 s, a random half of each left out; after a success they start again."""
    outbox, transport = MemoryOutbox(ENCODED[:600]), by([failure] * 7 + [Delivered(), failure])

    waits = drain(sender_of(outbox, transport, jitter))

    assert waits == [*expected, 0.0, expected[0], 0.0]
    assert transport.requests[:8] == [request(ENCODED[:512])] * 8
    assert ids(outbox.acknowledged) == ids(ENCODED[:600])


def test_a_receiver_that_is_down_for_weeks_is_tried_every_minute() -> None:
    """However many attempts fail, the next is at most a minute away and no number grows out of bounds."""
    sender = sender_of(MemoryOutbox(ENCODED[:1]), ScriptedTransport(lambda spans: Retry("down")))

    waits = {sender.step() for _ in range(3000)}

    assert waits == {2.0, 4.0, 8.0, 16.0, 32.0, 60.0}


@pytest.mark.parametrize(
    ("delay_s", "expected"), [(None, 2.0), (0.0, 2.0), (1.5, 2.0), (10.0, 10.0), (301.0, 300.0), (math.inf, 300.0)]
)
def test_a_receiver_decides_how_long_to_wait_within_reason(delay_s: float | None, expected: float) -> None:
    """What a receiver asks for is waited, up to 5 min, and never less than without its asking."""
    sender = sender_of(MemoryOutbox(ENCODED[:1]), by([Retry("throttled", delay_s)]))

    assert sender.step() == expected


def poisonous(*names: str) -> Answerer:
    """Take no request with one of these spans in it."""
    return lambda spans: Poison("bad") if {span.name for span in spans} & set(names) else Delivered()


def rejecting(*names: str) -> Answerer:
    """Reject these spans and take the rest."""

    def answer(spans: Sequence[trace_pb2.Span]) -> ExportResult:
        rejected = len({span.name for span in spans} & set(names))
        return Delivered(rejected, "bad" if rejected else "")

    return answer


def test_a_span_at_fault_is_found_by_halving_and_buried() -> None:
    """Poison is narrowed down to one span, a second apart; the others go out, and requests grow again."""
    outbox, transport = MemoryOutbox(ENCODED[:32]), ScriptedTransport(poisonous("span 5"))

    waits = drain(sender_of(outbox, transport))

    # 32, 16 and 8 are no good; 0-3 are; 4-7 are not, 4 and 5 together neither; 4 is good and 5 is it.
    assert transport.sizes == [32, 16, 8, 4, 4, 2, 1, 1, 1, 2, 4, 8, 11]
    assert waits == [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert outbox.set_aside == {ENCODED[5].span_id: "bad"}
    assert ids(outbox.acknowledged) == ids(ENCODED[:5] + ENCODED[6:32])


def test_a_rejected_span_is_found_by_halving_and_buried() -> None:
    """The spans among which some are rejected are searched without waiting; what was taken is taken a second time."""
    outbox, transport = MemoryOutbox(ENCODED[:32]), ScriptedTransport(rejecting("span 5"))

    waits = drain(sender_of(outbox, transport))

    assert transport.sizes == [32, 16, 8, 4, 4, 2, 1, 1, 1, 2, 4, 8, 11]
    assert waits == [*[0.0] * 7, 2.0, *[0.0] * 5]
    assert outbox.set_aside == {ENCODED[5].span_id: "rejected: bad"}
    assert ids(outbox.acknowledged) == ids(ENCODED[:5] + ENCODED[6:32])


def test_spans_that_are_all_rejected_are_risked_one_at_a_time() -> None:
    """A receiver that rejects all it was sent may be full: one span is set aside, and more only while it goes on so."""
    answers = [Delivered(4, "quota"), Delivered(2, "quota"), Delivered(1, "quota"), Delivered(1, "quota")]
    outbox, transport = MemoryOutbox(ENCODED[:4]), by(answers)

    waits = drain(sender_of(outbox, transport))

    assert transport.sizes == [4, 2, 1, 1, 1, 1]
    assert waits == [1.0, 1.0, 2.0, 4.0, 0.0, 0.0]
    assert outbox.set_aside == dict.fromkeys(ids(ENCODED[:2]), "rejected: quota")
    assert outbox.acknowledged == ENCODED[2:4]


def test_a_receiver_with_a_small_limit_gets_small_requests() -> None:
    """A receiver that takes no more than 100 spans at once gets them all, and none is set aside."""
    outbox = MemoryOutbox(ENCODED)
    transport = ScriptedTransport(lambda spans: Poison("too large") if len(spans) > 100 else Delivered())

    drain(sender_of(outbox, transport))

    assert outbox.acknowledged == ENCODED
    assert outbox.set_aside == {}


@pytest.mark.parametrize("answer", [lambda spans: Poison("broken"), lambda spans: Delivered(len(spans), "quota")])
def test_a_receiver_that_takes_nothing_at_all_does_not_get_everything_buried(answer: Answerer) -> None:
    """Where nothing is delivered between one burial and the next, the waits grow to a minute."""
    sender = sender_of(MemoryOutbox(ENCODED * 10), ScriptedTransport(answer))

    waits = [sender.step() for _ in range(20)]

    assert [wait_s for wait_s in waits if wait_s > 4.0][:5] == [8.0, 16.0, 32.0, 60.0, 60.0]
    assert set(waits[-3:]) == {60.0}


def test_an_error_of_the_outbox_is_raised_and_nothing_is_lost() -> None:
    """Where the outbox fails, the sender says so, and the same spans are sent again at the next step."""

    class Failing(MemoryOutbox):
        broken = True

        def acknowledge(self, batch: Sequence[EncodedSpan]) -> None:
            if self.broken:
                raise OSError("disk full")
            super().acknowledge(batch)

    outbox, transport = Failing(ENCODED[:3]), by([])
    sender = sender_of(outbox, transport)

    with pytest.raises(OSError, match="disk full"):
        sender.step()
    outbox.broken = False
    drain(sender)

    assert transport.requests == [request(ENCODED[:3])] * 2
    assert outbox.acknowledged == ENCODED[:3]
    assert sender.state.sent == 3


def test_the_state_tells_the_whole_story() -> None:
    """The state tells what happened last, when, what comes next, and how much of each there was."""
    outbox, now_ns = MemoryOutbox(ENCODED[:4]), NOW_NS
    transport = by([Refused("HTTP 401"), Delivered(1, "bad"), Delivered(), Poison("odd"), Retry("gone"), Poison("odd")])
    sender = Sender(outbox, transport, jitter=lambda: 1.0, clock_ns=lambda: now_ns)
    states = []
    for _ in range(8):
        sender.step()
        states.append(sender.state)
        now_ns += S_NS

    def at(second: int) -> int:
        return NOW_NS + second * S_NS

    refused = "the receiver takes nothing from us: HTTP 401"
    rejected, gone = "the receiver rejects 1 of 4 spans: bad", "not delivered yet: gone"
    isolating = "the receiver cannot take a request of 2 spans: odd"
    set_aside = f"span {ENCODED[2].span_id} can never be delivered and was set aside: odd"
    assert states == [
        SenderState(Situation.REFUSED, None, refused, at(0), at(2), retried=1, failing_since_ns=at(0)),
        SenderState(Situation.ISOLATING, None, rejected, at(1), None, retried=2, failing_since_ns=at(0)),
        SenderState(Situation.DELIVERING, at(2), rejected, at(1), None, sent=2, retried=2),
        SenderState(Situation.ISOLATING, at(2), isolating, at(3), at(4), sent=2, retried=3, failing_since_ns=at(3)),
        SenderState(Situation.RETRYING, at(2), gone, at(4), at(6), sent=2, retried=4, failing_since_ns=at(3)),
        SenderState(Situation.ISOLATING, at(2), set_aside, at(5), at(9), 2, 4, 1, failing_since_ns=at(3)),
        SenderState(Situation.DELIVERING, at(6), set_aside, at(5), None, sent=3, retried=4, set_aside=1),
        SenderState(Situation.IDLE, at(6), set_aside, at(5), None, sent=3, retried=4, set_aside=1),
    ]


def test_a_cause_is_complained_about_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """However often something fails, its cause is logged once a minute; a clock set back does not silence it."""
    now_ns = NOW_NS
    transport = by([Retry("down")] * 9 + [Refused("no")] + [Retry("down")] * 3)
    sender = Sender(MemoryOutbox(ENCODED[:1]), transport, clock_ns=lambda: now_ns)
    times: dict[str, list[int]] = {}
    with caplog.at_level(logging.WARNING):
        for second in (0, 1, 2, 59, 60, 61, 119, 120, 121, 122, 123, 40, 41):
            now_ns = NOW_NS + second * S_NS
            sender.step()
            for record in caplog.records:
                times.setdefault(record.getMessage(), []).append(second)
            caplog.clear()

    assert times == {
        "not delivered yet: down": [0, 60, 120, 40],
        "the receiver takes nothing from us: no": [122],
    }


def test_a_warning_of_the_receiver_is_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    """A message with no rejected span is a warning: the spans are acknowledged, and it is logged."""
    outbox = MemoryOutbox(ENCODED[:2])
    with caplog.at_level(logging.WARNING):
        drain(sender_of(outbox, by([Delivered(0, "mind the quota")])))

    assert outbox.acknowledged == ENCODED[:2]
    assert [record.getMessage() for record in caplog.records] == ["the receiver warns: mind the quota"]


# Over real connections

MANY = [
    Span("1" * 32, f"{n + 1:016x}", f"span {n}", NOW_NS + n, NOW_NS + n + 1, attributes={"n": n, "text": "é" * 100})
    for n in range(10_000)
]
