"""Documents as rows, and rows written many at a time."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import orjson

from cc_otel.graph.model import COLLECTIONS, Collection
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
    """The table of a collection: a row is its key, the ends of an edge, the fields with a column, and the rest."""

    name: str
    holds_edges: bool
    fields: tuple[str, ...]
    known: frozenset[str]

    @classmethod
    def of(cls, collection: Collection) -> "Table":
        """Return the table of a collection."""
        fields = tuple(collection.columns)
        return cls(collection.name, collection.holds_edges, fields, frozenset(fields))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in the order of a row."""
        return ("key", *(("source", "target") if self.holds_edges else ()), *self.fields, "document")

    def row(self, item: Vertex | Edge) -> Row:
        """Return an item's row. Raises one of `UNSTORABLE` if it has none."""
        document = item.document
        ends = (item.source, item.target) if isinstance(item, Edge) else ()
        rest = None
        if not document.keys() <= self.known:
            rest = orjson.dumps({name: value for name, value in document.items() if name not in self.known}).decode()
        return (item.key, *ends, *map(document.get, self.fields), rest)


TABLES: Final = {name: Table.of(collection) for name, collection in COLLECTIONS.items()}

Rows = Mapping[str, Sequence[Row]]
"""Rows by the name of their table."""


@dataclass(frozen=True, slots=True)
class ReadyBatch(GraphBatch):
    """A batch of which only the rows are left."""

    rows: Rows = field(default_factory=dict)


def by_collection(items: Iterable[Vertex | Edge]) -> dict[str, list[Vertex | Edge]]:
    """Return the items of each collection."""
    found: dict[str, list[Vertex | Edge]] = {}
    for item in items:
        found.setdefault(item.collection, []).append(item)
    return found


def insert(connection: sqlite3.Connection, table: Table, rows: Sequence[Row], seq: int | None = None) -> None:
    """Insert rows or replace those with their keys; ``seq`` numbers the write in the table of spans."""
    extra = () if seq is None else (seq,)
    start = 0
    for size in ROWS_PER_STATEMENT:
        while len(rows) - start >= size:
            some = rows[start : start + size]
            values = list(chain.from_iterable((*row, *extra) for row in some) if extra else chain.from_iterable(some))
            connection.execute(_statement(table, size, numbered=seq is not None), values)
            start += size


def _statement(table: Table, rows: int, *, numbered: bool) -> str:
    key = (table.name, rows, numbered)
    if key not in _STATEMENTS:
        columns = (*table.columns, *(("seq",) if numbered else ()))
        row = f"({', '.join('?' * len(columns))})"
        # What several spans share lives as long as the last of them.
        replaced = {name: f"excluded.{name}" for name in columns} | {"expire_at": "max(expire_at, excluded.expire_at)"}
        _STATEMENTS[key] = (
            f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
            f"ON CONFLICT (key) DO UPDATE SET {', '.join(f'{name} = {value}' for name, value in replaced.items())}"
        )
    return _STATEMENTS[key]


_STATEMENTS: Final[dict[tuple[str, int, bool], str]] = {}


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
