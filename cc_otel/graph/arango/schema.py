"""
What has to exist in ArangoDB before a graph can be written: collections, indexes, the named graph.

Everything is asked for by name and taken as it is when it is there, so that replicas can start at once and what
was dropped comes back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from arango.database import StandardDatabase
from arango.exceptions import ArangoServerError

from cc_otel.graph.arango import words
from cc_otel.graph.arango.client import DATABASE_MISSING, Connection, done
from cc_otel.graph.model import COLLECTIONS, EDGES, SPANS, VERTICES, Collection

GRAPH: Final = "cc_otel"

Definition = Mapping[str, Any]
"""An index as the server takes it: JSON, whose shape its ``type`` decides."""

_NAME_TAKEN: Final = 1207
_GRAPH_EXISTS: Final = 1925
_EDGE_DEFINITION_EXISTS: Final = 1920


def _persistent(*fields: str) -> Definition:
    # In the background: on a filled collection it would lock out the writers.
    return {"type": "persistent", "name": "by_" + "_".join(fields), "fields": list(fields), "inBackground": True}


# On edges as on vertices: the server removes each for itself. A TTL index finds nothing for a query, so there is
# another for prune.py; sparse, because many a graph is kept for ever.
_EXPIRY: Final[Sequence[Definition]] = (
    {"type": "ttl", "name": "expiry", "fields": ["expire_at"], "expireAfter": 0},
    {**_persistent("expire_at"), "sparse": True},
)

STORED_MS: Final = "stored_ms"
"""When the server stored a span, ms since the epoch by its own clock: the change feed goes by it."""

_STORED: Final = (
    {
        "name": STORED_MS,
        "expression": "RETURN DATE_NOW()",
        "overwrite": True,
        "computeOn": ["insert", "update", "replace"],
    },
)


def _indexes(collection: Collection) -> Iterator[Definition]:
    yield from (_persistent(*fields) for fields in collection.indexes)
    if collection.name == SPANS:
        yield _persistent(STORED_MS)
    if collection.words:
        # Used by no named query, for people: docs/arangodb.md, "Searching for words".
        words = [{"name": name, "analyzer": "text_en"} for name in collection.words]
        yield {"type": "inverted", "name": "words", "fields": words, "inBackground": True}
    yield from _EXPIRY


def ensure(connection: Connection) -> None:
    """Make what is missing. Raises what the driver raises; what was made until then stays."""
    database = connection.database
    existing = _collections(connection)
    for collection in COLLECTIONS.values():
        if collection.name not in existing:
            with _unless(_NAME_TAKEN):
                database.create_collection(collection.name, edge=collection.holds_edges)
        if collection.name == SPANS:
            _ensure_stored_ms(database)
        for index in _indexes(collection):
            # Asked for again, the server answers with the index that is there.
            database.collection(collection.name).add_index(dict(index))
    _ensure_graph(database)
    words.ensure(database)


def _ensure_stored_ms(database: StandardDatabase) -> None:
    spans = database.collection(SPANS)
    # Beside what somebody has added there.
    present = done(spans.properties()).get("computedValues") or []
    if STORED_MS not in {value["name"] for value in present}:
        spans.configure(computed_values=[*present, *_STORED])


def _collections(connection: Connection) -> set[str]:
    try:
        return {found["name"] for found in done(connection.database.collections())}
    except ArangoServerError as error:
        if error.error_code != DATABASE_MISSING:
            raise
    # On a cluster "single" puts everything on one server, so that no step of a traversal crosses the network. It
    # cannot be changed later, and means nothing to a single server.
    with _unless(_NAME_TAKEN):
        connection.system.create_database(connection.database.db_name, sharding="single")
    return set()


def _ensure_graph(database: StandardDatabase) -> None:
    wanted = {edges.name: _edge_definition(edges) for edges in EDGES}
    # A collection that edges lead to is part of the graph; the others have to be named.
    connected = {name for edges in EDGES for name in (edges.source, *edges.targets)}
    orphans = [collection.name for collection in VERTICES if collection.name not in connected]
    with _unless(_GRAPH_EXISTS):
        database.create_graph(GRAPH, list(wanted.values()), orphan_collections=orphans)
    graph = database.graph(GRAPH)
    present = {definition["edge_collection"]: definition for definition in done(graph.edge_definitions())}
    for name, definition in wanted.items():
        if name not in present:
            with _unless(_EDGE_DEFINITION_EXISTS):
                graph.create_edge_definition(**definition)
        elif present[name] != definition:
            graph.replace_edge_definition(**definition)


def _edge_definition(edges: Collection) -> dict[str, Any]:
    return {
        "edge_collection": edges.name,
        "from_vertex_collections": [edges.source],
        "to_vertex_collections": list(edges.targets),
    }


@contextmanager
def _unless(error_number: int) -> Iterator[None]:
    """Let the call inside fail with this error: another replica, or an earlier run, has done it."""
    try:
        yield
    except ArangoServerError as error:
        if error.error_code != error_number:
            raise
