"""
What the graph-exporter takes in with SQLite behind it, and what asking it costs as the graph grows.

Throughput: spans over gRPC, each request acknowledged only when it is durable, beside two loops that insert the same
rows into the same tables, as many to a transaction, in one thread of a process of their own. The bare loop parses the
requests and inserts rows that it was given ready-made; the reading loop makes its rows of what it parsed, with no
layers in between. The rounds alternate, so that whatever else the machine does falls on all of them.
"""

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import IO

import grpc
import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.table import Row, show
from cc_otel.graph.mapping import keys, mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import Query
from cc_otel.graph.writer import GROUP_SPANS_MAX
from cc_otel.otlp.decode import decode
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.receive_grpc import EXPORT
from cc_otel.span import Span

SPANS = 102_400
SPANS_PER_REQUEST = 512
REQUESTS_AT_ONCE = 8
ROUNDS = 3
SPANS_PER_TRACE = 100
TRACES_PER_SESSION = 20

BIG_TRACE = "b" * 32
BIG_TRACE_SPANS = 10_000
SIZES = (10_000, 100_000, 1_000_000)
ASKED = 7

RATIO_MIN = 0.6
SPANS_PER_S_MIN = 15_000
SUBTREE_MS_MAX = 50.0
GROWTH_MAX = 1.5

EXPORTER = """
import sys
from pathlib import Path
from cc_otel.graph.exporter import GraphExporter
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.otlp.receive_grpc import TraceServer
home = Path(sys.argv[1])
exporter = GraphExporter(SqliteStore(home / "graph.db"), [TraceServer(f"unix:{home}/otlp.sock")], home / "dead", 30)
print(exporter.start(), flush=True)
sys.stdin.read()
exporter.stop(30)
"""
LOOP = "import sys; from benchmarks.graph import loop; loop(*sys.argv[1:])"
TABLES = ("spans", "parent_of", "part_of", "sessions")

SCHEMA = (Path(__file__).parents[1] / "tests" / "graph" / "schema_1.sql").read_text("utf-8")
"""The tables of the first release, which the loops write to whatever the store's have become."""

with closing(sqlite3.connect(":memory:")) as _database:
    _database.executescript(SCHEMA)
    COLUMNS = {table: ", ".join(row[1] for row in _database.execute(f"PRAGMA table_info({table})")) for table in TABLES}

Rows = dict[str, list[tuple[object, ...]]]


def run(spans: int = SPANS, sizes: Sequence[int] = SIZES) -> list[Row]:
    """Measure throughput, then the query in stores of these sizes."""
    return [*throughput(spans), *queries(sizes)]


# Throughput


def throughput(spans: int) -> list[Row]:
    requests = [request(map(encode, some)) for some in batches(spans)]
    rates: dict[str, list[float]] = {"exporter": [], "bare": [], "reading": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="cc-otel-bench-", dir="/tmp") as directory:
            rates["exporter"].append(spans / exporter_s(Path(directory), requests))
            for kind in ("bare", "reading"):
                rates[kind].append(spans / loop_s(Path(directory), requests, kind))
    rate, bare, reading = (median(some) for some in rates.values())
    what = f"graph-exporter, SQLite, gRPC, {sum(map(len, requests)) / spans:,.0f} B spans"
    return [
        Row(
            f"{what}, beside parse and insert of ready-made rows",
            rate,
            "spans/s",
            bare,
            rate / bare,
            f"≥ {RATIO_MIN} x, ≥ {SPANS_PER_S_MIN:,} spans/s",
            rate >= RATIO_MIN * bare and rate >= SPANS_PER_S_MIN,
        ),
        Row(f"{what}, beside parse, read and insert", rate, "spans/s", reading, rate / reading),
    ]


def exporter_s(home: Path, requests: Sequence[bytes]) -> float:
    """Send the requests to a new exporter; answer how long that took, s."""
    with process(EXPORTER, home) as output:
        address = output.readline().strip()
        with grpc.insecure_channel(address, [("grpc.default_authority", "localhost")]) as channel:
            export = channel.unary_unary(EXPORT, None, None)
            grpc.channel_ready_future(channel).result(30)
            start = time.perf_counter()
            under_way: deque[grpc.Future[bytes]] = deque()
            for data in requests:
                if len(under_way) == REQUESTS_AT_ONCE:
                    under_way.popleft().result()
                under_way.append(export.future(data, timeout=60))
            for call in under_way:
                call.result()
            return time.perf_counter() - start


def loop_s(home: Path, requests: Sequence[bytes], kind: str) -> float:
    """Run a loop over the requests and the rows that the exporter made of them; answer how long it took, s."""
    for number, data in enumerate(requests):
        (home / f"{number}.request").write_bytes(data)
    with process(LOOP, home, kind) as output:
        return float(output.readline())


def loop(directory: str, kind: str) -> None:
    """Be the bare or the reading loop, in a process of its own, and print how long it took, s."""
    home = Path(directory)
    requests = [(home / f"{number}.request").read_bytes() for number in range(len(list(home.glob("*.request"))))]
    groups = list(slices(requests, GROUP_SPANS_MAX // SPANS_PER_REQUEST))
    given = ready_made(home / "graph.db", groups)
    # A session's end is later in the exporter's row: it has seen all groups.
    assert undated(read(groups[0])) == undated(given[0])
    with closing(sqlite3.connect(home / f"{kind}.db", isolation_level=None)) as database:
        for setting in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
            database.execute(f"PRAGMA {setting}")
        database.executescript(SCHEMA)
        start = time.perf_counter()
        for group, rows_of_group in zip(groups, given, strict=True):
            if kind == "bare":
                parsed = [ExportTraceServiceRequest.FromString(data) for data in group]
                assert len(parsed) == len(group)
            insert(database, rows_of_group if kind == "bare" else read(group))
        print(time.perf_counter() - start)


def undated(rows: Rows) -> Rows:
    """Leave out sessions, and when a row expires: that counts from when it was stored."""
    places = {table: COLUMNS[table].split(", ").index("expire_at") for table in TABLES}
    return {
        table: [row[: places[table]] + row[places[table] + 1 :] for row in some]
        for table, some in rows.items()
        if table != "sessions"
    }


def insert(database: sqlite3.Connection, rows: Rows) -> None:
    database.execute("BEGIN IMMEDIATE")
    for table, some in rows.items():
        if some:
            values = ", ".join("?" * len(some[0]))
            database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({values})", some)
    database.execute("COMMIT")


def ready_made(path: Path, groups: Sequence[Sequence[bytes]]) -> list[Rows]:
    """Return the rows of each group as the exporter wrote them."""
    with closing(sqlite3.connect(path)) as written:
        rows = {
            table: {row[0]: row for row in written.execute(f"SELECT {columns} FROM {table}")}
            for table, columns in COLUMNS.items()
        }
    made: list[Rows] = []
    for group in groups:
        spans = [span for data in group for span in decode(data).spans]
        spans_of_group = dict.fromkeys(map(keys.key_of, spans))
        sessions = dict.fromkeys(str(span.attributes["session.id"]) for span in spans)
        wanted = {table: sessions if table == "sessions" else spans_of_group for table in TABLES}
        made.append({table: [rows[table][key] for key in wanted[table] if key in rows[table]] for table in TABLES})
    return made


def read(group: Sequence[bytes]) -> Rows:
    """Make the rows of the spans made here, and of no others, in the straightest way."""
    rows: Rows = {table: [] for table in TABLES}
    sessions: dict[str, tuple[object, ...]] = {}
    for data in group:
        for envelope in ExportTraceServiceRequest.FromString(data).resource_spans:
            resource = {pair.key.replace(".", "_"): pair.value.string_value for pair in envelope.resource.attributes}
            for scope_spans in envelope.scope_spans:
                for span in scope_spans.spans:
                    values = {pair.key: pair.value.string_value or pair.value.double_value for pair in span.attributes}
                    trace, own, above = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
                    key, session, until = f"{trace}-{own}", values["session.id"], end_ns // 10**9 + 30 * 86_400
                    start, end, lasted = start_ns / 10**6, end_ns / 10**6, (end_ns - start_ns) / 10**6
                    summary, tool = values["cc_otel.summary"], values["gen_ai.tool.name"]
                    command = orjson.loads(str(values["gen_ai.tool.call.arguments"]))["command"]
                    rest = {
                        "size": lasted,
                        "start_ns": str(start_ns),
                        "end_ns": str(end_ns),
                        "span_kind": "INTERNAL",
                        "attributes": {name.replace(".", "_"): value for name, value in values.items()},
                        "resource": resource,
                        "scope": scope_spans.scope.name,
                        "scope_version": scope_spans.scope.version,
                        "scope_schema_url": scope_spans.schema_url,
                        "resource_schema_url": envelope.schema_url,
                        "flags": span.flags,
                    }
                    document = orjson.dumps(rest).decode()
                    # fmt: off
                    rows["spans"].append((key, start, end, lasted, trace, own, above or None, "tool", "UNSET", None, tool, span.name, summary, summary, command, session, resource["service_name"], until, document))  # noqa: E501
                    along = (start, "tool", "UNSET", trace, session, until, None)
                    # fmt: on
                    if above:
                        rows["parent_of"].append((key, f"spans/{trace}-{above}", f"spans/{key}", "parent of", *along))
                    rows["part_of"].append((key, f"spans/{key}", f"sessions/{session}", "part of", *along))
                    sessions[str(session)] = (session, session, session, until, '{"kind":"session","size":1}')
    rows["sessions"] = list(sessions.values())
    return rows


@contextmanager
def process(program: str, *arguments: str | Path) -> Iterator[IO[str]]:
    """Run a Python program until the block ends; return what it prints."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin
        assert running.stdout
        yield running.stdout
        running.stdin.close()


# Queries


def queries(sizes: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as directory,
        closing(SqliteStore(Path(directory) / "graph.db")) as store,
    ):
        fill(store, [list(big_trace())])
        first_ms = 0.0
        filled = BIG_TRACE_SPANS
        for size in sizes:
            fill(store, batches(size - filled, first=filled))
            filled = size
            asked_ms = median(timed_ms(lambda: subtree(store)) for _ in range(ASKED))
            first_ms = first_ms or asked_ms
            rows.append(
                Row(
                    f"subtree of {BIG_TRACE_SPANS:,} spans among {size:,}",
                    asked_ms,
                    "ms",
                    first_ms,
                    asked_ms / first_ms,
                    f"≤ {SUBTREE_MS_MAX:.0f} ms, flat (≤ {GROWTH_MAX} x)",
                    asked_ms <= SUBTREE_MS_MAX and asked_ms <= GROWTH_MAX * first_ms,
                )
            )
    return rows


def subtree(store: SqliteStore) -> None:
    answer = list(store.query(Query("subtree", {"trace_id": BIG_TRACE, "span_id": span_id(1)})))
    assert len(answer) == BIG_TRACE_SPANS


def fill(store: SqliteStore, groups: Iterable[list[Span]]) -> None:
    for group in groups:
        refusals = store.write(mapping.of(group, retention_days=30))
        assert not refusals


# Spans


def batches(spans: int, first: int = 0) -> Iterator[list[Span]]:
    for start in range(first, first + spans, SPANS_PER_REQUEST):
        yield [span(number) for number in range(start, min(start + SPANS_PER_REQUEST, first + spans))]


def span(number: int) -> Span:
    """Make a tool call of one of many traces, a hundred calls each."""
    trace, place = divmod(number, SPANS_PER_TRACE)
    parent = number - 1 - min(place - 1, place % 7) if place else None
    return call(keys.file_key(f"trace {trace}"), number, parent, trace // TRACES_PER_SESSION)


def big_trace() -> Iterator[Span]:
    """Make the calls of one large trace, a few dozen levels deep."""
    yield call(BIG_TRACE, 1, None, 0)
    for number in range(2, BIG_TRACE_SPANS + 1):
        yield call(BIG_TRACE, number, max(1, number - 1 - number * 7_919 % 300), 0)


def call(trace_id: str, number: int, parent: int | None, session: int) -> Span:
    """Make a tool call as an agent sends it, about 0.8 KB."""
    return Span(
        trace_id=trace_id,
        span_id=span_id(number),
        parent_id=None if parent is None else span_id(parent),
        name="execute_tool Bash",
        start_ns=1_800_000_000_000_000_000 + number * 10_000_000,
        end_ns=1_800_000_000_005_000_000 + number * 10_000_000,
        attributes={
            "cc_otel.hook.event": "PreToolUse",
            "session.id": f"5b0d3e4c-7a43-4c8b-8b1a-{session:012d}",
            "cc_otel.summary": "Ran pytest -q: exit 1, 3 failed",
            "cc_otel.summary.source": "rule",
            "cc_otel.prompt.id": f"9e107d9d-372b-4bb6-9d2b-{session:012d}",
            "cc_otel.source_app": "project",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "Bash",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": f"toolu_{number:018d}",
            "gen_ai.tool.call.arguments": f'{{"command":"pytest -q tests/test_{number}.py"}}',
            "gen_ai.tool.call.result": "=" * 120,
            "cc_otel.tool.execution_ms": 5.0,
        },
        resource={"service.name": "claude-code", "service.version": "2.1.330", "host.name": "laptop"},
        scope_name="cc_otel",
    )


def span_id(number: int) -> str:
    # Scattered, as derived ids are.
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"


def slices(requests: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(requests), size):
        yield requests[start : start + size]


def timed_ms(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    show(run(), "graph")
