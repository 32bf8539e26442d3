"""Derived edges in SQLite: those of a session, replaced as a whole."""

import sqlite3
from collections.abc import Sequence

from cc_otel.graph.model import EDGES
from cc_otel.graph.sqlite.rows import TABLES, insert
from cc_otel.graph.store import Edge


def replace(connection: sqlite3.Connection, session_id: str, edges: Sequence[Edge]) -> int:
    """Make these the derived edges of a session. Return how many were written or deleted."""
    changed = 0
    for collection in (it for it in EDGES if it.derived):
        table = TABLES[collection.name]
        wanted = {edge.key: table.row(edge) for edge in edges if edge.collection == collection.name}
        stored = {
            row[0]: row
            for row in connection.execute(
                f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE session_id = ?",  # noqa: S608
                (session_id,),
            )
        }
        gone = [(key,) for key in stored.keys() - wanted.keys()]
        new = [row for key, row in wanted.items() if stored.get(key) != row]
        connection.executemany(f"DELETE FROM {table.name} WHERE key = ?", gone)  # noqa: S608
        if new:
            insert(connection, table, new)
        changed += len(gone) + len(new)
    return changed
