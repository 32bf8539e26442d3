"""Derived edges in ArangoDB: those of a session, replaced as a whole; new ones come before old ones go."""

from collections.abc import Sequence
from typing import Final

from cc_otel.graph.arango.client import Connection
from cc_otel.graph.arango.insert import insert
from cc_otel.graph.arango.versions import delete
from cc_otel.graph.model import EDGES
from cc_otel.graph.store import Document, Edge, StoreUnavailable

_STORED: Final = "FOR edge IN @@collection FILTER edge.session_id == @session_id RETURN edge"

_PLACES: Final = frozenset({"_key", "_id", "_rev", "_from", "_to"})


def replace(connection: Connection, session_id: str, edges: Sequence[Edge]) -> int:
    """Make these the derived edges of a session. Return how many were written or deleted. Raises as `insert` does."""
    changed = 0
    for collection in (it.name for it in EDGES if it.derived):
        wanted = {edge.key: edge for edge in edges if edge.collection == collection}
        rows = connection.run(_STORED, {"@collection": collection, "session_id": session_id})
        stored = {str(row["_key"]): row for row in rows}
        new = [edge for key, edge in wanted.items() if key not in stored or not _same(edge, stored[key])]
        if refusals := insert(connection, collection, new):
            raise StoreUnavailable(f"ArangoDB refuses {refusals[0].item.key}: {refusals[0].reason}")
        gone = sorted(stored.keys() - wanted.keys())
        delete(connection, collection, gone)
        changed += len(new) + len(gone)
    return changed


def _same(edge: Edge, stored: Document) -> bool:
    said = {name: value for name, value in stored.items() if name not in _PLACES}
    return (edge.source, edge.target, dict(edge.document)) == (stored.get("_from"), stored.get("_to"), said)
