"""
Spans that the server has already: which version stays, and that its edges are the only ones.

The server can compare one number of two documents, and stores the new one where it is larger (``versionAttribute``).
What decides between versions of a span is more than a number, so they are read first. Two replicas that write two
versions of one span in the same few milliseconds may both find the older one: the one that writes last stays then.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cc_otel.graph.arango.client import Connection
from cc_otel.graph.arango.schema import STORED_MS
from cc_otel.graph.mapping.keys import span_of
from cc_otel.graph.mapping.versions import supersedes
from cc_otel.graph.model import LINKS_TO, PARENT_OF, PART_OF, SPANS, TOUCHED
from cc_otel.graph.store import Document, Edge, GraphBatch, Vertex

KEYS_MAX: Final = 500
"""How many documents one request asks for, or removes."""

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
    replaced = {key: old for key, old in stored.items() if key not in dropped}
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


def _remove(connection: Connection, replaced: Mapping[str, Document], kept: set[tuple[str, str]]) -> None:
    stale: dict[str, list[str]] = defaultdict(list)
    for key, old in replaced.items():
        links = old.get("links")
        places = [(name, key) for name in (PARENT_OF, PART_OF, TOUCHED)]
        places += [(LINKS_TO, f"{key}.{number}") for number in range(len(links) if isinstance(links, list) else 0)]
        for collection, edge_key in places:
            if (collection, edge_key) not in kept:
                stale[collection].append(edge_key)
    for collection, keys in stale.items():
        for start in range(0, len(keys), KEYS_MAX):
            some = [{"_key": key} for key in keys[start : start + KEYS_MAX]]
            # Most were never there, which is answered for each and is no error.
            connection.database.collection(collection).delete_many(some, sync=True)
