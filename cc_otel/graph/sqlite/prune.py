"""Removing expired documents, a few at a time, so that others write in between."""

import sqlite3
from collections import Counter
from typing import Final

import orjson

from cc_otel.graph.model import EDGES, LAUNCHED, SHARED, SPANS, Collection
from cc_otel.graph.sqlite import words
from cc_otel.graph.sqlite.rows import TABLES, VIEWS

STEP_SPANS: Final = 1_000
"""How many spans one transaction removes, with their edges: about 50 ms."""

FREED_PAGES: Final = 4_000
"""How many free pages one step gives back to the disk: 32 MB."""

_GONE: Final = "SELECT 'spans/' || key FROM spans WHERE expire_at <= :now"
KEYS: Final = "SELECT value FROM json_each(:keys)"
"""The keys that a statement is about, a JSON list."""
_IDS: Final = "SELECT 'spans/' || value FROM json_each(:keys)"


def _of_spans(edges: Collection) -> str:
    """Return which edges go with spans: by their keys, and, from or to another span, by that end; each has an index."""
    numbered = (
        f"SELECT edge.key FROM json_each(:keys) AS spans "  # noqa: S608
        f"JOIN {edges.name} AS edge ON edge.key > spans.value || '.' AND edge.key < spans.value || '/'"
    )
    conditions = [f"key IN ({KEYS})", f"key IN ({numbered})"]
    if edges.target == SPANS:
        conditions.append(f"target IN ({_IDS})")
    if edges.name == LAUNCHED:
        # The others' keys begin with their source's.
        conditions.append(f"source IN ({_IDS})")
    return " OR ".join(conditions)


DELETE_EDGES: Final = {edges.name: _of_spans(edges) for edges in EDGES if edges.name not in VIEWS}
"""Which edges go with the spans of `KEYS`, by the name of their table."""


def count(connection: sqlite3.Connection, now_s: float) -> dict[str, int]:
    """Return how many documents of each collection have expired, edges of expired spans included; of views none."""
    counts: dict[str, int] = dict.fromkeys(VIEWS, 0)
    for name, table in TABLES.items():
        expired = f"expire_at <= :now OR source IN ({_GONE}) OR target IN ({_GONE})"
        condition = expired if table.holds_edges else "expire_at <= :now"
        statement = f"SELECT count(*) FROM {name} WHERE {condition}"  # noqa: S608
        counts[name] = connection.execute(statement, {"now": now_s}).fetchone()[0]
    return counts


def step(connection: sqlite3.Connection, now_s: float) -> Counter[str]:
    """Remove at most `STEP_SPANS` spans that have expired, their edges and what they shared. Return how many."""
    counts: Counter[str] = Counter(dict.fromkeys((*TABLES, *VIEWS), 0))
    found = connection.execute("SELECT key FROM spans WHERE expire_at <= ? LIMIT ?", (now_s, STEP_SPANS))
    keys = [row[0] for row in found]
    if keys:
        words.forget(connection, keys)
        values = {"keys": _json(keys)}
        for name, condition in DELETE_EDGES.items():
            counts[name] += connection.execute(f"DELETE FROM {name} WHERE {condition}", values).rowcount  # noqa: S608
        counts[SPANS] += connection.execute(f"DELETE FROM spans WHERE key IN ({KEYS})", values).rowcount  # noqa: S608
        return counts
    for name in SHARED:
        expired = f"DELETE FROM {name} WHERE key IN (SELECT key FROM {name} WHERE expire_at <= ? LIMIT ?)"  # noqa: S608
        counts[name] += connection.execute(expired, (now_s, STEP_SPANS)).rowcount
    return counts


def orphans(connection: sqlite3.Connection, now_s: float) -> dict[str, list[str]]:
    """Return the keys of edges that have expired and whose span was never stored. Reads all edges."""
    return {
        edges.name: [
            row[0]
            for row in connection.execute(
                f"SELECT key FROM {edges.name} WHERE expire_at <= ? LIMIT ?",  # noqa: S608
                (now_s, STEP_SPANS),
            )
        ]
        for edges in EDGES
        if edges.name not in VIEWS
    }


def delete(connection: sqlite3.Connection, keys: dict[str, list[str]]) -> Counter[str]:
    """Delete edges by their keys. Return how many."""
    counts: Counter[str] = Counter()
    for name, some in keys.items():
        statement = f"DELETE FROM {name} WHERE key IN ({KEYS})"  # noqa: S608
        counts[name] += connection.execute(statement, {"keys": _json(some)}).rowcount
    return counts


def give_back(connection: sqlite3.Connection) -> bool:
    """Return some free pages to the disk, and whether more are left."""
    connection.execute(f"PRAGMA incremental_vacuum({FREED_PAGES})").fetchall()
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    can: int = connection.execute("PRAGMA auto_vacuum").fetchone()[0]
    free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return bool(can and free)


def _json(keys: list[str]) -> str:
    return orjson.dumps(keys).decode()
