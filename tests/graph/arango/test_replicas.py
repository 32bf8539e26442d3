"""Several graph-exporters before one ArangoDB: whatever they do to each other, the graph is there once."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from cc_otel.otlp.decode import decode
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.receive_grpc import EXPORT
from cc_otel.span import Span
from tests.graph.arango.held import expected, held
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.made import span
from tests.path.processes import start

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
    """A graph-exporter in a process of its own, as an operator starts it; it is killed under its clients."""

    def __init__(self, standin: StandIn, home: Path) -> None:
        home.mkdir()
        (home / "password").write_text(standin.password)
        self._home, self._store = home, standin.url
        self.listen = f"unix:{home / 'otlp.sock'}"
        self.start()

    def start(self) -> None:
        store = ("--store", self._store, "--arango-password-file", self._home / "password")
        kept = ("--retention-days", RETENTION_DAYS)
        self._process = start("graph-exporter", "--home", self._home, "--graph-listen", self.listen, *store, *kept)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def buried(self) -> list[Path]:
        """Return the files of what could not be stored."""
        dead = self._home / "dead"
        return list(dead.iterdir()) if dead.exists() else []


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """Return a server whose commits take long enough for writers to meet."""
    with running(StandIn(commit_s=0.01)) as standin:
        yield standin


@pytest.fixture
def replicas(standin: StandIn, home: Path) -> Iterator[list[Replica]]:
    """Return two graph-exporters on one server."""
    made: list[Replica] = []
    try:
        for name in ("a", "b"):
            made.append(Replica(standin, home / name))
        yield made
    finally:
        for replica in made:
            replica.kill()


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


@pytest.mark.parametrize("kills", [False, True], ids=["at rest", "killed"])
def test_replicas_fed_the_same_spans_leave_one_copy(standin: StandIn, replicas: list[Replica], kills: bool) -> None:
    """Two clients send the same spans to two replicas at once, through kills: each is there once, and whole."""
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
        chaos = pool.submit(kill_everything, standin, replicas, done) if kills else None
        try:
            for client in clients:
                client.result(WAIT_S)
        finally:
            done.set()
        if chaos:
            chaos.result(WAIT_S)

    # Spans as they were received. When each expires counts from when it was stored.
    received = [span for data in requests for span in decode(data).spans]
    stored = {place: {k: v for k, v in one.items() if k != "expire_at"} for place, one in held(standin).items()}

    assert stored == expected(received)
    assert [replica.buried() for replica in replicas] == [[], []]


def kill_everything(standin: StandIn, replicas: Sequence[Replica], done: threading.Event) -> None:
    """Restart the server and kill the replicas in turns until all is done."""
    while not done.wait(0.2):
        standin.restart()
        for replica in replicas:
            if not done.wait(0.2):
                replica.kill()
                replica.start()
