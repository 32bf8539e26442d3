"""
What `search` costs as the text grows: the time of an answer, the index beside the text, and the time of indexing.

The text is what agents read most: pieces of source files, those of Python's own library. Asked for are two words of
one line, so common and seldom ones as they occur.
"""

import random
import re
import sqlite3
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import quantiles

from benchmarks.table import Row
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import Query
from cc_otel.span import Span

SIZES_MB = (10, 40, 160)
LINES = (3, 8, 20, 60, 150)
ASKED = 200
LIMIT = 20
SPANS_AT_ONCE = 2_000

P95_MS_MAX = 50.0
INDEX_MAX = 0.3


def run(sizes_mb: Sequence[int] = SIZES_MB) -> list[Row]:
    """Measure stores with so much text, MB."""
    found = [of_size(size_mb) for size_mb in sizes_mb]
    first = found[0][0]
    return [row for p95_ms, ratio, index_us, size_mb in found for row in rows(p95_ms, ratio, index_us, size_mb, first)]


def rows(p95_ms: float, ratio: float, index_us: float, size_mb: int, first_ms: float) -> list[Row]:
    """Return the lines of one size."""
    what = f"search, {size_mb} MB of text"
    return [
        Row(f"{what}, p95", p95_ms, "ms", first_ms, p95_ms / first_ms, f"≤ {P95_MS_MAX} ms", p95_ms <= P95_MS_MAX),
        Row(f"{what}, index beside text", ratio, "x", 1, ratio, f"≤ {INDEX_MAX}", ratio <= INDEX_MAX),
        Row(f"{what}, indexing a span", index_us, "us", index_us, 1.0),
    ]


def of_size(size_mb: int) -> tuple[float, float, float, int]:
    """Return p95 of an answer (ms), the index by the text, and how long a span takes to index (us)."""
    chance = random.Random(size_mb)
    lines = library()
    with (
        tempfile.TemporaryDirectory(prefix="cc-otel-bench-", dir="/tmp") as folder,
        closing(SqliteStore(Path(folder) / "graph.db")) as store,
    ):
        written = sum(1 for _ in fill(store, chance, lines, size_mb * 1_000_000))
        start = time.perf_counter()
        while store.index():
            pass
        index_us = (time.perf_counter() - start) / (written * SPANS_AT_ONCE) * 1e6
        ratio = size_of_index(Path(folder) / "graph.db") / (size_mb * 1e6)
        times = [asked_ms(store, two_words(chance, lines)) for _ in range(ASKED)]
    return quantiles(times, n=20)[-1], ratio, index_us, size_mb


def library() -> list[str]:
    """Return the lines of Python's own library."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("**/*.py"))
    own = (file for file in files if "site-packages" not in file.parts)
    return [line for file in own for line in file.read_text("utf-8", "replace").splitlines()]


def two_words(chance: random.Random, lines: Sequence[str]) -> str:
    """Return two words that stand in one line."""
    while True:
        found = re.findall(r"[a-zA-Z]{2,30}", chance.choice(lines))
        if len(found) > 1:
            return f'"{found[0]}" "{found[-1]}"'


def fill(store: SqliteStore, chance: random.Random, lines: Sequence[str], size: int) -> Iterator[int]:
    """Write spans until there is so much text; return how much each write held."""
    number = written = 0
    while written < size:
        spans = []
        for _ in range(SPANS_AT_ONCE):
            number += 1
            start = chance.randrange(len(lines))
            text = "\n".join(lines[start : start + chance.choice(LINES)])
            written += len(text)
            spans.append(call(number, text))
        store.write(mapping.of(spans))
        yield written


def call(number: int, text: str) -> Span:
    """Make a call with this output."""
    return Span(
        trace_id=f"{number // 100 + 1:032x}",
        span_id=f"{number:016x}",
        parent_id=None,
        name="execute_tool Bash",
        start_ns=number * 1_000_000,
        end_ns=number * 1_000_000 + 1,
        attributes={"session.id": f"s{number // 2_000}", "gen_ai.tool.call.result": text},
        resource={"service.name": "claude-code"},
        scope_name="cc_otel",
    )


def asked_ms(store: SqliteStore, words: str) -> float:
    """Return how long an answer takes, ms."""
    start = time.perf_counter()
    for _ in store.query(Query("search", {"words": words, "limit": LIMIT})):
        pass
    return (time.perf_counter() - start) * 1e3


def size_of_index(path: Path) -> int:
    """Return the bytes of the index: its segments, and the lengths of its texts."""
    with closing(sqlite3.connect(path)) as connection:
        parts = ("sum(length(block)) FROM words_data", "sum(length(sz) + 8) FROM words_docsize")
        return sum(connection.execute(f"SELECT {part}").fetchone()[0] for part in parts)
