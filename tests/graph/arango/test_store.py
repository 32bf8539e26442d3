"""
The graph in ArangoDB: the battery, on the stand-in and on a real server.

A real one is used where CC_OTEL_TEST_ARANGO_URL names it (docs/arangodb.md, "Testing against a real server").
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from arango.client import ArangoClient

from cc_otel.graph.arango.address import parse
from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.mapping import mapping
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.contract import StoreContract, ask
from tests.graph.contract_search import SearchContract
from tests.graph.made import two_sessions

REAL_URL = "CC_OTEL_TEST_ARANGO_URL"
REAL_PASSWORD = "CC_OTEL_TEST_ARANGO_PASSWORD"


class TestOnTheStandIn(StoreContract, SearchContract):
    """The battery, against the protocol stand-in."""

    @pytest.fixture
    def store(self) -> Iterator[ArangoStore]:
        """Return an empty store on a server of its own."""
        with running(StandIn()) as standin:
            store = ArangoStore(standin.url, standin.password)
            store.prepare()
            yield store
            store.close()


@pytest.mark.skipif(not os.environ.get(REAL_URL), reason=f"{REAL_URL} names no ArangoDB server")
def test_a_real_server_is_there() -> None:
    """Where the battery below is to run on a real server, that server can be reached and written to."""
    with fresh_database() as store:
        store.write(mapping.of(two_sessions()))

        assert len(ask(store, "sessions")) == 2


class TestOnARealServer(StoreContract, SearchContract):
    """The battery, against the server that the environment names."""

    # One skipped test says that there is none; forty would bury what else was skipped.
    __test__ = bool(os.environ.get(REAL_URL))

    @pytest.fixture
    def store(self) -> Iterator[ArangoStore]:
        """Return an empty store on the real server."""
        with fresh_database() as store:
            yield store


@contextmanager
def fresh_database() -> Iterator[ArangoStore]:
    """Return an empty store in a database of its own, which is dropped again."""
    password = os.environ.get(REAL_PASSWORD, "")
    url = urlsplit(os.environ[REAL_URL])._replace(path=f"/cc_otel_test_{uuid4().hex}").geturl()
    store = ArangoStore(url, password)
    store.prepare()
    try:
        yield store
    finally:
        store.close()
        address = parse(url)
        client = ArangoClient(list(address.hosts))
        client.db("_system", address.user, password).delete_database(address.database)
        client.close()
