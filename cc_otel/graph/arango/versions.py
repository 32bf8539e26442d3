"""
Spans that the server has already: which version stays, and that its edges are the only ones.

The server can compare one number of two documents, and stores the new one where it is larger (``versionAttribute``).
What decides between versions of a span is more than a number, so they are read first. Two replicas that write two
versions of one span in the same few milliseconds may both find the older one: the one that writes last stays then.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from cc_otel.graph.arango.client import Connection
from cc_otel.graph.arango.schema import STORED_MS
from cc_otel.graph.mapping.keys import span_of
from cc_otel.graph.mapping.versions import supersedes
from cc_otel.graph.model import EDGES, LAUNCHED, PARENT_OF, PART_OF, SPANS, WORKED_IN
from cc_otel.graph.store import Document, Edge, GraphBatch, Vertex

KEYS_MAX: Final = 500
"""How many documents one request asks for, or removes."""

# Edges whose key is their span's, and which may come from another one.
_ONE_A_SPAN: Final = frozenset({PARENT_OF, PART_OF, LAUNCHED, WORKED_IN})
_FROM: Final = "FOR id IN @ids FOR edge IN @@collection FILTER edge._from == id RETURN edge._key"

_STORED: Final = "FOR span IN spans FILTER span._key IN @keys RETURN span"

# What a document says beside its span.
_OWN: Final = frozenset({"_key", "_id", "_rev", STORED_MS, "expire_at"})


def only_new(connection: Connection, batch: GraphBatch) -> GraphBatch:
    """
    Return what is to be written: spans that are not stored, versions that replace a stored one, and their edges.

    Edges of a version that is replaced are removed, unless the new one has them too.
    """
    new = {vertex.key: vertex for vertex in batch.vertices if vertex.collection == SPANS}
    stored = {str(document["_key"]): document for document in _stored(connection, list(new))}
    if not stored:
        return batch
    dropped = {key for key, old in stored.items() if not _replaces(new[key].document, old)}
    edges = [edge for edge in batch.edges if span_of(edge.key) not in dropped]
    replaced = [key for key in stored if key not in dropped]
    _remove(connection, replaced, {(edge.collection, edge.key) for edge in edges})
    return GraphBatch([vertex for vertex in batch.vertices if not _is_one_of(vertex, dropped)], edges)


def in_order(batch: GraphBatch) -> Iterable[Vertex | Edge]:
    """Return a batch's items with spans last: where a write breaks off, a stored span has all of its edges."""
    yield from batch.edges
    yield from sorted(batch.vertices, key=lambda vertex: vertex.collection == SPANS)


def _stored(connection: Connection, keys: Sequence[str]) -> Iterable[Document]:
    # Not by the driver's get_many, which takes a proxy's page for an answer without documents.
    for start in range(0, len(keys), KEYS_MAX):
        yield from connection.run(_STORED, {"keys": keys[start : start + KEYS_MAX]})


def _replaces(new: Document, old: Document) -> bool:
    return _said(new) != _said(old) and supersedes(new, old)


def _said(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in _OWN}


def _is_one_of(vertex: Vertex, keys: set[str]) -> bool:
    return vertex.collection == SPANS and vertex.key in keys


def _remove(connection: Connection, replaced: Iterable[str], kept: set[tuple[str, str]]) -> None:
    for collection in (it for it in EDGES if not it.derived):
        found = set(_edges_of(connection, collection.name, list(replaced)))
        delete(connection, collection.name, sorted(key for key in found if (collection.name, key) not in kept))


def _edges_of(connection: Connection, collection: str, keys: Sequence[str]) -> Iterable[str]:
    """Return the keys of the edges that these spans have made."""
    if collection in _ONE_A_SPAN:
        yield from keys
        return
    for start in range(0, len(keys), KEYS_MAX):
        ids = [f"{SPANS}/{key}" for key in keys[start : start + KEYS_MAX]]
        yield from connection.run(_FROM, {"@collection": collection, "ids": ids})


def delete(connection: Connection, collection: str, keys: Sequence[str]) -> None:
    """Delete documents by their keys. That one was never there is answered for it, and is no error."""
    for start in range(0, len(keys), KEYS_MAX):
        some: list[dict[str, object]] = [{"_key": key} for key in keys[start : start + KEYS_MAX]]
        connection.database.collection(collection).delete_many(some, sync=True)
