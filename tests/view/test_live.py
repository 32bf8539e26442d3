"""What happens now: the feed and the open spans, looked at again and again."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import START, Cursor
from cc_otel.view import live
from cc_otel.view.live import JournalWatch, LiveFeed, NothingOpen, end_of, missed
from cc_otel.view.trees import TreeSpan
from tests.graph.made import span, two_sessions
from tests.view.made import tree_span


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return a store with ten spans."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of(two_sessions()))
    yield store
    store.close()


class Opened:
    """Open spans, as the test says."""

    spans: Sequence[TreeSpan] = ()

    def read(self, now_ms: float) -> Sequence[TreeSpan]:
        return self.spans


def test_what_was_stored_before_the_first_look_is_no_news(store: SqliteStore) -> None:
    """A feed begins behind what is there, and then has each change once."""
    feed = LiveFeed(store, NothingOpen())
    before = feed.look(0)
    store.write(mapping.of([span(50)]))

    assert ([], ["0000000000000032"], []) == tuple(
        [row["span_id"] for row in news.spans] for news in (before, feed.look(1), feed.look(2))
    )


def test_open_spans_are_news_when_they_are_others(store: SqliteStore) -> None:
    """That time goes on is no news of an open span; another label is."""
    opened = Opened()
    feed = LiveFeed(store, opened)
    looks = []
    for spans in ([], [tree_span(1)], [tree_span(1, duration_ms=9.0)], [tree_span(1, label="b")], []):
        opened.spans = spans
        looks.append(feed.look(0).open)

    assert [None if it is None else [span.label for span in it] for it in looks] == [None, [""], None, ["b"], []]


def test_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    """Trouble is said, and what is stored once it is over is news."""
    store = SqliteStore(tmp_path / "graph.db")
    feed = LiveFeed(store, NothingOpen())
    troubles = [bool(feed.look(0).trouble)]
    store.prepare()
    troubles.append(bool(feed.look(0).trouble))
    store.write(mapping.of([span(50)]))

    assert (troubles, len(feed.look(0).spans)) == ([True, False], 1)
    store.close()


def test_what_a_client_missed(store: SqliteStore) -> None:
    """It is everything after the client's place; None where that is too much, or the place is of another store."""
    end = end_of(store)
    store.write(mapping.of([span(50), span(51)]))
    found = missed(store, end, 10)

    assert found is not None
    assert (len(found[0]), found[1]) == (2, end_of(store))
    assert [missed(store, place, 1) for place in (end, START, Cursor("x"))] == [None, None, None]


def test_a_journal_is_read_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its files stay as they are, open spans only grow older."""
    journal = tmp_path / "journal.db"
    journal.write_bytes(b"")
    reads = []

    def read(path: Path, now_ms: float, *, with_content: bool) -> list[TreeSpan]:
        reads.append(now_ms)
        return [tree_span(1, open=True)]

    monkeypatch.setattr(live, "open_spans", read)
    watch = JournalWatch(journal, with_content=True)
    os.utime(journal, ns=(1_000_000_000, 1_000_000_000))
    durations = [watch.read(now_ms)[0].duration_ms for now_ms in (5_000.0, 6_000.0)]
    Path(f"{journal}-wal").write_bytes(b"x")
    watch.read(7_000.0)
    # Changed so shortly before that it may change again without another time of change.
    watch.read(8_000.0)

    assert (durations, reads) == ([4_999.0, 5_999.0], [5_000.0, 7_000.0, 8_000.0])
