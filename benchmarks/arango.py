"""
What the graph-exporter takes in with ArangoDB behind it, beside SQLite.

The server is the tests' stand-in, which answers at once and keeps nothing: what is measured is our side, the driver
included, and not ArangoDB, whose own time comes on top. SQLite's figures, in the same run, include its sync of the
disk. Exporter and server have processes of their own.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc

from benchmarks.table import Row, show
from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.exporter import GraphExporter
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import GraphStore
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.receive_grpc import EXPORT, TraceServer
from cc_otel.span import Span

SPANS = 20_480
SPANS_PER_REQUEST = 512
REQUESTS_AT_ONCE = 8
ROUNDS = 3
PASSWORD = "secret"


def run(spans: int = SPANS) -> list[Row]:
    """Measure the store alone, then the whole graph-exporter."""
    requests = list(batches(spans))
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as directory, instant_server() as url:
        path = Path(directory)
        stores: dict[str, Callable[[int], GraphStore]] = {
            "arango": lambda _: ArangoStore(url, PASSWORD),
            "sqlite": lambda number: SqliteStore(path / f"store-{number}.db"),
        }
        alone = {
            name: best(store_costs(make, number, requests) for number in range(ROUNDS)) for name, make in stores.items()
        }
        whole = {
            name: max(exporter_rate(name, url, path / f"{name}-{number}", requests) for number in range(ROUNDS))
            for name in stores
        }
    size = sum(len(encode(span).span) for span in requests[0]) / len(requests[0])
    what = f"{size:,.0f} B spans, ArangoDB at once"
    return [
        row(f"store, {what}", alone["arango"][0], alone["sqlite"][0], "spans/s"),
        row(f"store, {what}, our CPU", alone["arango"][1], alone["sqlite"][1], "µs/span"),
        row(f"graph-exporter over gRPC, {what}", whole["arango"], whole["sqlite"], "spans/s"),
    ]


def row(what: str, measured: float, reference: float, unit: str) -> Row:
    """Return a row with SQLite as its reference."""
    return Row(what, measured, unit, reference, measured / reference)


def batches(spans: int) -> Iterator[list[Span]]:
    """Make requests' worth of spans as an agent sends them: a turn and its tools, about 0.8 KB each."""
    for first in range(0, spans, SPANS_PER_REQUEST):
        trace = f"{first + 1:032x}"
        yield [
            Span(
                trace,
                f"{number + 1:016x}",
                "execute_tool Bash",
                start_ns=1_800_000_000_000_000_000 + number,
                end_ns=1_800_000_000_000_001_000 + number,
                parent_id=f"{first + 1:016x}" if number > first else None,
                attributes={
                    "session.id": f"session-{first % 5}",
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "Bash",
                    "gen_ai.tool.call.arguments": '{"command": "pytest -q tests/graph"}',
                    "gen_ai.tool.call.result": "." * 350,
                    "cc_otel.hook.event": "PreToolUse",
                    "cc_otel.summary": "Ran pytest -q tests/graph: exit 0",
                },
                resource={"service.name": "claude-code"},
            )
            for number in range(first, first + SPANS_PER_REQUEST)
        ]


def store_costs(
    make: Callable[[int], GraphStore], number: int, requests: Sequence[Sequence[Span]]
) -> tuple[float, float]:
    """Write the graphs one after another; answer spans a second, and the µs of CPU that this process spent on each."""
    store = make(number)
    store.prepare()
    graphs = [mapping.of(spans, retention_days=30) for spans in requests]
    spans = sum(map(len, requests))
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    for graph in graphs:
        store.write(graph)
    wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    store.close()
    return spans / wall_s, cpu_s / spans * 1e6


def best(costs: Iterator[tuple[float, float]]) -> tuple[float, float]:
    """Return the fastest of several rounds: whatever else the machine does only slows one down."""
    rates, cpus = zip(*costs, strict=True)
    return max(rates), min(cpus)


def exporter_rate(store: str, url: str, home: Path, requests: Sequence[Sequence[Span]]) -> float:
    """Send everything to a graph-exporter, some requests at once; answer spans acknowledged a second."""
    home.mkdir()
    messages = [request(encode(span) for span in spans) for spans in requests]
    listen = f"unix:{home / 'otlp.sock'}"
    arguments = [sys.executable, "-m", "benchmarks.arango", "serve", store, url, str(home)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as exporter:
        assert exporter.stdout is not None
        exporter.stdout.readline()
        with grpc.insecure_channel(listen) as channel, ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            export = channel.unary_unary(EXPORT, None, None)
            started_s = time.perf_counter()
            for _ in pool.map(lambda message: export(message, timeout=60), messages):
                pass
            wall_s = time.perf_counter() - started_s
        exporter.communicate()
    return sum(map(len, requests)) / wall_s


def serve(store: str, url: str, home: Path) -> None:
    """Be a graph-exporter until standard input ends."""
    made: GraphStore = ArangoStore(url, PASSWORD) if store == "arango" else SqliteStore(home / "graph.db")
    exporter = GraphExporter(made, [TraceServer(f"unix:{home / 'otlp.sock'}")], home / "dead", 30)
    print(exporter.start(), flush=True)
    sys.stdin.read()
    exporter.stop(grace_s=5)


@contextmanager
def instant_server() -> Iterator[str]:
    """Run the stand-in that answers at once; return its address."""
    arguments = [sys.executable, "-m", "tests.graph.arango.standin", "--instant"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", store, url, home]:
            serve(store, url, Path(home))
        case _:
            show(run(), "The graph-exporter with ArangoDB, beside SQLite")
