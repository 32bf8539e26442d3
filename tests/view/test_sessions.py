"""Which session a name means, and how short an id may be shown."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.sessions import DOCTOR_SESSION, LAST, Ambiguous, NoSuchSession, session_named, short_ids
from tests.graph.made import span
from tests.view.made import tree_span


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return an empty store."""
    store = SqliteStore(tmp_path / "graph.db")
    store.prepare()
    yield store
    store.close()


def put(store: SqliteStore, sessions: Sequence[str]) -> None:
    """Write a span for each session, each later than the one before."""
    store.write(mapping.of([span(at, session=name, start_ms=at) for at, name in enumerate(sessions, 1)]))


@pytest.mark.parametrize(
    ("what", "session"),
    [("run-1", "run-1"), ("run-10", "run-10"), ("run-2", "run-2"), ("o", "other"), (LAST, "other"), ("now", "now-on")],
)
def test_a_name_means_one_session(store: SqliteStore, what: str, session: str) -> None:
    """An id names its session also where another begins with it; a beginning does where it is the only one's."""
    put(store, ["run-1", "run-10", "run-2", "other"])

    assert session_named(store, what, [tree_span(1, session_id="now-on")]) == session


def test_a_beginning_of_several_is_ambiguous(store: SqliteStore) -> None:
    """Where several sessions begin so, nothing is guessed: those that have spans open count too."""
    put(store, ["run-1", "run-10", "other"])

    with pytest.raises(Ambiguous, match="3 sessions begin with 'run-': run-1, run-10, run-2") as found:
        session_named(store, "run-", [tree_span(1, session_id="run-2")])
    assert found.value.ids == ["run-1", "run-10", "run-2"]


@pytest.mark.parametrize("what", ["x", "run-11", "RUN", LAST])
def test_a_name_of_nothing(store: SqliteStore, what: str) -> None:
    """A name that no session has is an error; so is the last session where only doctor's exists."""
    put(store, [DOCTOR_SESSION] if what == LAST else ["run-1"])

    with pytest.raises(NoSuchSession, match="nothing is known of"):
        session_named(store, what)


def test_the_last_session_is_not_doctors(store: SqliteStore) -> None:
    """The newest session is the one that began last, also where only open spans tell of it, doctor's aside."""
    put(store, ["old", "new", DOCTOR_SESSION])

    assert session_named(store, LAST) == "new"
    assert session_named(store, LAST, [tree_span(1, session_id="first")]) == "new"
    assert session_named(store, LAST, [tree_span(1, session_id="now", start_ms=4e12)]) == "now"


def test_an_id_is_shortened_as_far_as_it_stays_unique(store: SqliteStore) -> None:
    """A short id is eight characters, or as many as tell it from every other session of the store, shown or not."""
    ids = ["1b4e28ba-2fa1", "agent-run-0001", "agent-run-0002", "agent-run", "tiny"]
    put(store, ids)

    assert short_ids(store, ["1b4e28ba-2fa1", "agent-run-0001", "agent-run", "tiny", ""]) == {
        "1b4e28ba-2fa1": "1b4e28ba",
        "agent-run-0001": "agent-run-0001",
        "agent-run": "agent-run",
        "tiny": "tiny",
    }
    assert [session_named(store, short) for short in short_ids(store, ids).values()] == [*short_ids(store, ids)]


def test_many_ids_are_shortened_alike(store: SqliteStore) -> None:
    """However many ids there are, each stays unique."""
    ids = [f"{number:08}-session" for number in range(99)] + ["00000000-sessions"]
    put(store, ids)
    short = short_ids(store, ids)

    assert len(set(short.values())) == 100
    assert (short["00000001-session"], short["00000000-sessions"]) == ("00000001", "00000000-sessions")
