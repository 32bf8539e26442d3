"""From an agent through the real Collector to Jaeger and to the graph's side: everything arrives, whatever dies."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cc_otel.otlp.destination import GRPC, HTTP_PROTOBUF
from cc_otel.span import Span, SpanEvent
from tests.stack.comparing import as_jaeger_keeps, as_jaeger_remembers, as_sent, seen_in
from tests.stack.load import Load
from tests.stack.process import wait_for
from tests.stack.programs import IN_MEMORY, Jaeger, MakeCollector, Send
from tests.stack.receiver import Receiver
from tests.stack.trees import RESOURCE, plain, session

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", [GRPC, HTTP_PROTOBUF])
def test_both_destinations_hold_what_was_sent(
    collector: MakeCollector, jaeger: Jaeger, graph: Receiver, send: Send, protocol: str, compression: str
) -> None:
    """A session sent over gRPC or HTTP, compressed or not, stands whole in Jaeger and reaches the graph's side."""
    spans = session(f"{protocol} {compression}")
    between = collector(graph.endpoint, jaeger.endpoint)
    send(between.destination(protocol, compression), spans)

    assert as_jaeger_keeps(spans) == seen_in(jaeger, spans)
    wait_for("the graph's side", lambda: len(graph.spans()) >= len(spans))
    assert as_sent(spans) == as_sent(graph.spans().values())


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_compressed_batches_reach_both_destinations(
    collector: MakeCollector, jaeger: Jaeger, graph: Receiver, send: Send, compression: str
) -> None:
    """The Collector may compress what it sends on."""
    spans = session("onwards")
    between = collector(
        graph.endpoint,
        jaeger.endpoint,
        CC_OTEL_GRAPH_COMPRESSION=compression,
        CC_OTEL_JAEGER_COMPRESSION=compression,
    )
    send(between.destination(), spans)

    assert as_jaeger_keeps(spans) == seen_in(jaeger, spans)
    wait_for("the graph's side", lambda: len(graph.spans()) >= len(spans))
    assert as_sent(spans) == as_sent(graph.spans().values())


@pytest.mark.parametrize(
    ("jaeger", "as_kept"),
    [((), as_jaeger_keeps), (IN_MEMORY, as_jaeger_remembers)],
    ids=["badger", "memory"],
    indirect=["jaeger"],
)
def test_jaeger_shows_no_warning_and_no_orphan_when_everything_comes_twice(
    collector: MakeCollector, jaeger: Jaeger, sink: Receiver, send: Send, as_kept: Callable[[list[Span]], list[Span]]
) -> None:
    """Sent twice in other groupings, each span stands in Jaeger once, under its parent, without a warning."""
    spans = session("twice", turns=3)
    between = collector(sink.endpoint, jaeger.endpoint)
    send(between.destination(), spans)
    seen_in(jaeger, spans)
    for start in range(0, len(spans), 5):
        send(between.destination(), spans[start : start + 5][::-1])
    wait_for("Jaeger", lambda: between.metric("otelcol_exporter_sent_spans", "otlp_grpc/jaeger") == 2 * len(spans))
    shown = seen_in(jaeger, spans)

    assert as_kept(spans) == shown
    assert not [span for span in shown if "@jaeger@warnings" in span.attributes]
    assert {span.parent_id for span in shown if span.parent_id} <= {span.span_id for span in shown}


def test_what_was_accepted_while_the_graph_exporter_was_down_reaches_it_once(
    collector: MakeCollector, sink: Receiver, send: Send
) -> None:
    """The queue holds what the graph-exporter could not take, and delivers all of it, once, when it is back."""
    graph = Receiver()
    between = collector(graph.endpoint, sink.endpoint)
    sent = [plain("queued", number, size_bytes=2_000) for number in range(3_000)]
    for start in range(0, len(sent), 500):
        send(between.destination(), sent[start : start + 500])
    wait_for("the other destination", lambda: len(sink.accepted) == len(sent))
    with graph.listening():
        wait_for("the queue to drain", lambda: len(graph.accepted) == len(sent))

    assert graph.accepted == dict.fromkeys((span.span_id for span in sent), 1)
    assert as_sent(sent) == as_sent(graph.spans().values())


def test_jaeger_down_does_not_hold_up_the_graph(
    collector: MakeCollector, jaeger: Jaeger, graph: Receiver, send: Send
) -> None:
    """While Jaeger is down the graph's side gets everything; Jaeger gets it when it is back."""
    before, during = session("before", turns=1), session("during", turns=1)
    between = collector(graph.endpoint, jaeger.endpoint)
    send(between.destination(), before)
    seen_in(jaeger, before)
    jaeger.kill()
    send(between.destination(), during)
    wait_for("the graph's side", lambda: len(graph.accepted) == len(before + during))
    jaeger.start()

    # What Jaeger had acknowledged before it was killed is still there.
    assert as_jaeger_keeps(before + during) == seen_in(jaeger, before + during)


def test_the_collector_stopped_keeps_its_queue(collector: MakeCollector, sink: Receiver, send: Send) -> None:
    """A Collector stopped while a destination is down delivers after its next start."""
    graph = Receiver()
    between = collector(graph.endpoint, sink.endpoint)
    sent = session("stopped")
    send(between.destination(), sent)
    between.stop()
    with graph.listening():
        between.start()
        wait_for("the queue", lambda: len(graph.accepted) == len(sent))

    assert as_sent(sent) == as_sent(graph.spans().values())


def test_a_collector_killed_under_load_loses_nothing(collector: MakeCollector, jaeger: Jaeger, graph: Receiver) -> None:
    """Killed three times while spans pour in, the Collector delivers every acknowledged one to both destinations."""
    between = collector(graph.endpoint, jaeger.endpoint)
    with Load(between.destination()).running() as load:
        for _ in range(3):
            load.wait_for_more(500)
            between.kill()
            between.start()
    wait_for("the graph's side", lambda: len(graph.accepted) >= len(load.sent))

    assert load.interrupted > 0
    assert as_sent(load.sent) == as_sent(graph.spans().values())
    assert as_jaeger_keeps(load.sent) == seen_in(jaeger, load.sent)


def test_large_requests_and_long_values_reach_both_destinations(
    collector: MakeCollector, jaeger: Jaeger, graph: Receiver, send: Send
) -> None:
    """A request of 12 MB is taken and sent on in batches below each limit; values too long for Jaeger are cut there."""
    spans = [plain("large", number, size_bytes=100_000) for number in range(120)]
    long = "y" * 70_000
    events = (SpanEvent("output", 1, {"line": long}),)
    spans.append(replace(plain("long", 1), resource={**RESOURCE, "process.command_line": long}, events=events))
    between = collector(graph.endpoint, jaeger.endpoint)
    send(between.destination(), spans)

    assert as_jaeger_keeps(spans) == seen_in(jaeger, spans)
    wait_for("the graph's side", lambda: len(graph.accepted) == len(spans))
    assert as_sent(spans) == as_sent(graph.spans().values())
    assert max(attempt.size_bytes for attempt in graph.attempts) <= 8_000_000
