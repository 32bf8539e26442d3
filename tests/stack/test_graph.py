"""From an agent through the real Collector to the real graph-exporter and the real Jaeger."""

from contextlib import closing
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cc_otel.otlp import encode
from cc_otel.otlp.transport import Delivered, connect
from tests.stack.comparing import as_sent, graph_in, graph_of, seen_in
from tests.stack.load import Load
from tests.stack.process import wait_for
from tests.stack.programs import GraphExporter, Jaeger, MakeCollector, Send
from tests.stack.receiver import Receiver
from tests.stack.trees import session, traces_of

pytestmark = pytest.mark.stack


def test_jaeger_and_the_graph_hold_the_same_trees(
    collector: MakeCollector, jaeger: Jaeger, graph_exporter: GraphExporter, send: Send, tmp_path: Path
) -> None:
    """A session sent twice is one set of trees, the same in Jaeger's answers and in the graph's, with no orphan."""
    spans = session("everywhere", turns=3)
    between = collector(graph_exporter.endpoint, jaeger.endpoint)
    send(between.destination(), spans[::-1])
    send(between.destination(), spans)
    expected = graph_of(spans, tmp_path / "expected.db")
    wait_for("the graph", lambda: graph_in(graph_exporter.database) == expected)
    seen_in(jaeger, spans)

    for trace_id in traces_of(spans):
        of_jaeger = {
            (s.span_id, s.parent_id, s.name, s.status.name, s.start_ns / 1_000_000) for s in jaeger.trace(trace_id)
        }
        rows = graph_exporter.tree(trace_id)
        of_graph = {(r["span_id"], r["parent_id"], r["name"], r["status"], r["start_ms"]) for r in rows}

        assert of_jaeger == of_graph
        assert [row["parent_id"] for row in rows if row["depth"] == 0] == [None]


def test_one_bad_byte_costs_no_span(
    collector: MakeCollector, graph_exporter: GraphExporter, sink: Receiver, tmp_path: Path
) -> None:
    """Text that is not UTF-8, and a value 48 levels deep, cost no span on the way, neither theirs nor others."""
    spans = session("damaged", turns=1)
    request = ExportTraceServiceRequest.FromString(encode.request(map(encode.encode, spans)))
    [scope_spans] = request.resource_spans[0].scope_spans
    scope_spans.spans[1].attributes.add(key="bad").value.string_value = "~~"
    value = scope_spans.spans[2].attributes.add(key="deep").value
    for _ in range(48):
        value = value.array_value.values.add()
    value.string_value = "bottom"
    between = collector(graph_exporter.endpoint, sink.endpoint)
    with closing(connect(between.destination())) as transport:
        outcome = transport.export(request.SerializeToString().replace(b"~~", b"\xff\xfe"), 30.0)
    wait_for("the graph", lambda: len(graph_exporter.tree(spans[0].trace_id)) == len(spans))
    held = {row["span_id"]: row for row in graph_exporter.tree(spans[0].trace_id)}

    assert outcome == Delivered()
    assert held.keys() == {span.span_id for span in spans}


def test_collector_and_graph_exporter_killed_under_load_leave_each_span_once(
    collector: MakeCollector, graph_exporter: GraphExporter, sink: Receiver, tmp_path: Path
) -> None:
    """Both killed in turns while spans pour in: the graph holds every acknowledged span and edge, once."""
    between = collector(graph_exporter.endpoint, sink.endpoint)
    with Load(between.destination()).running() as load:
        for victim in (between, graph_exporter, between, graph_exporter):
            load.wait_for_more(500)
            victim.kill()
            victim.start()
    expected = graph_of(load.sent, tmp_path / "expected.db")
    wait_for("the graph", lambda: len(graph_in(graph_exporter.database)) >= len(expected))

    assert graph_in(graph_exporter.database) == expected


def test_the_graph_catches_up_after_its_exporter_was_away(
    collector: MakeCollector, jaeger: Jaeger, graph_exporter: GraphExporter, send: Send, tmp_path: Path
) -> None:
    """While the graph-exporter is down Jaeger gets everything; the graph gets it, once, when it is back."""
    before, during = session("before"), session("during")
    between = collector(graph_exporter.endpoint, jaeger.endpoint)
    send(between.destination(), before)
    wait_for("the graph", lambda: graph_in(graph_exporter.database) == graph_of(before, tmp_path / "before.db"))
    graph_exporter.stop()
    send(between.destination(), during)

    assert len(as_sent(during)) == len(seen_in(jaeger, during))
    graph_exporter.start()
    expected = graph_of(before + during, tmp_path / "expected.db")
    wait_for("the graph", lambda: len(graph_in(graph_exporter.database)) >= len(expected))
    assert graph_in(graph_exporter.database) == expected
