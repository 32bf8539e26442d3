"""Files: their vertices, and the edges from the spans that touched them."""

from collections.abc import Iterable

from cc_otel.graph.mapping.keys import file_key
from cc_otel.graph.mapping.reading import LABEL_CHARS_MAX, Reading
from cc_otel.graph.model import FILES, SPANS, TOUCHED
from cc_otel.graph.store import Document, Edge, Json, Vertex


def file(reading: Reading, key: str, along: Document) -> Iterable[Vertex | Edge]:
    """Return the file that a span names, and the edge that says how it touched it."""
    if not (path := reading.path):
        return ()
    op, target = reading.operation, file_key(path)
    edge = Edge(TOUCHED, key, f"{SPANS}/{key}", f"{FILES}/{target}", {"label": op, "op": op, **along})
    return Vertex(FILES, target, _document(path, along)), edge


def _document(path: str, along: Document) -> dict[str, Json]:
    name = path.rpartition("/")[2] or path
    document: dict[str, Json] = {"label": name[:LABEL_CHARS_MAX], "kind": "file", "size": 1, "path": path}
    if "expire_at" in along:
        document["expire_at"] = along["expire_at"]
    return document
