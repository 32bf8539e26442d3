"""Sessions: their vertices, and the edges from their spans."""

from collections.abc import Iterable
from functools import lru_cache

from cc_otel.graph.mapping.keys import session_key
from cc_otel.graph.mapping.reading import LABEL_CHARS_MAX, Reading
from cc_otel.graph.model import PART_OF, SESSIONS, SPANS
from cc_otel.graph.store import Document, Edge, Json, Vertex


def session(reading: Reading, key: str, along: Document) -> Iterable[Vertex | Edge]:
    """Return the session that a span names, and the edge that makes the span part of it."""
    if not (session_id := reading.session_id):
        return ()
    vertex = _vertex(session_id, along.get("expire_at"))
    target = f"{SESSIONS}/{vertex.key}"
    return vertex, Edge(PART_OF, key, f"{SPANS}/{key}", target, {"label": "part of", **along})


@lru_cache(256)
def _vertex(session_id: str, expire_at: Json) -> Vertex:
    label = session_id[:LABEL_CHARS_MAX]
    document: dict[str, Json] = {"label": label, "kind": "session", "size": 1, "session_id": session_id}
    if expire_at:
        document["expire_at"] = expire_at
    return Vertex(SESSIONS, session_key(session_id), document)
