"""
Removing from ArangoDB what has expired, edges of removed vertices included.

The server removes expired documents by itself, every half minute; this is for whoever wants it now, or wants to know
how many there are. A statement without a limit commits on the way when it grows large.
"""

from collections.abc import Iterator
from typing import Final

from arango.cursor import Cursor

from cc_otel.graph.arango_client import Connection
from cc_otel.graph.arango_schema import EDGES, VERTICES

# Null is less than any number: an edge that leads nowhere yet has not expired.
_EXPIRED_VERTICES: Final = """
FOR document IN @@collection
  FILTER document.expire_at != null AND document.expire_at <= @now
"""
_EXPIRED_EDGES: Final = """
FOR document IN @@collection
  LET source = DOCUMENT(document._from)
  LET target = DOCUMENT(document._to)
  FILTER (document.expire_at != null AND document.expire_at <= @now)
    OR (source.expire_at != null AND source.expire_at <= @now)
    OR (target.expire_at != null AND target.expire_at <= @now)
"""
_COUNT: Final = "  COLLECT WITH COUNT INTO number\n  RETURN number\n"
_REMOVE: Final = "  REMOVE document IN @@collection\n"


def prune(connection: Connection, now_s: float, *, dry_run: bool) -> Iterator[tuple[str, int]]:
    """Remove what expired by ``now_s``, or count it; answer how many, by collection. Raises what the driver raises."""
    # Edges first: a vertex that is gone can no longer say that it had expired.
    statements = [(edges.name, _EXPIRED_EDGES) for edges in EDGES]
    statements += [(vertices.name, _EXPIRED_VERTICES) for vertices in VERTICES]
    for name, expired in statements:
        statement = expired + (_COUNT if dry_run else _REMOVE)
        cursor = connection.run(statement, {"@collection": name, "now": now_s})
        yield name, cursor.pop() if dry_run else _removed(cursor)


def _removed(cursor: Cursor) -> int:
    statistics = cursor.statistics() or {}
    return int(statistics["modified"])
