"""Removing a session for good: its spans, their edges, and what no other span shares."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final

import orjson

from cc_otel.graph.model import EDGES, SESSIONS, SHARED, SPANS
from cc_otel.graph.sqlite import words
from cc_otel.graph.sqlite.prune import DELETE_EDGES, KEYS
from cc_otel.graph.sqlite.rows import TABLES, VIEWS

_MADE: Final = tuple(edges for edges in EDGES if edges.name not in VIEWS and not edges.derived)
_DERIVED: Final = tuple(edges for edges in EDGES if edges.derived)


def forget(connection: sqlite3.Connection, session_ids: Iterable[str]) -> Counter[str]:
    """Remove sessions with all that they alone have made. Return how many documents, by collection."""
    counts: Counter[str] = Counter(dict.fromkeys((*TABLES, *VIEWS), 0))
    shared: dict[str, set[str]] = {name: set() for name in SHARED}
    for session_id in session_ids:
        keys = [row[0] for row in connection.execute("SELECT key FROM spans WHERE session_id = ?", (session_id,))]
        words.forget(connection, keys)
        values = {"keys": orjson.dumps(keys).decode()}
        for name, key in _targets(connection, values):
            if name in shared:
                shared[name].add(key)
        for name, condition in DELETE_EDGES.items():
            counts[name] += connection.execute(f"DELETE FROM {name} WHERE {condition}", values).rowcount  # noqa: S608
        for name in (edges.name for edges in _DERIVED):
            statement = f"DELETE FROM {name} WHERE session_id = ?"  # noqa: S608
            counts[name] += connection.execute(statement, (session_id,)).rowcount
        counts[SPANS] += connection.execute(f"DELETE FROM spans WHERE key IN ({KEYS})", values).rowcount  # noqa: S608
        counts[SESSIONS] += connection.execute("DELETE FROM sessions WHERE session_id = ?", (session_id,)).rowcount
    for name, some in shared.items():
        counts[name] += _delete_unshared(connection, name, some)
    return counts


def _targets(connection: sqlite3.Connection, values: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Return collection and key of each vertex that the edges of these spans lead to."""
    for edges in _MADE:
        rows = connection.execute(
            f"SELECT DISTINCT edge.target FROM json_each(:keys) AS spans JOIN {edges.name} AS edge "  # noqa: S608
            "ON edge.key >= spans.value AND edge.key < spans.value || '/'",
            values,
        )
        for (target,) in rows.fetchall():
            name, _, key = target.partition("/")
            yield name, key


def _delete_unshared(connection: sqlite3.Connection, name: str, keys: Iterable[str]) -> int:
    """Delete those of some vertices that no edge leads to any more."""
    leading = [edges.name for edges in _MADE if name in edges.targets]
    if not leading:
        return 0
    used = " ".join(
        f"AND NOT EXISTS (SELECT 1 FROM {edges} WHERE target = '{name}/' || {name}.key)"  # noqa: S608
        for edges in leading
    )
    statement = f"DELETE FROM {name} WHERE key IN ({KEYS}) {used}"  # noqa: S608
    return connection.execute(statement, {"keys": orjson.dumps(sorted(keys)).decode()}).rowcount
