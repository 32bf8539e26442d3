"""What can be read of a journal that was set aside: events without a span yet, and spans that were not sent."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cc_otel.journal.packing import unpack
from cc_otel.journal.schema import VERSION, show_as_current
from cc_otel.span import EncodedSpan
from cc_otel.sqlite_file import MAGIC, beside

PROBES_MAX: Final = 1_000_000
"""How many rows are asked for one by one where pages between them cannot be read."""

_EVENTS: Final = (
    "SELECT i.id, i.fields, c.content FROM contents AS c JOIN inputs AS i ON i.id = c.id WHERE i.kind = 'event'",
    "i.id",
)
_SPANS: Final = (
    "SELECT o.number, o.trace_id, o.span_id, r.resource, o.span FROM outbox AS o"
    " JOIN resources AS r ON r.id = o.resource WHERE true",
    "o.number",
)
_SPANS_1: Final = (
    "SELECT number, trace_id, span_id, resource, span FROM main.outbox WHERE span IS NOT NULL",
    "number",
)


@dataclass(frozen=True, slots=True)
class Salvage:
    """Events by their fields and content, as the journal keeps both, and encoded spans."""

    events: list[tuple[bytes, bytes]]
    spans: list[EncodedSpan]


def is_database(path: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def salvage(path: Path) -> Salvage:
    """
    Read what can be read of a journal. It stays as it is: what is opened is a copy.

    Raises:
        OSError: it cannot be copied.

    """
    with TemporaryDirectory(prefix="cc-otel-") as folder:
        copy = Path(folder) / "journal.db"
        for source, target in zip(beside(path), beside(copy), strict=True):
            with suppress(FileNotFoundError):
                shutil.copyfile(source, target)
        with closing(sqlite3.connect(copy, isolation_level=None)) as db:
            version = _version(db)
            spans = [*_rows(db, *(_SPANS if version == VERSION else _SPANS_1))]
            if version < VERSION:
                with suppress(sqlite3.DatabaseError):
                    show_as_current(db)
            events = [*_rows(db, *_EVENTS)]
    return Salvage(
        [(fields, said) for _, fields, said in _unpacked(events)],
        [EncodedSpan(_hex(trace), _hex(span_id), *rest) for _, trace, span_id, *rest in _unpacked(spans)],
    )


def _version(db: sqlite3.Connection) -> int:
    try:
        return int(db.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return VERSION


def _rows(db: sqlite3.Connection, sql: str, key: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query from both ends, and those between pages that cannot be read one by one."""
    ends: list[int] = []
    for direction in ("ASC", "DESC"):
        last = None
        try:
            for row in db.execute(f"{sql} ORDER BY {key} {direction}"):
                if ends and row[0] <= ends[0]:
                    return
                last = row[0]
                yield row
        except sqlite3.DatabaseError:
            ends.append(0 if last is None else last)
        else:
            return
    first, last = ends[0] + 1, ends[1] or ends[0] + PROBES_MAX
    for number in range(first, min(last, first + PROBES_MAX)):
        with suppress(sqlite3.DatabaseError):
            yield from db.execute(f"{sql} AND {key} = ?", (number,))


def _unpacked(rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        with suppress(ValueError, TypeError, AttributeError):
            yield (*row[:-1], unpack(row[-1]))


def _hex(identity: str | bytes) -> str:
    return identity if isinstance(identity, str) else identity.hex()
