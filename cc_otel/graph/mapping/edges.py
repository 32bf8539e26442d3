"""Edges of one span to several vertices of a kind, and the vertices that several spans share."""

from collections.abc import Mapping

from cc_otel.graph.mapping.reading import LABEL_CHARS_MAX
from cc_otel.graph.model import SPANS
from cc_otel.graph.store import Document, Edge, Json, Vertex


def edge(collection: str, key: str, number: int, target: str, along: Document, **fields: Json) -> Edge:
    """Return the ``number``-th edge of a kind from a span; what is None is left out. Its key begins with the span's."""
    document: dict[str, Json] = {name: value for name, value in fields.items() if value is not None}
    own = f"{key}.{number}" if number else key
    return Edge(collection, own, f"{SPANS}/{key}", target, {**document, **along})


def shared(collection: str, key: str, kind: str, label: str, along: Document, **fields: Json) -> Vertex:
    """Return a vertex that several spans write alike, but for its expiry."""
    document: dict[str, Json] = {"label": label[:LABEL_CHARS_MAX], "kind": kind, "size": 1}
    document |= {name: value for name, value in fields.items() if value is not None}
    if "expire_at" in along:
        document["expire_at"] = along["expire_at"]
    return Vertex(collection, key, document)


def ends(vertex: Vertex) -> str:
    """Return what an edge to a vertex says: its collection and key."""
    return f"{vertex.collection}/{vertex.key}"


def known(document: Mapping[str, Json], *names: str) -> dict[str, Json]:
    """Return some fields, as far as they are there."""
    return {name: document[name] for name in names if document.get(name) is not None}
