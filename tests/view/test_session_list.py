"""Sessions as a list, those that are over and those that go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.session_list import SessionState, Window, list_sessions
from cc_otel.view.sessions import DOCTOR_SESSION
from tests.graph.made import T0_NS, span, turn
from tests.view.made import tree_span

T0_MS = T0_NS / 1e6


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return a store with three sessions, the last of them doctor's; the turn of the first failed."""
    store = SqliteStore(tmp_path / "graph.db")
    spans = [turn(1, error="process_gone"), turn(2, session="session-b", start_ms=1)]
    store.write(mapping.of([*spans, span(3, session=DOCTOR_SESSION, start_ms=2)]))
    yield store
    store.close()


def states(store: SqliteStore, *running: object, all_here: bool = True) -> dict[str, SessionState | None]:
    """Return how the sessions stand, in their order."""
    return {it.session_id: it.state for it in list_sessions(store, 9, running, all_here=all_here).rows}  # type: ignore[arg-type]


def test_a_session_is_done_or_failed_as_its_last_turn(store: SqliteStore) -> None:
    """Without open spans a session is done, or failed where its last turn did; doctor's is not there."""
    assert states(store) == {"session-b": SessionState.DONE, "session-a": SessionState.FAILED}


def test_a_session_with_open_spans_runs_or_waits(store: SqliteStore) -> None:
    """A session with open spans runs; with an open wait for a person it waits, and says for what."""
    run = tree_span(1, session_id="session-a", open=True, start_ms=T0_MS + 9)
    wait = tree_span(2, session_id="session-b", open=True, kind="hook", label="Asked to run ls")
    summary = tree_span(3, session_id="session-a", open=False)

    assert states(store, run) == {"session-a": SessionState.RUNNING, "session-b": SessionState.DONE}
    assert states(store, summary)["session-a"] is SessionState.FAILED
    [waiting] = [it for it in list_sessions(store, 9, [run, wait]).rows if it.session_id == "session-b"]
    assert (waiting.state, waiting.waiting_for) == (SessionState.WAITING, "Asked to run ls")


def test_a_session_of_another_home_may_go_on(store: SqliteStore) -> None:
    """Where the store has sessions of other homes, nobody knows that one of them is done."""
    assert states(store, all_here=False) == {"session-b": None, "session-a": SessionState.FAILED}


def test_a_session_of_which_nothing_was_delivered(store: SqliteStore) -> None:
    """A session that has but open spans is listed with its prompt; doctor's is not."""
    asked = tree_span(1, session_id="new", open=True, kind="turn", label="Asked: tidy up", start_ms=T0_MS + 50)
    call = tree_span(2, session_id="new", open=True, start_ms=T0_MS + 60)
    found = list_sessions(store, 9, [asked, call, tree_span(3, session_id=DOCTOR_SESSION, open=True)])

    assert [it.session_id for it in found.rows] == ["new", "session-b", "session-a"]
    new = found.rows[0]
    assert (new.prompt, new.state, new.spans, new.cost_usd) == ("Asked: tidy up", SessionState.RUNNING, 0, None)
    assert (new.start_ms, new.active_ms) == (T0_MS + 50, T0_MS + 60)


def test_a_limit_cuts_the_list_and_not_the_total(store: SqliteStore) -> None:
    """As many sessions as were asked for are returned, and how many there are, doctor's aside."""
    found = list_sessions(store, 1)

    assert ([it.session_id for it in found.rows], found.total) == (["session-b"], 2)


@pytest.mark.parametrize(
    ("since", "until", "ids"),
    [(1, None, ["session-b"]), (None, 1, ["session-a"]), (0, 2, ["session-b", "session-a"]), (2, None, [])],
)
def test_when_sessions_were_active(store: SqliteStore, since: int | None, until: int | None, ids: list[str]) -> None:
    """Only sessions that were active last within a time are listed and counted."""
    window = Window(None if since is None else T0_MS + since, None if until is None else T0_MS + until)
    found = list_sessions(store, 9, window=window)

    assert ([it.session_id for it in found.rows], found.total) == (ids, len(ids))


def test_what_is_open_is_activity(store: SqliteStore) -> None:
    """A session that goes on now is active now, with all that is stored of it, whenever that was."""
    run = tree_span(1, session_id="session-a", open=True, start_ms=T0_MS + 90)
    later, before = (
        list_sessions(store, 9, [run], window=Window(*at)) for at in ((T0_MS + 50, None), (None, T0_MS + 1))
    )

    assert ([(it.session_id, it.turns) for it in later.rows], later.total) == ([("session-a", 1)], 1)
    assert (before.rows, before.total) == ([], 0)
