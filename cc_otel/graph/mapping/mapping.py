"""
Spans become a graph: pure, and the same graph in whatever order and grouping the spans arrive.

docs/graph.md describes the collections and their fields. Two things keep the outcome independent of arrival: keys
are derived from ids, and a document that several spans share (a session, a file) holds only what all of them say.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from cc_otel.graph.mapping.commands import command
from cc_otel.graph.mapping.errors import error
from cc_otel.graph.mapping.files import file, searched
from cc_otel.graph.mapping.keys import key_of, span_of
from cc_otel.graph.mapping.launches import asked_for, launched
from cc_otel.graph.mapping.reading import read
from cc_otel.graph.mapping.repositories import commits, repository
from cc_otel.graph.mapping.sessions import session
from cc_otel.graph.mapping.spans import document, links, parent
from cc_otel.graph.mapping.uses import used
from cc_otel.graph.mapping.values import safe
from cc_otel.graph.mapping.versions import rank_of, supersedes
from cc_otel.graph.model import ALONG, SPANS
from cc_otel.graph.store import Edge, GraphBatch, Json, Vertex
from cc_otel.span import Span

_S_PER_DAY: Final = 86_400

# What a span makes beside its own vertex: a module of this package for each kind.
_KINDS: Final = (
    parent,
    session,
    file,
    searched,
    command,
    error,
    used,
    asked_for,
    launched,
    repository,
    commits,
    links,
)


def of(spans: Iterable[Span], *, retention_days: float = 0, stored_s: float = 0) -> GraphBatch:
    """
    Return the vertices and edges that the spans stand for, each key once; of two versions of a span one stays.

    All documents expire ``retention_days`` after ``stored_s`` (s since the epoch), whatever times their spans name;
    with 0 days everything is kept.
    """
    expire_at = int(stored_s + retention_days * _S_PER_DAY) if retention_days else 0
    told = [(key_of(span), span) for span in spans]
    kept: dict[str, int] = {}
    for number, (key, span) in enumerate(told):
        held = kept.setdefault(key, number)
        if held != number and rank_of(span) >= rank_of(told[held][1]):
            kept[key] = number
    graph = _Graph(expire_at)
    for number, (key, span) in enumerate(told):
        graph.add(span, key, stays=kept[key] == number)
    return GraphBatch(tuple(graph.vertices.values()), tuple(graph.edges))


def merged(batches: Iterable[GraphBatch]) -> GraphBatch:
    """Return what the spans of all batches stand for, as if they had been mapped at once."""
    held = list(batches)
    kept: dict[str, tuple[int, Vertex]] = {}
    for number, batch in enumerate(held):
        for vertex in batch.vertices:
            if vertex.collection == SPANS:
                other = kept.get(vertex.key)
                if other is None or supersedes(vertex.document, other[1].document):
                    kept[vertex.key] = number, vertex
    vertices: dict[tuple[str, str], Vertex] = {}
    edges: dict[tuple[str, str], Edge] = {}
    for number, batch in enumerate(held):
        for vertex in batch.vertices:
            if vertex.collection != SPANS or kept[vertex.key][0] == number:
                _put(vertices, vertex)
        for edge in batch.edges:
            if kept.get(span_of(edge.key), (number,))[0] == number:
                edges[edge.collection, edge.key] = edge
    return GraphBatch(tuple(vertices.values()), tuple(edges.values()))


class _Graph:
    """What some spans stand for, while it grows."""

    def __init__(self, expire_at: int) -> None:
        self.vertices: dict[tuple[str, str], Vertex] = {}
        self.edges: list[Edge] = []
        self._expire_at = expire_at
        # Spans of one request share their resource. Its spans are held meanwhile, so no two can have one identity.
        self._resources: dict[int, Json] = {}

    def add(self, span: Span, key: str, *, stays: bool) -> None:
        """Add a span; of a version that does not stay only what other spans may share."""
        reading = read(span)
        fields = document(reading, self._resource(span))
        if self._expire_at:
            fields["expire_at"] = self._expire_at
        if stays:
            self.vertices[SPANS, key] = Vertex(SPANS, key, fields)
        along: dict[str, Json] = {name: fields[name] for name in ALONG if name in fields}
        for kind in _KINDS:
            for item in kind(reading, key, along):
                if isinstance(item, Vertex):
                    self.vertices[item.collection, item.key] = item
                elif stays:
                    self.edges.append(item)

    def _resource(self, span: Span) -> Json:
        known = self._resources.get(id(span.resource))
        if known is None:
            known = self._resources[id(span.resource)] = safe(span.resource)
        return known


def _put(vertices: dict[tuple[str, str], Vertex], vertex: Vertex) -> None:
    """Put a vertex in its place, as a store would: with the later of two expiries."""
    place = vertex.collection, vertex.key
    if (held := vertices.get(place)) is not None:
        until, held_until = vertex.document.get("expire_at"), held.document.get("expire_at")
        if isinstance(until, int) and isinstance(held_until, int) and held_until > until:
            vertex = replace(vertex, document={**vertex.document, "expire_at": held_until})
    vertices[place] = vertex
