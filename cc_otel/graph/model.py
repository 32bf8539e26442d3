"""
The collections of the graph: fields, ends, indexes. Everything that stores or maps derives from here.

docs/graph.md describes them for readers; a test holds schema.sql to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SPANS: Final = "spans"
SESSIONS: Final = "sessions"
FILES: Final = "files"
PARENT_OF: Final = "parent_of"
PART_OF: Final = "part_of"
TOUCHED: Final = "touched"
LINKS_TO: Final = "links_to"


@dataclass(frozen=True, slots=True)
class Collection:
    """
    A collection of vertices, or of edges from ``source`` to ``target``.

    ``columns`` are the fields that have a column in SQLite, with their types; all other fields are JSON there.
    ``indexes`` lists the fields by which queries find documents in both stores, beside their keys and the ends of
    edges. Where ``shared``, several spans write the same document, but for its expiry. ``words`` are searched as text.
    ``seldom`` are the columns that few documents have.
    """

    name: str
    columns: Mapping[str, str]
    indexes: tuple[tuple[str, ...], ...] = ()
    shared: bool = False
    source: str = ""
    target: str = ""
    words: tuple[str, ...] = field(default=())
    seldom: frozenset[str] = frozenset()

    @property
    def holds_edges(self) -> bool:
        """Whether its documents are edges."""
        return bool(self.source)


def _columns(text: str = "", real: str = "", integer: str = "") -> Mapping[str, str]:
    kinds = (("TEXT", text), ("REAL", real), ("INTEGER", integer))
    return {name: kind for kind, names in kinds for name in names.split()}


# What queries filter on stands on the edges too, so that walking reads no vertex.
ALONG: Final = ("session_id", "trace_id", "kind", "status", "start_ms", "expire_at")
_EDGE: Final = _columns("label kind status trace_id session_id", "start_ms", "expire_at")

VERTICES: Final = (
    Collection(
        SPANS,
        _columns(
            "trace_id span_id parent_id kind status error_type tool name label summary command session_id service "
            "dialect model response_id",
            "start_ms end_ms duration_ms cost_usd",
            "input_tokens output_tokens cache_read_tokens cache_write_tokens expire_at",
        ),
        indexes=(("trace_id", "start_ms"), ("session_id", "start_ms"), ("start_ms",), ("response_id",)),
        words=("label", "summary", "command", "status_message"),
        # What a model call took, and who else reports it.
        seldom=frozenset(
            "dialect model response_id input_tokens output_tokens cache_read_tokens cache_write_tokens cost_usd".split()
        ),
    ),
    Collection(SESSIONS, _columns("session_id label", integer="expire_at"), shared=True),
    Collection(FILES, _columns("path label", integer="expire_at"), shared=True),
)
EDGES: Final = (
    Collection(PARENT_OF, _EDGE, source=SPANS, target=SPANS),
    Collection(PART_OF, _EDGE, source=SPANS, target=SESSIONS),
    Collection(TOUCHED, {**_EDGE, "op": "TEXT"}, source=SPANS, target=FILES),
    Collection(LINKS_TO, _EDGE, source=SPANS, target=SPANS),
)
COLLECTIONS: Final = {collection.name: collection for collection in (*VERTICES, *EDGES)}
SHARED: Final = frozenset(collection.name for collection in VERTICES if collection.shared)
