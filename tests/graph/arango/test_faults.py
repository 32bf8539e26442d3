"""Whatever is wrong with the server, the caller hears StoreUnavailable, soon, and loses nothing by coming again."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cc_otel.graph.arango.client import ROWS_PER_FETCH
from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.mapping import mapping
from cc_otel.graph.model import COLLECTIONS
from cc_otel.graph.store import Edge, Query, StoreUnavailable, Vertex
from tests.graph.arango.standin import faults
from tests.graph.arango.standin.faults import Fault
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.contract import NEVER_S, ask
from tests.graph.made import span, span_id, two_sessions

TLS = Path(__file__).parents[2] / "otlp" / "tls"
BATCH = mapping.of(two_sessions())

ACTIONS: dict[str, Callable[[ArangoStore], object]] = {
    "prepare": lambda store: store.prepare(),
    "write": lambda store: store.write(BATCH),
    "query": lambda store: ask(store, "sessions"),
    "prune": lambda store: store.prune(NEVER_S),
}

FAULTS: dict[str, tuple[Fault, str]] = {
    "starting": (faults.STARTING, "503 Service Unavailable"),
    "stopping": (faults.STOPPING, "shutdown in progress"),
    "queue full": (faults.QUEUE_FULL, "queue is full"),
    "queue slow": (faults.QUEUE_SLOW, "queue time violated"),
    "read-only": (faults.READ_ONLY, "read only"),
    "too few replicas": (faults.NO_REPLICAS, "not enough replicas"),
    "out of memory": (faults.OUT_OF_MEMORY, "resource limit exceeded"),
    "too many requests": (faults.TOO_MANY, "429"),
    "a proxy's login page": (faults.LOGIN_PAGE, "not ArangoDB"),
    "a proxy's error page": (faults.BAD_GATEWAY, "502"),
    "a proxy's redirection": (faults.REDIRECT, "redirect"),
    "reset": (faults.Reset(committed=False), "no answer from ArangoDB: http://127.0.0.1:"),
}


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


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_after_one_request(standin: StandIn, store: ArangoStore, fault: str, action: str) -> None:
    """A server that says no is not asked again and again: the caller hears why, and tries later."""
    standin.fail(FAULTS[fault][0])
    standin.requests.clear()
    with pytest.raises(StoreUnavailable, match=FAULTS[fault][1]):
        ACTIONS[action](store)
    requests = len(standin.requests)
    standin.heal()
    ACTIONS[action](store)

    assert requests == 1


@pytest.mark.parametrize("fault", [*(fault for fault, _ in FAULTS.values()), faults.Reset(committed=True)], ids=str)
def test_a_write_that_failed_is_written_by_the_next(standin: StandIn, store: ArangoStore, fault: Fault) -> None:
    """A fault in the middle of a write leaves nothing twice and nothing out, once the write was repeated."""
    standin.fail(fault, times=1, path="/document/part_of")
    with pytest.raises(StoreUnavailable):
        store.write(BATCH)
    store.write(BATCH)

    assert expected_contents() == contents(standin)


def test_a_server_that_hangs_is_left_in_time(standin: StandIn, store: ArangoStore) -> None:
    """A server that takes a request and never answers costs a write's time, not a thread."""
    standin.fail(faults.Hang())
    with pytest.raises(StoreUnavailable, match="timed out"):
        store.write(BATCH)
    standin.heal()
    store.write(BATCH)

    assert expected_contents() == contents(standin)


def test_all_requests_of_a_write_share_its_time(standin: StandIn, store: ArangoStore) -> None:
    """A server that is slow with each part of a write is left before it has had them all."""
    standin.fail(faults.Slow(1.5))
    standin.requests.clear()
    with pytest.raises(StoreUnavailable, match="timed out"):
        store.write(BATCH)

    assert standin.count("POST") < len([keys for keys in expected_contents().values() if keys])


def test_a_slow_server_is_waited_for(standin: StandIn, store: ArangoStore) -> None:
    """A server that answers in time is no fault."""
    standin.fail(faults.Slow(0.3))
    refusals = store.write(BATCH)

    assert ([], expected_contents()) == (refusals, contents(standin))


def test_a_server_that_is_down_and_comes_back(standin: StandIn, store: ArangoStore) -> None:
    """While nobody listens a write fails at once; the same store writes on when the server is back."""
    standin.stop()
    with pytest.raises(StoreUnavailable, match="no answer from ArangoDB"):
        store.write(BATCH)
    standin.start()
    store.write(BATCH)

    assert expected_contents() == contents(standin)


def test_a_connection_that_the_server_closed_meanwhile(standin: StandIn, store: ArangoStore) -> None:
    """A server restarted between two writes costs nothing: a connection that has ended is not used again."""
    store.write(BATCH)
    standin.restart()
    store.write(BATCH)

    assert expected_contents() == contents(standin)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_wrong_password_is_told_with_what_to_do(standin: StandIn, action: str) -> None:
    """Who is not let in hears which user and which setting, and never the password."""
    store = ArangoStore(standin.url, "not-the-password")
    with pytest.raises(StoreUnavailable) as raised:
        ACTIONS[action](store)

    assert (
        str(raised.value)
        == "ArangoDB lets user 'root' not into database 'cc_otel': check CC_OTEL_ARANGO_PASSWORD and the user's rights"
    )


def test_a_password_may_hold_any_character() -> None:
    """Passwords travel as UTF-8, as ArangoDB reads them."""
    with running(StandIn(password="pässwörd: 漢字 🧵")) as standin:
        store = ArangoStore(standin.url, standin.password)
        store.prepare()

        assert ask(store, "sessions") == []


def test_a_certificate_that_is_not_trusted_is_not_talked_to() -> None:
    """Over TLS the server proves who it is, by an authority of this machine or by the file in the address."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(TLS / "receiver.pem", TLS / "receiver.key")
    with running(StandIn(tls=tls)) as standin:
        trusting = ArangoStore(f"{standin.url}?ca={TLS / 'receiver.pem'}", standin.password)
        trusting.prepare()
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            ArangoStore(standin.url, standin.password).prepare()

        assert ask(trusting, "sessions") == []


def test_the_environment_leads_nowhere_else(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names gets neither the password nor the spans."""
    with running(StandIn()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        ArangoStore(standin.url, standin.password).prepare()

        assert (standin.requests != [], proxy.requests) == (True, [])


def test_a_host_that_refuses_is_passed_over(standin: StandIn, store: ArangoStore) -> None:
    """With several hosts, a write goes to the next one where the first does not listen, or is still starting."""
    with running(StandIn()) as other:
        url = f"arangodb+http://root@{other.host},{standin.host}/cc_otel"
        both = ArangoStore(url, standin.password)
        other.fail(faults.STARTING)
        both.write(BATCH)
        other.stop()
        both.write(BATCH)

    assert expected_contents() == contents(standin)


def test_a_host_that_hangs_is_passed_over_by_the_next_write(standin: StandIn, store: ArangoStore) -> None:
    """With several hosts, one that hangs takes one write's time, and the next write goes elsewhere."""
    with running(StandIn()) as other:
        both = ArangoStore(f"arangodb+http://root@{other.host},{standin.host}/cc_otel", standin.password)
        other.fail(faults.Hang())
        with pytest.raises(StoreUnavailable):
            both.write(BATCH)
        both.write(BATCH)

    assert expected_contents() == contents(standin)


def test_an_answer_that_stops_half_way(standin: StandIn, store: ArangoStore) -> None:
    """Rows that cannot be had any more are told as such, not left out."""
    store.write(mapping.of(span(number) for number in range(1, ROWS_PER_FETCH + 2)))
    rows = store.query(Query("spans"))
    first = next(rows)
    standin.restart()

    with pytest.raises(StoreUnavailable, match="cursor not found"):
        list(rows)
    assert span_id(1) == first["span_id"]


def test_a_reader_that_has_had_enough(standin: StandIn, store: ArangoStore) -> None:
    """The server is told when the rest of an answer is not wanted."""
    store.write(mapping.of(span(number) for number in range(1, ROWS_PER_FETCH + 2)))
    rows = store.query(Query("spans"))
    next(rows)
    open_before = len(standin.routes.cursors)
    del rows

    assert (open_before, len(standin.routes.cursors)) == (1, 0)


def contents(standin: StandIn) -> dict[str, list[str]]:
    """Return the keys that the stand-in holds, by collection."""
    collections = standin.engine.databases["cc_otel"].collections
    return {name: sorted(collection.documents) for name, collection in collections.items()}


def expected_contents() -> dict[str, list[str]]:
    """Return the keys of the batch, by collection."""
    expected: dict[str, list[str]] = {name: [] for name in COLLECTIONS}
    items: tuple[Vertex | Edge, ...] = (*BATCH.vertices, *BATCH.edges)
    for item in items:
        expected[item.collection].append(item.key)
    return {name: sorted(keys) for name, keys in expected.items()}
