"""Documents as rows, and rows written many at a time."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Final

import orjson

from cc_otel.graph.model import COLLECTIONS, PARENT_OF, PART_OF, Collection
from cc_otel.graph.store import Edge, GraphBatch, Vertex

ROWS_PER_STATEMENT: Final = (512, 64, 8, 1)
"""
How many rows one INSERT carries, the largest number that fits first. sqlite3 lets go of the interpreter at every step
and waits up to 5 ms to get it back from a busy thread: row by row, a writer beside a busy agent would be a hundred
times slower. Few sizes, because each is a statement that stays compiled.
"""

STATEMENTS_KEPT: Final = 32
"""How many compiled statements a connection keeps: one for each table and size; of 512 rows it takes 0.3 MB."""

Row = tuple[object, ...]

# What SQLite or JSON can never hold: lone surrogates, numbers over 64 bits, maps in a column.
UNSTORABLE: Final = (
    UnicodeEncodeError,
    OverflowError,
    TypeError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """
    The table of a collection.

    A row is its key, the ends of an edge, the ``fields`` that have a column, the rest as JSON, and, only where it has
    one of them, the fields that few have: binding a null costs as much as binding a value.
    """

    name: str
    holds_edges: bool
    fields: tuple[str, ...]
    seldom: tuple[str, ...]
    known: frozenset[str]

    @classmethod
    def of(cls, collection: Collection) -> "Table":
        """Return the table of a collection."""
        fields = tuple(name for name in collection.columns if name not in collection.seldom)
        seldom = tuple(name for name in collection.columns if name in collection.seldom)
        return cls(collection.name, collection.holds_edges, fields, seldom, frozenset(collection.columns))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in the order of a row that has all."""
        return ("key", *(("source", "target") if self.holds_edges else ()), *self.fields, "document", *self.seldom)

    def row(self, item: Vertex | Edge) -> Row:
        """Return an item's row. Raises one of `UNSTORABLE` if it has none."""
        document = item.document
        ends = (item.source, item.target) if isinstance(item, Edge) else ()
        rest = None
        if not document.keys() <= self.known:
            rest = orjson.dumps({name: value for name, value in document.items() if name not in self.known}).decode()
        row = (item.key, *ends, *map(document.get, self.fields), rest)
        if self.seldom and not document.keys().isdisjoint(self.seldom):
            return (*row, *map(document.get, self.seldom))
        return row


VIEWS: Final = frozenset({PARENT_OF, PART_OF})
"""Collections whose edges say nothing that their span does not: read from the spans, and never written."""

TABLES: Final = {name: Table.of(collection) for name, collection in COLLECTIONS.items() if name not in VIEWS}

Rows = Mapping[str, Sequence[Row]]
"""Rows by the name of their table."""


@dataclass(frozen=True, slots=True)
class ReadyBatch(GraphBatch):
    """A batch of which only the rows are left."""

    rows: Rows = field(default_factory=dict)


def by_collection(items: Iterable[Vertex | Edge]) -> dict[str, list[Vertex | Edge]]:
    """Return the items of each collection that is written."""
    found: dict[str, list[Vertex | Edge]] = {}
    for item in items:
        if item.collection not in VIEWS:
            found.setdefault(item.collection, []).append(item)
    return found


def insert(connection: sqlite3.Connection, table: Table, rows: Sequence[Row], seq: int | None = None) -> None:
    """Insert rows or replace those with their keys; ``seq`` numbers the write in the table of spans."""
    if table.seldom:
        short = len(table.columns) - len(table.seldom)
        shapes = [[row for row in rows if len(row) == short], [row for row in rows if len(row) != short]]
    else:
        shapes = [list(rows)]
    for some in filter(None, shapes):
        _insert(connection, table, some, seq)


def _insert(connection: sqlite3.Connection, table: Table, rows: Sequence[Row], seq: int | None) -> None:
    width, start = len(rows[0]), 0
    if seq is not None:
        rows = [(*row, seq) for row in rows]
    for size in ROWS_PER_STATEMENT:
        while len(rows) - start >= size:
            values = list(chain.from_iterable(rows[start : start + size]))
            connection.execute(_statement(table, size, width, numbered=seq is not None), values)
            start += size


@cache
def _statement(table: Table, rows: int, width: int, *, numbered: bool) -> str:
    columns = (*table.columns[:width], *(("seq",) if numbered else ()))
    row = f"({', '.join('?' * len(columns))})"
    replaced = {name: f"excluded.{name}" for name in columns} | dict.fromkeys(table.columns[width:], "NULL")
    # What several spans share lives as long as the last of them.
    replaced["expire_at"] = "max(expire_at, excluded.expire_at)"
    return (
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
        f"ON CONFLICT (key) DO UPDATE SET {', '.join(f'{name} = {value}' for name, value in replaced.items())}"
    )


def insert_each(
    connection: sqlite3.Connection, table: Table, rows: Sequence[Row], seq: int | None = None
) -> Iterator[tuple[Row, str]]:
    """Insert rows; return those that cannot be stored, with the reason."""
    connection.execute("SAVEPOINT together")
    try:
        insert(connection, table, rows, seq)
    except UNSTORABLE as error:
        connection.execute("ROLLBACK TO together")
        if len(rows) == 1:
            yield rows[0], str(error)
            return
        for row in rows:
            yield from insert_each(connection, table, [row], seq)
    finally:
        connection.execute("RELEASE together")
