"""A graph-exporter killed with SIGKILL at any moment: nothing that was acknowledged is lost, nothing is there twice."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import grpc

from cc_otel.graph.mapping.keys import key_of
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.receive_grpc import EXPORT
from cc_otel.span import Span
from tests.graph.made import span

KILLS: Final = int(os.environ.get("CC_OTEL_TEST_KILLS", "20"))
CLIENTS: Final = 4
SPANS_PER_REQUEST: Final = 25
WAIT_S: Final = 60.0

RUNNER: Final = """
import sys
from pathlib import Path
from cc_otel.graph.exporter import GraphExporter
from cc_otel.otlp.receive_grpc import TraceServer
from cc_otel.graph.sqlite.store import SqliteStore
home = Path(sys.argv[1])
exporter = GraphExporter(SqliteStore(home / "graph.db"), [TraceServer(f"unix:{home}/otlp.sock")], home / "dead", 30)
print(exporter.start(), flush=True)
sys.stdin.read()
exporter.stop(30)
"""

RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


@contextmanager
def exporter(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a graph-exporter in a process of its own; if it still runs at the block's end it is stopped."""
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().strip() == f"unix:{home}/otlp.sock"
            yield process
            assert process.stdin
            process.stdin.close()
            process.wait(WAIT_S)
        finally:
            process.kill()


class Client(threading.Thread):
    """Sends requests until told to stop, and each until it is acknowledged: the same bytes, backing off."""

    def __init__(self, home: Path, number: int, done: threading.Event) -> None:
        super().__init__(daemon=True)
        self._home = home
        self._number = number
        self._done = done
        self.acknowledged: list[Span] = []
        self.dropped: list[grpc.RpcError] = []
        self.sent_again = 0

    def run(self) -> None:
        """Be a Collector."""
        options = [("grpc.default_authority", "localhost"), ("grpc.initial_reconnect_backoff_ms", 50)]
        options += [("grpc.min_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        with grpc.insecure_channel(f"unix:{self._home}/otlp.sock", options) as channel:
            export = channel.unary_unary(EXPORT, None, None)
            for number in range(1_000_000):
                if self._done.is_set():
                    return
                spans = self._spans(number)
                if self._deliver(export, request(map(encode, spans))):
                    self.acknowledged += spans

    def _spans(self, number: int) -> list[Span]:
        trace_id = f"{self._number:016x}{number:016x}"
        session = f"session-{self._number}"
        root = span(1, trace_id=trace_id, session=session)
        return [root, *(span(n, trace_id=trace_id, session=session, parent=1) for n in range(2, SPANS_PER_REQUEST + 1))]

    def _deliver(self, export: Callable[..., bytes], data: bytes) -> bool:
        wait_s = 0.01
        while True:
            try:
                export(data, timeout=5)
                return True
            except grpc.RpcError as error:
                if error.code() not in RETRYABLE:
                    self.dropped.append(error)
                    return False
            self.sent_again += 1
            time.sleep(wait_s * random.uniform(0.5, 1.5))
            wait_s = min(wait_s * 1.5, 0.2)


def rows(home: Path, table: str) -> list[str]:
    """Return the keys in a table, as the file has them."""
    with closing(sqlite3.connect(home / "graph.db")) as connection:
        return [key for (key,) in connection.execute(f"SELECT key FROM {table}")]


def test_killed_under_load(home: Path) -> None:
    """Killed again and again under clients that retry: every acknowledged span is there, and each span once."""
    done = threading.Event()
    clients = [Client(home, number, done) for number in range(1, CLIENTS + 1)]
    for client in clients:
        client.start()
    lost_at_a_kill = []
    for _ in range(KILLS):
        with exporter(home) as process:
            time.sleep(random.uniform(0.05, 0.5))
            acknowledged = [key_of(span) for client in clients for span in tuple(client.acknowledged)]
            process.kill()
            process.wait(WAIT_S)
        lost_at_a_kill.append(set(acknowledged) - set(rows(home, "spans")))
    done.set()
    with exporter(home):
        for client in clients:
            client.join(WAIT_S)
    spans = [span for client in clients for span in client.acknowledged]
    keys = sorted(map(key_of, spans))

    assert lost_at_a_kill == [set()] * KILLS
    assert [client.is_alive() or client.dropped for client in clients] == [[]] * CLIENTS
    assert sum(client.sent_again for client in clients) > 0
    assert sorted(rows(home, "spans")) == keys
    assert sorted(rows(home, "part_of")) == keys
    assert sorted(rows(home, "parent_of")) == sorted(key_of(span) for span in spans if span.parent_id)
    assert sorted(rows(home, "sessions")) == [f"session-{number}" for number in range(1, CLIENTS + 1)]
    assert [file.name for file in home.iterdir()] == ["graph.db"]


def test_stopped_under_load(home: Path) -> None:
    """Told to stop, it finishes what it accepted and leaves with exit code 0; nobody loses a span."""
    done = threading.Event()
    client = Client(home, 1, done)
    client.start()
    codes = []
    for _ in range(2):
        with exporter(home) as process:
            time.sleep(0.3)
        codes.append(process.returncode)
    done.set()
    with exporter(home):
        client.join(WAIT_S)

    assert (codes, client.dropped) == ([0, 0], [])
    assert sorted(rows(home, "spans")) == sorted(map(key_of, client.acknowledged))
