"""Several graph-exporters before one ArangoDB: whatever they do to each other, the graph is there once."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from cc_otel.graph import mapping
from cc_otel.graph.arango import ArangoStore
from cc_otel.graph.service import GraphExporter
from cc_otel.otlp.convert import encode, request
from cc_otel.otlp.receive import EXPORT
from cc_otel.span import Span
from tests.graph.arango_standin.engine import Document
from tests.graph.arango_standin.server import StandIn, running
from tests.graph.made import span

WAIT_S = 120.0
SPANS_PER_REQUEST = 25
RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
RETENTION_DAYS = 10_000


def sessions() -> list[Span]:
    """Make 20 traces of 25 spans in 3 sessions, all of which touch one file."""
    return [
        span(
            number,
            trace_id=f"{trace:032x}",
            parent=number // 3 or None,
            start_ms=1_000 * trace + number,
            session=f"session-{trace % 3}",
            attributes={"file.path": "/src/app.py"},
        )
        for trace in range(1, 21)
        for number in range(1, 26)
    ]


class Replica:
    """A graph-exporter that can be restarted under its clients."""

    def __init__(self, standin: StandIn, home: Path) -> None:
        self._standin, self._home = standin, home
        self.listen = f"unix:{home / 'otlp.sock'}"
        home.mkdir()
        self.start()

    def start(self) -> None:
        store = ArangoStore(self._standin.url, self._standin.password)
        self._exporter = GraphExporter(store, self.listen, self._home / "dead", RETENTION_DAYS)
        self._exporter.start()

    def stop(self) -> None:
        self._exporter.stop(grace_s=0)

    def buried(self) -> list[Path]:
        """Answer the files of what could not be stored."""
        dead = self._home / "dead"
        return list(dead.iterdir()) if dead.exists() else []


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """Give a server whose commits take long enough for writers to meet."""
    with running(StandIn(commit_s=0.01)) as standin:
        yield standin


@pytest.fixture
def replicas(standin: StandIn, home: Path) -> Iterator[list[Replica]]:
    """Give two graph-exporters on one server."""
    made = [Replica(standin, home / name) for name in ("a", "b")]
    yield made
    for replica in made:
        replica.stop()


def export(replica: Replica, requests: Sequence[bytes]) -> None:
    """Send each request until it is acknowledged, as the Collector does."""
    give_up_s = time.monotonic() + WAIT_S
    with grpc.insecure_channel(replica.listen) as channel:
        call = channel.unary_unary(EXPORT, None, None)
        for message in requests:
            while True:
                try:
                    call(message, timeout=5)
                    break
                except grpc.RpcError as error:
                    if error.code() not in RETRYABLE or time.monotonic() > give_up_s:
                        raise
                    time.sleep(0.02)


def stored(standin: StandIn) -> dict[tuple[str, str], Document]:
    """Answer everything that the server holds, by collection and key, without what it adds."""
    added = ("_key", "_id", "_rev", "_from", "_to")
    return {
        (name, key): {field: value for field, value in document.items() if field not in added}
        for name, collection in standin.engine.databases["cc_otel"].collections.items()
        for key, document in collection.documents.items()
    }


def expected(spans: Sequence[Span]) -> dict[tuple[str, str], Document]:
    """Answer what the spans stand for, mapped at once."""
    graph = mapping.of(spans, retention_days=RETENTION_DAYS)
    vertices = {(vertex.collection, vertex.key): dict(vertex.document) for vertex in graph.vertices}
    return vertices | {(edge.collection, edge.key): dict(edge.document) for edge in graph.edges}


@pytest.mark.parametrize("restarts", [False, True], ids=["at rest", "restarting"])
def test_replicas_fed_the_same_spans_leave_one_copy(standin: StandIn, replicas: list[Replica], restarts: bool) -> None:
    """Two clients send the same spans to two replicas at once, through restarts: each is there once, and whole."""
    spans = sessions()
    requests = [
        request(encode(one) for one in spans[first : first + SPANS_PER_REQUEST])
        for first in range(0, len(spans), SPANS_PER_REQUEST)
    ]
    done = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        # From both ends, and so through each other; the shared session and file are contended all the time.
        clients = [
            pool.submit(export, replica, requests[::step]) for replica, step in zip(replicas, (1, -1), strict=True)
        ]
        chaos = pool.submit(restart_everything, standin, replicas, done) if restarts else None
        try:
            for client in clients:
                client.result(WAIT_S)
        finally:
            done.set()
        if chaos:
            chaos.result(WAIT_S)

    assert expected(spans) == stored(standin)
    assert standin.engine.conflicts > 0
    assert [[], []] == [replica.buried() for replica in replicas]


def restart_everything(standin: StandIn, replicas: Sequence[Replica], done: threading.Event) -> None:
    """Restart the server and the replicas in turns until all is done."""
    while not done.wait(0.2):
        standin.restart()
        for replica in replicas:
            if not done.wait(0.2):
                replica.stop()
                replica.start()
