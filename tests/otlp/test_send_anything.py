"""The sender, given any sequence of answers."""

import random
from collections import deque
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1 import trace_pb2

from cc_otel.otlp.send import BYTES_MAX, SPANS_MAX, Sender
from cc_otel.otlp.transport import Delivered, ExportResult, Poison, Refused, Retry
from tests.otlp.receivers import (
    spans_in,
)
from tests.otlp.senders import ENCODED, MemoryOutbox, ScriptedTransport, by, drain, ids, sender_of


def any_outcome() -> st.SearchStrategy[ExportResult]:
    """Return any results that a receiver may give, sensible or not."""
    return st.one_of(
        st.builds(Delivered, st.sampled_from([0, 0, 0, 1, 2, 100, 512, 10_000]), st.sampled_from(["", "why"])),
        st.builds(Retry, st.just("later"), st.none() | st.floats(0, allow_nan=False)),
        st.builds(Refused, st.just("no")),
        st.builds(Poison, st.just("bad")),
    )


@given(
    st.integers(0, len(ENCODED)),
    st.lists(any_outcome(), max_size=60),
    st.floats(0, 1),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_any_sequence_of_answers_is_handled_by_the_rules(
    count: int, outcomes: list[ExportResult], jitter: float, chance: random.Random
) -> None:
    """Every span is acknowledged or set aside exactly when the rules say; failures are followed by a wait."""
    outbox, transport = MemoryOutbox(ENCODED[:count]), by(outcomes)
    sender = Sender(outbox, transport, jitter=lambda: jitter if chance.random() < 0.5 else chance.random())

    waits = drain(sender)

    acknowledged: list[str] = []
    set_aside: list[str] = []
    for sent, outcome, wait_s in zip(transport.requests, transport.outcomes, waits, strict=True):
        spans = [span.span_id.hex() for span in spans_in(sent)]
        assert 0 < len(spans) <= SPANS_MAX
        assert len(sent) < BYTES_MAX + (1 << 16)
        match outcome:
            case Delivered(rejected_spans=rejected):
                assert 0.0 <= wait_s <= 60.0
                acknowledged += spans if rejected == 0 else []
                set_aside += spans if rejected >= len(spans) == 1 else []
            case Poison():
                assert 1.0 <= wait_s <= 60.0
                set_aside += spans if len(spans) == 1 else []
            case Refused():
                assert 1.0 <= wait_s <= 60.0
            case Retry(delay_s=delay_s):
                assert max(1.0, min(delay_s or 0.0, 300.0)) <= wait_s <= max(60.0, min(delay_s or 0.0, 300.0))
    assert (acknowledged, set_aside) == (ids(outbox.acknowledged), list(outbox.set_aside))
    assert sorted(acknowledged + set_aside) == sorted(ids(ENCODED[:count]))
    assert (len(acknowledged), len(set_aside)) == (sender.state.sent, sender.state.set_aside)


@given(
    st.lists(st.sampled_from(["good"] * 20 + ["poison", "rejected"]), max_size=700),
    st.lists(st.none() | st.sampled_from([Retry("later"), Refused("no")]), max_size=60),
)
@settings(deadline=None)
def test_whatever_is_at_fault_is_found_at_bounded_cost(faults: list[str], troubles: list[ExportResult | None]) -> None:
    """A receiver that always answers alike gets every good span; bad ones are set aside after not too many tries."""
    batch, script = ENCODED[: len(faults)], deque(troubles)
    fault_of = {encoded.span_id: fault for encoded, fault in zip(batch, faults, strict=True)}

    def answer(spans: Sequence[trace_pb2.Span]) -> ExportResult:
        trouble = script.popleft() if script else None
        if trouble is not None:
            return trouble
        found = [fault_of[span.span_id.hex()] for span in spans]
        return Poison("bad") if "poison" in found else Delivered(found.count("rejected"), "bad")

    outbox, transport = MemoryOutbox(batch), ScriptedTransport(answer)
    drain(sender_of(outbox, transport))

    bad = [encoded.span_id for encoded in batch if fault_of[encoded.span_id] != "good"]
    assert outbox.acknowledged == [encoded for encoded in batch if fault_of[encoded.span_id] == "good"]
    assert bad == list(outbox.set_aside)
    # Down to a span by halves and up again by doubling, once for each, beside the requests that carry the rest.
    assert len(transport.requests) <= len(troubles) + len(batch) // SPANS_MAX + 1 + len(bad) * 3 * 10
    for sent in transport.requests:
        assert {span.SerializeToString(deterministic=True) for span in spans_in(sent)} <= {p.span for p in batch}
