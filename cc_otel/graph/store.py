"""
The contract every graph store keeps, and what crosses it.

A graph is vertices and edges, both JSON documents with a key derived from what they stand for, in named
collections (docs/graph.md). Stores differ in where they put them; nobody above this module knows which it has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NewType, Protocol, runtime_checkable

from cc_otel.graph.model import COLLECTIONS

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Document = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Vertex:
    """A document in a vertex collection; ``key`` is unique there and fit for an ArangoDB ``_key``."""

    collection: str
    key: str
    document: Document


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed connection; ``source`` and ``target`` are ids of vertices: ``collection/key``."""

    collection: str
    key: str
    source: str
    target: str
    document: Document


@dataclass(frozen=True, slots=True)
class GraphBatch:
    """What one request's spans stand for, vertices and edges, without repeated keys."""

    vertices: Sequence[Vertex] = ()
    edges: Sequence[Edge] = ()

    def __iter__(self) -> Iterator[Vertex | Edge]:
        yield from self.vertices
        yield from self.edges


@dataclass(frozen=True, slots=True)
class Refusal:
    """A vertex or edge that the store can never take, and why. Retrying it would not help."""

    item: Vertex | Edge
    reason: str


@dataclass(frozen=True, slots=True)
class Query:
    """A named query and what to fill in: ``Query("tree", {"trace_id": ...})``."""

    name: str
    parameters: Mapping[str, str | int | float | None] = field(default_factory=dict)


Cursor = NewType("Cursor", str)
"""A place in the change feed of one store; what it says is the store's own business."""

START: Final = Cursor("")
"""Before everything that is stored."""

CHANGES_MAX: Final = 1_000
"""How many changed spans one look at the feed returns."""

CHANGE_COLUMNS: Final = tuple(
    "trace_id span_id parent_id kind name tool label summary command status error_type session_id service "
    "start_ms end_ms duration_ms model input_tokens output_tokens cost_usd".split()
)
"""What the feed says of a span: the columns of the ``spans`` query, and what a model call took."""


class StoreUnavailable(Exception):
    """The store cannot take or answer now; the same call may succeed later."""


class Unready(Exception):
    """Something in a batch that was made ready cannot be stored; written as it was, it is refused by itself."""


def check_derived(session_id: str, edges: Sequence[Edge]) -> None:
    """Raise ValueError where these are not the derived edges of that session."""
    for edge in edges:
        collection = COLLECTIONS.get(edge.collection)
        if collection is None or not collection.derived:
            raise ValueError(f"{edge.collection} holds no derived edges")
        if edge.document.get("session_id") != session_id:
            raise ValueError(f"edge {edge.key} is not of session {session_id}")


class UnknownQuery(Exception):
    """No query has this name."""


class GraphStore(Protocol):
    """Where the graph lives."""

    def prepare(self) -> None:
        """
        Make the store ready: database, collections, indexes. Migrate what an older version made.

        MUST be idempotent, also when what it made was dropped behind its back.
        MUST raise StoreUnavailable when it could not finish.
        """

    def probe(self) -> None:
        """
        Find out whether a store that was unavailable is back, and prepare it.

        MUST raise StoreUnavailable where a write of usual size would not become durable.
        """

    def ready(self, batch: GraphBatch) -> GraphBatch:
        """
        Return the batch in the form that writing it takes least of, from any thread, while another writes.

        What is returned may be good for nothing but `write`. MUST NOT touch the store, nor fail: what cannot be done
        ahead is left to `write`.
        """

    def write(self, *batches: GraphBatch) -> Sequence[Refusal]:
        """
        Persist vertices and edges, made `ready` or not. Return those that can never be stored.

        MUST be idempotent: the same batch twice leaves one copy, also where both are written together.
        MUST keep, of two versions of a span, the one that docs/graph.md says, and of its edges those of that version
        alone. A version that says what is stored already changes nothing.
        MUST keep the later of two ``expire_at``: what several spans share lives as long as the last of them. Without
        ``expire_at`` it lives for ever.
        MUST return only once the rest of the batches is durable; raise StoreUnavailable to be retried.
        MUST accept an edge whose ends do not exist yet: a child often arrives before its parent.
        MUST refuse, alone, what it cannot give back as it was: an unknown collection, a key or text it cannot hold.
        Where batches were made `ready` it MAY raise Unready instead, and store nothing.
        """

    def replace_derived(self, session_id: str, edges: Sequence[Edge]) -> int:
        """
        Make these the derived edges of a session, all of them (docs/graph.md), and return how many changed.

        Their documents name the session. MUST write nothing that is stored already. Whoever reads meanwhile sees what
        was, what will be, or both, and never less than what both have.
        MUST raise StoreUnavailable when it cannot be done now, ValueError for an edge of another kind or session.
        """

    def query(self, query: Query) -> Iterator[dict[str, Json]]:
        """
        Return the rows of a named query, one by one; parameters left out are null. docs/graph.md lists the queries.

        MUST raise UnknownQuery for a name it does not know, ValueError for a parameter the query does not take, and
        StoreUnavailable when it cannot answer now.
        """

    def changes(self, after: Cursor, limit: int = CHANGES_MAX) -> tuple[Sequence[dict[str, Json]], Cursor]:
        """
        Return spans that were stored or changed after a cursor, ``limit`` at most, and the cursor behind them.

        Each row has `CHANGE_COLUMNS`, as the span is now. Begin with `START`; a cursor may be kept for later.
        MUST return every change at least once, in whatever order, however many write meanwhile; a span that expired is
        no change. MAY return a change again: a reader must not mind. Without news it returns no rows.
        MUST raise StoreUnavailable when it cannot answer now.
        """

    def index(self) -> bool:
        """
        Make some of what was written last findable by its words, and return whether more is left to do.

        For whoever writes, when nothing waits to be written. What was replaced or pruned is not found from then on,
        whether this is called or not. MAY do nothing. MUST raise StoreUnavailable when it cannot now.
        """

    def prune(self, now_s: float, *, dry_run: bool = False, steps: int = 0) -> Mapping[str, int]:
        """
        Remove every document whose ``expire_at`` (s since the epoch) has passed. Return how many by collection.

        MUST take the edges of a removed vertex with it. With ``dry_run`` it counts the same and removes nothing.
        MUST let others write in between: it goes in steps of a fraction of a second, ``steps`` of them at most (0: to
        the end). Where it stops early it has removed something. Disk space of what was removed is given back.
        MUST raise StoreUnavailable when it could not finish; what is left is removed the next time.
        """

    def forget(self, session_ids: Sequence[str], *, dry_run: bool = False) -> Mapping[str, int]:
        """
        Remove sessions for good: their spans, edges, and what no span of another session shares. Return how many.

        By collection, as `prune` counts. With ``dry_run`` it counts the same and removes nothing. MUST leave nothing of
        their content in the files of the store. MUST raise StoreUnavailable when it could not finish.
        """

    def close(self) -> None:
        """Close files and connections. A closed store MUST NOT be used again."""


@runtime_checkable
class SavesQueries(Protocol):
    """A store whose own interface for people lists saved queries."""

    def save_queries(self, queries: Mapping[str, tuple[str, Document]]) -> Sequence[str]:
        """
        Save queries, text and parameters by name. Return the names that stand for something else already.

        MUST change nothing that is saved already. MUST raise StoreUnavailable when it could not.
        """
