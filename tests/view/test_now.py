"""What all sessions are doing now."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.now import FAILED_MS, Waits, busy_sessions
from tests.graph.made import T0_NS, turn
from tests.view.made import tree_span

T0_MS = T0_NS / 1e6


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return a store with three sessions; the turn of the first failed."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of([turn(1, error="rate_limit"), *(turn(n, session=f"session-{n}") for n in (2, 3))]))
    yield store
    store.close()


def test_those_that_wait_come_first(store: SqliteStore) -> None:
    """Sessions that wait, run and failed are there in this order, each with what it does and since when."""
    call = tree_span(1, session_id="session-2", open=True, start_ms=T0_MS + 9, label="Runs tests", folder="/app")
    turns = [tree_span(n, session_id=f"session-{n}", open=True, kind="turn", start_ms=T0_MS) for n in (2, 3)]
    waits = [
        tree_span(n, session_id="session-3", open=True, kind="hook", start_ms=T0_MS + n, label=f"Asked {n}")
        for n in (20, 30)
    ]
    found = busy_sessions(store, [call, *turns, *waits], T0_MS + 60)

    assert [(it.session_id, str(it.state), it.doing, it.since_ms - T0_MS, it.folder) for it in found] == [
        ("session-3", "waiting for you", "Asked 20", 20.0, None),
        ("session-2", "running", "Runs tests", 9.0, "/app"),
        ("session-a", "failed", "invoke_agent claude-code", 10.0, None),
    ]


def test_what_failed_long_ago_is_over(store: SqliteStore) -> None:
    """A session that failed more than a day ago is not there."""
    assert busy_sessions(store, [], T0_MS + FAILED_MS + 60) == []


def test_a_wait_begins_once(store: SqliteStore) -> None:
    """A session begins to wait where it did not wait so at the last look; what waits at the first has begun before."""
    waits = Waits()
    first, second = (
        busy_sessions(store, [tree_span(1, session_id="session-2", open=True, kind="hook", start_ms=T0_MS + at)], T0_MS)
        for at in (1, 2)
    )

    assert [waits.begun(it) != [] for it in (first, first, second, second, [], second)] == [
        *(False, False, True, False, False, True)
    ]
