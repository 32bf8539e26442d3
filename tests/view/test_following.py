"""Following sessions while they are written."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.following import Following, Wanted
from cc_otel.view.live import LiveFeed
from cc_otel.view.sessions import NoSuchSession
from cc_otel.view.trees import TreeSpan
from tests.graph.made import span
from tests.view.made import tree_span


class Opened:
    """Open spans as a test says they are."""

    def __init__(self, *spans: TreeSpan) -> None:
        self.spans: Sequence[TreeSpan] = spans

    def read(self, now_ms: float) -> Sequence[TreeSpan]:
        """Return them."""
        return self.spans


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return a store whose file is not there yet."""
    store = SqliteStore(tmp_path / "graph.db")
    yield store
    store.close()


def put(store: SqliteStore, number: int, session: str, folder: str = "/app") -> None:
    """Store a span of a session that was started in a folder."""
    where = {"cc_otel.hook.event": "SessionStart", "process.working_directory": folder}
    store.write(mapping.of([span(number, "session startup", session=session, attributes=where, end_ms=number + 1)]))


def seen(following: Following, now_ms: float) -> list[str | None]:
    """Return the sessions of what a look finds."""
    return [it.session_id for it in following.look(now_ms).happenings]


def test_a_store_that_comes_later(store: SqliteStore) -> None:
    """A store that cannot be read is said, and followed from when it can; what was stored before is no news."""
    following = Following(store, LiveFeed(store, Opened()), Wanted())
    trouble = following.look(1).trouble
    put(store, 1, "old")
    before = following.look(2)
    put(store, 2, "new")

    assert "does not exist" in trouble
    assert (before.happenings, before.trouble) == ([], "")
    assert seen(following, 3) == ["new"]


def test_a_folder_has_sessions_that_begin_later(store: SqliteStore) -> None:
    """Of a folder each session is followed, from its first span on, also one of which there are but open spans."""
    put(store, 1, "here")
    opened = Opened()
    following = Following(store, LiveFeed(store, opened), Wanted(folder="/app"))
    quiet = seen(following, 1)
    for number, (session, folder) in enumerate((("here", "/app"), ("away", "/other"), ("later", "/app")), 2):
        put(store, number, session, folder)
    delivered = seen(following, 2)
    opened.spans = [
        tree_span(n, session_id=it, folder=folder, kind="turn", open=True, start_ms=9.0)
        for n, (it, folder) in enumerate((("newest", "/app"), ("elsewhere", "/")), 90)
    ]

    assert (quiet, sorted(map(str, delivered))) == ([], ["here", "later"])
    assert seen(following, 3) == ["newest"]
    assert list(following.sessions) == ["here", "later", "newest"]


def test_one_session_by_the_beginning_of_its_id(store: SqliteStore) -> None:
    """One session is followed by its name; one that is not known is an error."""
    put(store, 1, "abcd-1")
    following = Following(store, LiveFeed(store, Opened()), Wanted("abc"))
    seen(following, 1)
    for number, session in enumerate(("abcd-1", "other"), 2):
        put(store, number, session)

    assert seen(following, 2) == ["abcd-1"]
    with pytest.raises(NoSuchSession):
        Following(store, LiveFeed(store, Opened()), Wanted("xyz")).look(1)
