"""What is made in ArangoDB, once, by whoever comes first, and again when it was dropped."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from arango.client import ArangoClient
from arango.database import StandardDatabase

from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.mapping import mapping
from tests.graph.arango.standin import faults
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.contract import NEVER_S, T0_S, ask
from tests.graph.made import span, two_sessions

EXPIRY = [("ttl", "expiry", ["expire_at"]), ("persistent", "by_expire_at", ["expire_at"])]
WORDS = ["label", "summary", "command", "status_message"]


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """Return a stand-in."""
    with running(StandIn()) as standin:
        yield standin


@pytest.fixture
def store(standin: StandIn) -> Iterator[ArangoStore]:
    """Return a store on the stand-in, where nothing has been made yet."""
    store = ArangoStore(standin.url, standin.password)
    yield store
    store.close()


def database(standin: StandIn, name: str = "cc_otel") -> StandardDatabase:
    """Return the driver's own view."""
    return ArangoClient(f"http://{standin.host}").db(name, standin.user, standin.password)


def made(standin: StandIn) -> dict[str, Any]:
    """Answer what there is: collections with their indexes, and graphs."""
    found = standin.engine.databases["cc_otel"]
    collections = {
        name: [
            (
                index["type"],
                index["name"],
                [field["name"] if isinstance(field, dict) else field for field in index["fields"]],
            )
            for index in collection.indexes
        ]
        for name, collection in found.collections.items()
    }
    graphs = {name: (graph["edgeDefinitions"], graph["orphanCollections"]) for name, graph in found.graphs.items()}
    return {"collections": collections, "graphs": graphs}


PRIMARY = ("primary", "primary", ["_key"])
VERTEX = [PRIMARY, *EXPIRY]
EDGE = [PRIMARY, ("edge", "edge", ["_from", "_to"]), *EXPIRY]
DERIVED = [*EDGE[:2], ("persistent", "by_session_id", ["session_id"]), *EXPIRY]
EVERYTHING: dict[str, Any] = {
    "collections": {
        "spans": [
            PRIMARY,
            ("persistent", "by_trace_id_start_ms", ["trace_id", "start_ms"]),
            ("persistent", "by_session_id_start_ms", ["session_id", "start_ms"]),
            ("persistent", "by_start_ms", ["start_ms"]),
            ("persistent", "by_response_id", ["response_id"]),
            ("persistent", "by_stored_ms", ["stored_ms"]),
            ("inverted", "words", WORDS),
            *EXPIRY,
        ],
        **dict.fromkeys("sessions files repositories commands errors commits models tools".split(), VERTEX),
        **dict.fromkeys("parent_of part_of touched links_to searched ran failed_with used".split(), EDGE),
        **dict.fromkeys("asked_for launched committed worked_in".split(), EDGE),
        **dict.fromkeys("follows retried resolved_by superseded_by".split(), DERIVED),
    },
    "graphs": {
        "cc_otel": (
            [
                {"collection": "parent_of", "from": ["spans"], "to": ["spans"]},
                {"collection": "part_of", "from": ["spans"], "to": ["sessions"]},
                {"collection": "touched", "from": ["spans"], "to": ["files"]},
                {"collection": "links_to", "from": ["spans"], "to": ["spans"]},
                {"collection": "searched", "from": ["spans"], "to": ["files"]},
                {"collection": "ran", "from": ["spans"], "to": ["commands"]},
                {"collection": "failed_with", "from": ["spans"], "to": ["errors"]},
                {"collection": "used", "from": ["spans"], "to": ["models", "tools"]},
                {"collection": "asked_for", "from": ["spans"], "to": ["spans"]},
                {"collection": "launched", "from": ["spans"], "to": ["spans"]},
                {"collection": "committed", "from": ["spans"], "to": ["commits"]},
                {"collection": "worked_in", "from": ["sessions"], "to": ["repositories"]},
                {"collection": "follows", "from": ["spans"], "to": ["spans"]},
                {"collection": "retried", "from": ["spans"], "to": ["spans"]},
                {"collection": "resolved_by", "from": ["spans"], "to": ["spans"]},
                {"collection": "superseded_by", "from": ["spans"], "to": ["spans"]},
            ],
            [],
        )
    },
}


def test_everything_is_made(standin: StandIn, store: ArangoStore) -> None:
    """Database, collections, indexes and the named graph are there after the first prepare."""
    store.prepare()

    assert made(standin) == EVERYTHING


def test_everything_is_made_once(standin: StandIn, store: ArangoStore) -> None:
    """Preparing again, and by another replica, changes nothing."""
    store.prepare()
    store.prepare()
    ArangoStore(standin.url, standin.password).prepare()

    assert made(standin) == EVERYTHING


def test_replicas_may_start_at_once(standin: StandIn) -> None:
    """Two that make the same things at the same moment get in nobody's way."""
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(ArangoStore(standin.url, standin.password).prepare) for _ in range(4)]:
            done.result(60)

    assert made(standin) == EVERYTHING


def test_the_database_lies_on_one_server_of_a_cluster(standin: StandIn, store: ArangoStore) -> None:
    """The database is made for walks that stay on one machine."""
    store.prepare()

    assert standin.engine.databases["cc_otel"].options == {"sharding": "single"}


def test_a_prepare_that_broke_off_is_finished_by_the_next(standin: StandIn, store: ArangoStore) -> None:
    """What was made before a fault stays, and the next prepare makes the rest."""
    standin.fail(faults.Reset(committed=True), times=1, path="/index?collection=files")
    with pytest.raises(Exception, match="no answer"):
        store.prepare()
    store.prepare()

    assert made(standin) == EVERYTHING


def test_a_graph_of_an_older_version_is_brought_up_to_date(standin: StandIn, store: ArangoStore) -> None:
    """Edge definitions that are missing or other than ours are made so; what a user added stays."""
    database(standin, "_system").create_database("cc_otel")
    definitions = {"parent_of": ("spans", "spans"), "touched": ("spans", "sessions"), "mine": ("files", "files")}
    database(standin).create_graph(
        "cc_otel",
        [
            {"edge_collection": name, "from_vertex_collections": [source], "to_vertex_collections": [target]}
            for name, (source, target) in definitions.items()
        ],
    )
    store.prepare()
    (found, _) = made(standin)["graphs"]["cc_otel"]
    (wanted, _) = EVERYTHING["graphs"]["cc_otel"]
    mine = {"collection": "mine", "from": ["files"], "to": ["files"]}

    assert sorted([*wanted, mine], key=str) == sorted(found, key=str)


DROPS: dict[str, Callable[[StandIn], object]] = {
    "database": lambda standin: database(standin, "_system").delete_database("cc_otel"),
    "vertex collection": lambda standin: database(standin).delete_collection("spans"),
    "edge collection": lambda standin: database(standin).delete_collection("part_of"),
}


@pytest.mark.parametrize("dropped", DROPS)
def test_what_was_dropped_is_made_again_by_a_write(standin: StandIn, store: ArangoStore, dropped: str) -> None:
    """A write that finds something missing makes it again, and is stored."""
    store.prepare()
    DROPS[dropped](standin)
    refusals = store.write(mapping.of(two_sessions()))

    assert ([], EVERYTHING["collections"]) == (refusals, made(standin)["collections"])
    assert len(ask(store, "spans")) == 10


@pytest.mark.parametrize("dropped", DROPS)
def test_what_was_dropped_is_made_again_by_a_question(standin: StandIn, store: ArangoStore, dropped: str) -> None:
    """A question that finds something missing makes it again, and answers with what there is."""
    store.write(mapping.of(two_sessions()))
    DROPS[dropped](standin)
    counts = store.prune(NEVER_S, dry_run=True)

    assert EVERYTHING["collections"] == made(standin)["collections"]
    assert sum(counts.values()) == 0


def test_the_server_removes_what_expires_with_its_edges(standin: StandIn, store: ArangoStore) -> None:
    """With nobody pruning, expired vertices go and leave no edge behind that leads from or to nothing."""
    store.write(mapping.of(two_sessions(), retention_days=1, stored_s=T0_S))
    store.write(mapping.of([span(99)], retention_days=1, stored_s=T0_S + 10_000))
    standin.engine.expire(T0_S + 86_400 + 60)
    left = {name: len(found.documents) for name, found in standin.engine.databases["cc_otel"].collections.items()}

    assert {name: number for name, number in left.items() if number} == {"spans": 1, "sessions": 1, "part_of": 1}
