"""
The graph in ArangoDB: for a team, for more than one machine, and for ArangoDB's own graph viewer.

docs/arangodb.md says how it is run. The driver is synchronous and so is this; whoever has an event loop gives it a
thread of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from arango import cursor as driver

from cc_otel.graph.arango import address, changes, derived, forget, prune, saved, schema, words
from cc_otel.graph.arango.client import Connection, Missing
from cc_otel.graph.arango.insert import Item, insert
from cc_otel.graph.arango.versions import in_order, only_new
from cc_otel.graph.mapping import mapping
from cc_otel.graph.queries import catalogue
from cc_otel.graph.store import (
    CHANGES_MAX,
    Cursor,
    Document,
    Edge,
    GraphBatch,
    Json,
    Query,
    Refusal,
    StoreUnavailable,
    check_derived,
)

WRITE_TIME_MAX_S: Final = 4.0
"""A whole write, and as much again where the schema is to be made anew: the Collector waits 5 s for its answer."""

PREPARE_TIME_MAX_S: Final = 10.0
"""What was made until then stays made, so that the next try gets further."""

QUERY_TIME_MAX_S: Final = 30.0
PRUNE_TIME_MAX_S: Final = 60.0

ROWS_MAX: Final = 2**31
"""More rows than any answer has."""

T = TypeVar("T")


class ArangoStore:
    """A GraphStore in ArangoDB 3.12. Threads may share it; a forked process needs its own."""

    def __init__(self, url: str, password: str = "") -> None:
        """Remember where the graph lives; connect on first use. Raises BadAddress."""
        self._connection = Connection(address.parse(url), password)

    def prepare(self) -> None:
        """Make database, collections, indexes and the named graph, as far as they are missing."""
        with self._connection.within(PREPARE_TIME_MAX_S):
            schema.ensure(self._connection)

    def probe(self) -> None:
        """See GraphStore. The server is asked for all that a write needs."""
        self.prepare()

    def ready(self, batch: GraphBatch) -> GraphBatch:
        """Return the batch as it is: the server waits for nothing that could be done ahead."""
        return batch

    def write(self, *batches: GraphBatch) -> Sequence[Refusal]:
        """
        Persist vertices and edges. Return those that can never be stored.

        Durable means on the server's disk (waitForSync), as in SQLite.
        """
        # Merged, because the server answers a key that is twice in a request with a conflict.
        batch = words.with_words(mapping.merged(batches))

        def write_all() -> list[Refusal]:
            by_collection: dict[str, list[Item]] = {}
            for item in in_order(only_new(self._connection, batch)):
                by_collection.setdefault(item.collection, []).append(item)
            return [
                refusal
                for collection, members in by_collection.items()
                for refusal in insert(self._connection, collection, members)
            ]

        places = {(item.collection, item.key): place for place, item in enumerate(batch)}

        refusals = self._with_schema(WRITE_TIME_MAX_S, write_all)
        return sorted(refusals, key=lambda refusal: places[refusal.item.collection, refusal.item.key])

    def replace_derived(self, session_id: str, edges: Sequence[Edge]) -> int:
        """See GraphStore. New edges are written before old ones are removed."""
        check_derived(session_id, edges)
        return self._with_schema(WRITE_TIME_MAX_S, lambda: derived.replace(self._connection, session_id, edges))

    def query(self, query: Query) -> Iterator[dict[str, Json]]:
        """Return a named query, row by row, as the graph was when it was asked."""
        text = catalogue.text(query.name, "aql")
        values: dict[str, Json] = dict(catalogue.bindings(query, "aql"))
        if "words" in values:
            values["words"] = words.bound(values["words"])
        if "limit" in values and values["limit"] is None:
            values["limit"] = ROWS_MAX  # AQL has no word for "all" there.
        run = self._connection.run
        return self._rows(self._with_schema(QUERY_TIME_MAX_S, lambda: run(text, values)))

    def changes(self, after: Cursor, limit: int = CHANGES_MAX) -> tuple[Sequence[dict[str, Json]], Cursor]:
        """See GraphStore. By the server's clock, `changes.OVERLAP_MS` back."""
        return self._with_schema(QUERY_TIME_MAX_S, lambda: changes.changes(self._connection, after, limit))

    def index(self) -> bool:
        """See GraphStore. The server's view follows by itself, within a second."""
        return False

    def prune(self, now_s: float, *, dry_run: bool = False, steps: int = 0) -> Mapping[str, int]:
        """See GraphStore. The server lets others write meanwhile, so all of it is one step."""
        return self._with_schema(
            PRUNE_TIME_MAX_S,
            lambda: dict(prune.prune(self._connection, now_s, dry_run=dry_run)),
        )

    def save_queries(self, queries: Mapping[str, tuple[str, Document]]) -> Sequence[str]:
        """See SavesQueries. They are the user's of the store's address."""
        with self._connection.within(WRITE_TIME_MAX_S):
            return saved.save(self._connection, queries)

    def forget(self, session_ids: Sequence[str], *, dry_run: bool = False) -> Mapping[str, int]:
        """See GraphStore. Where it breaks off, what is left is removed the next time."""
        return self._with_schema(
            PRUNE_TIME_MAX_S, lambda: dict(forget.forget(self._connection, session_ids, dry_run=dry_run))
        )

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _with_schema(self, time_s: float, action: Callable[[], T]) -> T:
        """Do it; where the database or a collection was dropped meanwhile, make it again and do it once more."""
        try:
            with self._connection.within(time_s):
                return action()
        except Missing:
            with self._connection.within(time_s):
                schema.ensure(self._connection)
                return action()

    def _rows(self, cursor: driver.Cursor) -> Iterator[dict[str, Json]]:
        try:
            while True:
                while not cursor.empty():
                    yield cursor.pop()
                if not cursor.has_more():
                    return
                with self._connection.within(QUERY_TIME_MAX_S):
                    cursor.fetch()
        except GeneratorExit:
            # The reader has had enough; otherwise the server would keep the rest for minutes.
            with suppress(StoreUnavailable), self._connection.within(WRITE_TIME_MAX_S):
                cursor.close(ignore_missing=True)
