"""What the stand-in holds, and what it should hold for some spans."""

from collections.abc import Iterable

from cc_otel.graph.mapping import mapping
from cc_otel.span import Span
from tests.graph.arango.standin.engine import Document
from tests.graph.arango.standin.server import StandIn

Held = dict[tuple[str, str], Document]
"""Documents by collection and key, edges with their ends."""


def held(standin: StandIn) -> Held:
    """Return everything that the server holds, without what it adds."""
    added = ("_key", "_id", "_rev", "stored_ms")
    return {
        (name, key): {field: value for field, value in document.items() if field not in added}
        for name, collection in standin.engine.databases["cc_otel"].collections.items()
        for key, document in collection.documents.items()
    }


def expected(spans: Iterable[Span], retention_days: float = 0) -> Held:
    """Answer what the spans stand for, mapped at once."""
    graph = mapping.of(spans, retention_days=retention_days)
    vertices = {(vertex.collection, vertex.key): dict(vertex.document) for vertex in graph.vertices}
    ends = {(edge.collection, edge.key): {"_from": edge.source, "_to": edge.target} for edge in graph.edges}
    return vertices | {
        (edge.collection, edge.key): dict(edge.document) | ends[edge.collection, edge.key] for edge in graph.edges
    }
