"""The page's server in this process, over a store with two sessions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from starlette.testclient import TestClient

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.ui.app import Sources, make_app
from cc_otel.ui.guard import Access
from cc_otel.ui.prototype import Received
from cc_otel.view.trees import TreeSpan
from tests.graph.made import two_sessions

TOKEN: Final = "the-token-of-these-tests"
HERE: Final = "http://127.0.0.1:8002"
WS: Final = "ws://127.0.0.1:8002"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Opened:
    """Open spans, as the test says."""

    spans: Sequence[TreeSpan] = ()

    def read(self, now_ms: float) -> Sequence[TreeSpan]:
        return self.spans


@dataclass
class Page:
    """A server's store and open spans, what was posted to it, and clients with the token and without."""

    store: SqliteStore
    opened: Opened = field(default_factory=Opened)
    recorded: list[Received] = field(default_factory=list)

    def client(self, *, public_url: str = "", accept_events: bool = False, token: bool = True) -> TestClient:
        """Return a client of a server of its own."""
        sources = Sources(self.store, lambda: self.opened, all_here=True, record=self.recorded.append)
        app = make_app(sources, Access(TOKEN, public_url), accept_events=accept_events)
        return TestClient(app, HERE, headers=BEARER if token else {}, raise_server_exceptions=True)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """Return a page over the two sessions of tests/graph/made.py."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of(two_sessions()))
    yield Page(store)
    store.close()
