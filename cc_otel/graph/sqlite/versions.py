"""Spans that are stored already: which version stays, and that its edges are the only ones."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from cc_otel.graph.mapping.keys import span_of
from cc_otel.graph.mapping.versions import supersedes
from cc_otel.graph.model import COLLECTIONS, SPANS
from cc_otel.graph.sqlite import words
from cc_otel.graph.sqlite.rows import TABLES, Row, Rows

_SPANS: Final = TABLES[SPANS]
_EXPIRE_AT: Final = _SPANS.columns.index("expire_at")
_DOCUMENT: Final = _SPANS.columns.index("document")
_STORED: Final = f"SELECT {', '.join(_SPANS.columns)} FROM spans WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608


def disjoint(batches: Sequence[Rows]) -> Iterator[list[Rows]]:
    """Return the batches in their order, together as far as none holds another's span."""
    together: list[Rows] = []
    seen: set[object] = set()
    for rows in batches:
        keys = {row[0] for row in rows.get(SPANS, ())}
        if not seen.isdisjoint(keys):
            yield together
            together, seen = [], set()
        together.append(rows)
        seen |= keys
    yield together


def only_new(connection: sqlite3.Connection, batches: Sequence[Rows]) -> list[Rows]:
    """
    Return the rows to be written: those of spans that are not stored, and of versions that replace a stored one.

    Edges of a version that is replaced are deleted.
    """
    keys = [row[0] for rows in batches for row in rows.get(SPANS, ())]
    # A key that SQLite cannot hold is refused when it is inserted.
    known = [key for key in keys if isinstance(key, str) and key.isascii()]
    stored: dict[object, Row] = {row[0]: row for row in connection.execute(_STORED, (orjson.dumps(known).decode(),))}
    if not stored:
        return list(batches)
    return [_only_new(connection, rows, stored) for rows in batches]


def _only_new(connection: sqlite3.Connection, rows: Rows, stored: dict[object, Row]) -> Rows:
    dropped: set[object] = set()
    for row in rows.get(SPANS, ()):
        old = stored.get(row[0])
        if old is None:
            continue
        if _same(row, old) or not _replaces(row, old):
            dropped.add(row[0])
        else:
            words.forget(connection, [str(row[0])])
            _delete_edges(connection, str(row[0]))
    return {
        name: [row for row in some if span_of(str(row[0])) not in dropped]
        if name == SPANS or TABLES[name].holds_edges
        else some
        for name, some in rows.items()
    }


def _same(new: Row, old: Row) -> bool:
    # Stored again it would expire later, and be no other span. Rows have fewer columns where they are null.
    new += (None,) * (len(old) - len(new))
    return new[:_EXPIRE_AT] == old[:_EXPIRE_AT] and new[_EXPIRE_AT + 1 :] == old[_EXPIRE_AT + 1 :]


def _replaces(new: Row, old: Row) -> bool:
    try:
        documents = [orjson.loads(str(row[_DOCUMENT])) for row in (new, old)]
    except orjson.JSONDecodeError:
        return True  # No span of ours: nothing that could be compared.
    return supersedes(*documents)


def _delete_edges(connection: sqlite3.Connection, key: str) -> None:
    for table in TABLES.values():
        if table.holds_edges and not COLLECTIONS[table.name].derived:
            # "." and what follows it begins the keys of links; "/" is the character after it.
            connection.execute(
                f"DELETE FROM {table.name} WHERE key = ? OR (key > ? AND key < ?)",  # noqa: S608
                (key, f"{key}.", f"{key}/"),
            )
