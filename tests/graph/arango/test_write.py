"""What ArangoDB makes of single documents: the bad ones are refused alone, the contended ones are tried again."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cc_otel.graph.arango.insert import BYTES_MAX, CONFLICT_TRIES_MAX, DOCUMENTS_MAX
from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.store import Edge, GraphBatch, Query, StoreUnavailable, Vertex
from tests.graph.arango.standin import faults
from tests.graph.arango.standin.engine import Document
from tests.graph.arango.standin.server import StandIn, running

INSERTS = "POST /_db/cc_otel/_api/document/"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """Return a stand-in."""
    with running(StandIn()) as standin:
        yield standin


@pytest.fixture
def store(standin: StandIn) -> Iterator[ArangoStore]:
    """Return a prepared store on the stand-in."""
    store = ArangoStore(standin.url, standin.password)
    store.prepare()
    yield store
    store.close()


def documents(standin: StandIn, collection: str) -> dict[str, Document]:
    """Answer what a collection holds, without what the server adds."""
    found = standin.engine.databases["cc_otel"].collections[collection].documents
    own = ("_key", "_id", "_rev", "stored_ms")
    return {key: {name: value for name, value in one.items() if name not in own} for key, one in found.items()}


GOOD = Vertex("spans", "good", {"label": "fine"})
GOOD_EDGE = Edge("parent_of", "good", "spans/a", "spans/b", {"label": "parent of"})

POISON: dict[str, tuple[Vertex | Edge, str]] = {
    "a key with a slash": (Vertex("spans", "a/b", {}), r"^illegal document key \(1221\)$"),
    "an empty key": (Vertex("spans", "", {}), r"\(1221\)$"),
    "a key that is too long": (Vertex("spans", "k" * 255, {}), r"\(1221\)$"),
    "an edge from nowhere": (Edge("parent_of", "e", "", "spans/b", {}), r"\(1233\)$"),
    "an edge to no id": (Edge("parent_of", "e", "spans/a", "b", {}), r"\(1233\)$"),
    "a lone surrogate": (Vertex("spans", "s", {"label": "\udc80"}), "not JSON: .*surrogates"),
    "a number over 64 bits": (Vertex("spans", "n", {"size": 2**64}), "not JSON: .*64-bit"),
    "no collection of ours": (Vertex("_graphs", "g", {}), "no collection is called _graphs"),
}


@pytest.mark.parametrize("poison", POISON)
def test_poison_is_refused_alone(standin: StandIn, store: ArangoStore, poison: str) -> None:
    """What can never be stored is named with the reason; the documents around it are stored."""
    item, reason = POISON[poison]
    vertices = (GOOD, item) if isinstance(item, Vertex) else (GOOD,)
    edges = (item, GOOD_EDGE) if isinstance(item, Edge) else (GOOD_EDGE,)
    (refusal,) = store.write(GraphBatch(vertices, edges))

    assert (item, True) == (refusal.item, bool(re.search(reason, refusal.reason)))
    assert (list(documents(standin, "spans")), list(documents(standin, "parent_of"))) == (["good"], ["good"])


@pytest.mark.parametrize(
    "fault",
    [faults.problem(400, 600, "VPackError error: nesting too deep"), faults.Answer(413, "too large", {}, "text/html")],
    ids=["bad JSON", "too large"],
)
def test_what_spoils_a_request_is_found_by_halving(standin: StandIn, store: ArangoStore, fault: faults.Answer) -> None:
    """Where the whole request is refused for its content, the documents are tried in halves down to the one."""
    standin.fail(fault, times=3, path="/document/spans")
    vertices = [Vertex("spans", f"v-{number}", {}) for number in range(4)]
    refusals = store.write(GraphBatch(vertices))

    # Four, the first two, the first: three refused requests, of which the last held one document.
    assert [vertices[0]] == [refusal.item for refusal in refusals]
    assert sorted(documents(standin, "spans")) == ["v-1", "v-2", "v-3"]


def test_a_bad_request_that_is_not_arangodbs_refuses_nothing(standin: StandIn, store: ArangoStore) -> None:
    """A proxy that calls everything bad is a fault of the way there, not of the documents."""
    standin.fail(faults.Answer(400, "<html>Bad Request</html>", content_type="text/html"))

    with pytest.raises(StoreUnavailable, match="HTTP 400"):
        store.write(GraphBatch([GOOD]))


def test_an_error_nobody_knows_is_tried_again_later(standin: StandIn, store: ArangoStore) -> None:
    """A document is given up only for an error that means the document."""
    told = faults.Answer(202, [{"error": True, "errorNum": 4, "errorMessage": "internal error"}])
    standin.fail(told, path="/document/")

    with pytest.raises(StoreUnavailable, match="internal error"):
        store.write(GraphBatch([GOOD]))


def test_an_answer_for_fewer_documents_is_no_success(standin: StandIn, store: ArangoStore) -> None:
    """What was not answered for is not taken as stored."""
    standin.fail(faults.Answer(202, []), path="/document/")

    with pytest.raises(StoreUnavailable, match="did not answer for each document"):
        store.write(GraphBatch([GOOD]))


def test_conflicts_are_tried_again_alone(standin: StandIn, store: ArangoStore) -> None:
    """Only the documents that somebody was in the way of are sent again, until they are through."""
    standin.fail(faults.Conflict(), times=3, path="/document/")
    standin.requests.clear()
    refusals = store.write(GraphBatch([GOOD]))

    assert (refusals, list(documents(standin, "spans")), standin.count(INSERTS)) == ([], ["good"], 4)


def test_conflicts_without_end_are_unavailability(standin: StandIn, store: ArangoStore) -> None:
    """A key that somebody else never lets go of is tried so often, and then left to the caller."""
    standin.fail(faults.Conflict(), path="/document/")
    standin.requests.clear()
    with pytest.raises(StoreUnavailable, match="other writers held"):
        store.write(GraphBatch([GOOD]))

    assert 2 <= standin.count(INSERTS) <= CONFLICT_TRIES_MAX


def test_a_request_holds_so_many_documents(standin: StandIn, store: ArangoStore) -> None:
    """A large batch goes in requests of some hundred documents."""
    standin.requests.clear()
    store.write(GraphBatch([Vertex("spans", f"{number}", {}) for number in range(DOCUMENTS_MAX + 1)]))

    assert (standin.count(INSERTS), len(documents(standin, "spans"))) == (2, DOCUMENTS_MAX + 1)


def test_a_request_holds_so_many_bytes(standin: StandIn, store: ArangoStore) -> None:
    """Large documents go in requests of a megabyte, one larger than that in a request of its own."""
    standin.requests.clear()
    sizes = [BYTES_MAX // 2, BYTES_MAX // 3, BYTES_MAX // 3, 2 * BYTES_MAX, 10]
    store.write(GraphBatch([Vertex("spans", f"{n}", {"label": "x" * size}) for n, size in enumerate(sizes)]))

    assert (4, len(sizes)) == (standin.count(INSERTS), len(documents(standin, "spans")))


def test_threads_may_share_a_store(standin: StandIn, store: ArangoStore) -> None:
    """Threads that write and ask at once get in nobody's way, each with its own time."""

    def work(number: int) -> int:
        store.write(GraphBatch([Vertex("spans", f"v-{number}", {"start_ms": number})]))
        return len(list(store.query(Query("spans", {"limit": 1}))))

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(work, range(64)))

    assert (found, len(documents(standin, "spans"))) == ([1] * 64, 64)


def test_what_is_no_number_in_json_is_null(standin: StandIn, store: ArangoStore) -> None:
    """NaN and Infinity, which would spoil the whole request, never leave."""
    store.write(GraphBatch([Vertex("spans", "n", {"size": float("nan"), "list": [float("inf")]})]))

    assert documents(standin, "spans") == {"n": {"size": None, "list": [None]}}


def test_a_document_replaces_the_one_before(standin: StandIn, store: ArangoStore) -> None:
    """The later document stays, whole: nothing of the earlier shines through."""
    store.write(GraphBatch([Vertex("spans", "1", {"label": "first", "tool": "Bash", "attributes": {"a": 1}})]))
    store.write(GraphBatch([Vertex("spans", "1", {"label": "second", "attributes": {"b": None}})]))

    assert documents(standin, "spans") == {"1": {"label": "second", "attributes": {"b": None}}}


def test_what_spans_share_expires_with_the_last(standin: StandIn, store: ArangoStore) -> None:
    """The latest expiry of a session stays, in whatever order it is told."""
    for expire_at in (20, 30, 10):
        store.write(GraphBatch([Vertex("sessions", "s", {"label": "session", "expire_at": expire_at})]))

    assert documents(standin, "sessions") == {"s": {"label": "session", "expire_at": 30}}


def test_every_write_is_synced(standin: StandIn, store: ArangoStore) -> None:
    """A write is answered when it is on the server's disk."""
    standin.requests.clear()
    store.write(GraphBatch([GOOD], [GOOD_EDGE]))

    assert 2 == standin.count(INSERTS) == standin.count("waitForSync=1")
