"""The graph-exporter from the wire to the answers of queries."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from cc_otel.graph.exporter import GraphExporter
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.writer import Written
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.receive_grpc import EXPORT, TraceServer
from cc_otel.otlp.sink import ListenError
from cc_otel.span import Span
from tests.graph.contract import ask, column
from tests.graph.faulty import FaultyStore
from tests.graph.made import TRACE_A1, span, span_id, two_sessions

WAIT_S: Final = 30.0


class Parts:
    """A graph-exporter with what it works on."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = FaultyStore(home / "graph.db")
        self.exporter = GraphExporter(self.store, [TraceServer(f"unix:{home}/otlp.sock")], home / "dead", 0)

    def send(self, *spans: Span, data: bytes = b"") -> ExportTraceServiceResponse:
        """Export spans, and bytes behind them."""
        with grpc.insecure_channel(self.exporter.address, [("grpc.default_authority", "localhost")]) as channel:
            call = channel.unary_unary(EXPORT, None, ExportTraceServiceResponse.FromString)
            answer: ExportTraceServiceResponse = call(request(map(encode, spans)) + data, timeout=WAIT_S)
            return answer

    def health(self) -> int:
        """Ask the health service."""
        with grpc.insecure_channel(self.exporter.address, [("grpc.default_authority", "localhost")]) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=WAIT_S)
            status: int = answer.status
            return status


@pytest.fixture
def parts(home: Path) -> Iterator[Parts]:
    """Return a graph-exporter at work; nothing in it may fail that nobody expected."""
    made = Parts(home)
    made.exporter.start()
    yield made
    made.exporter.stop(WAIT_S)

    assert made.exporter.stats().answers.get("failed", 0) == 0


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_from_the_wire_to_the_graph(parts: Parts) -> None:
    """Spans that were exported are there as a tree when the answer comes."""
    answer = parts.send(*two_sessions())

    assert answer == ExportTraceServiceResponse()
    assert column(ask(parts.store, "tree", trace_id=TRACE_A1), "span_id", "depth", "kind") == [
        (span_id(1), 0, "turn"),
        (span_id(2), 1, "tool"),
        (span_id(3), 1, "tool"),
        (span_id(6), 1, "hook"),
        (span_id(4), 2, "subagent"),
        (span_id(5), 3, "tool"),
    ]
    assert parts.exporter.stats().written == Written(groups=1, spans_stored=10)


def test_again_and_again(parts: Parts) -> None:
    """What a client sends again, as a whole or in other groups, is there once."""
    spans = two_sessions()
    for sent in (spans, spans, spans[::-1], spans[3:7], spans[:1]):
        parts.send(*sent)

    assert len(ask(parts.store, "spans")) == 10


def test_a_store_that_is_down(parts: Parts) -> None:
    """While the store is down exports are UNAVAILABLE and health is NOT_SERVING; both recover by themselves."""
    parts.store.down = True
    with pytest.raises(grpc.RpcError) as raised:
        parts.send(span(1))
    while_down = parts.health()
    parts.store.down = False
    wait_for(lambda: parts.health() == health_pb2.HealthCheckResponse.SERVING)

    assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the store is down")
    assert (while_down, parts.send(span(1))) == (
        health_pb2.HealthCheckResponse.NOT_SERVING,
        ExportTraceServiceResponse(),
    )


def test_a_span_that_can_never_be_stored(parts: Parts) -> None:
    """A span with an invalid id is rejected in partial_success and kept in the dead letter; the rest is stored."""
    nobody = ExportTraceServiceRequest()
    nobody.resource_spans.add().scope_spans.add().spans.add(name="nobody", trace_id=b"short")
    answer = parts.send(span(1), data=nobody.SerializeToString())
    (file,) = (parts.home / "dead").iterdir()
    letter = json.loads(file.read_text())

    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (1, letter["reason"])
    assert (letter["span"]["name"], letter["span"]["trace_id"]) == ("nobody", b"short".hex())
    assert len(ask(parts.store, "spans")) == 1
    assert parts.exporter.stats().answers == {"partial": 1}


def test_an_address_that_is_taken(parts: Parts) -> None:
    """A second exporter on the same address says so; the first goes on."""
    with pytest.raises(ListenError, match="another server does"):
        Parts(parts.home).exporter.start()

    assert parts.send(span(1)) == ExportTraceServiceResponse()


def test_the_end(home: Path) -> None:
    """After the stop nothing runs, the store is closed, and the next exporter finds everything."""
    first = Parts(home)
    before = first.exporter.alive()
    first.exporter.start()
    first.send(span(1))
    during = first.exporter.alive()
    first.exporter.stop(WAIT_S)
    second = Parts(home)
    second.exporter.start()
    second.send(span(2))
    second.exporter.stop(WAIT_S)

    assert (before, during, first.exporter.alive()) == (False, True, False)
    assert sorted(file.name for file in home.iterdir()) == ["graph.db"]
    assert len(ask(SqliteStore(home / "graph.db"), "spans")) == 2
