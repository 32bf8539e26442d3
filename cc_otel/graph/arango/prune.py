"""
Removing from ArangoDB what has expired, edges of removed vertices included.

The server removes expired documents by itself, every half minute; this is for whoever wants it now, wants to know how
many there are, or has a vertex whose edges outlive it.
"""

from collections.abc import Iterator
from typing import Final

from arango.cursor import Cursor

from cc_otel.graph.arango.client import Connection
from cc_otel.graph.model import EDGES, VERTICES, Collection

_EXPIRED: Final = "FILTER document.expire_at > 0 AND document.expire_at <= @now"
_VERTICES: Final = f"""
LET gone = (FOR document IN @@collection {_EXPIRED} RETURN document._key)
"""
_EDGES: Final = f"""
LET gone = UNION_DISTINCT(
  (FOR document IN @@collection {_EXPIRED} RETURN document._key),
  (FOR document IN @@source {_EXPIRED} FOR edge IN @@collection FILTER edge._from == document._id RETURN edge._key),
  (FOR document IN @@target {_EXPIRED} FOR edge IN @@collection FILTER edge._to == document._id RETURN edge._key),
  (FOR document IN @@further {_EXPIRED} FOR edge IN @@collection FILTER edge._to == document._id RETURN edge._key)
)
"""
_COUNT: Final = "RETURN LENGTH(gone)"
# The server's own removal may be faster with one of them.
_REMOVE: Final = "FOR key IN gone REMOVE key IN @@collection OPTIONS {ignoreErrors: true}"


def prune(connection: Connection, now_s: float, *, dry_run: bool) -> Iterator[tuple[str, int]]:
    """Remove what expired by ``now_s``, or count it. Return how many, by collection. Raises what the driver raises."""
    # Edges first: a vertex that is gone can no longer say that it had expired.
    for collection in (*EDGES, *VERTICES):
        statement = (_EDGES if collection.holds_edges else _VERTICES) + (_COUNT if dry_run else _REMOVE)
        cursor = connection.run(statement, _parameters(collection, now_s))
        yield collection.name, cursor.pop() if dry_run else _removed(cursor)


def _parameters(collection: Collection, now_s: float) -> dict[str, str | float | None]:
    ends: dict[str, str | float | None] = {}
    if collection.holds_edges:
        ends = {"@source": collection.source, "@target": collection.targets[0], "@further": collection.targets[-1]}
    return {"@collection": collection.name, "now": now_s, **ends}


def _removed(cursor: Cursor) -> int:
    statistics = cursor.statistics() or {}
    return int(statistics["modified"])
