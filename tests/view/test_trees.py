"""Traces as trees, of sessions that are over and of those that go on."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.sessions import Ambiguous, NoSuchSession
from cc_otel.view.trees import Forest, TreeSpan, forest, spans_of
from tests.graph.made import FOREIGN, TRACE_A1, TRACE_B1, span, span_id, two_sessions
from tests.view.made import tree_span


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return a store with two sessions and a trace of none."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of(two_sessions()))
    yield store
    store.close()


def numbers(spans: list[TreeSpan]) -> list[int]:
    """Return the numbers that spans were made with."""
    return [int(it.span_id, 16) for it in spans]


def drawn(shown: Forest) -> list[tuple[str, int]]:
    """Return the ids of spans with their levels, line by line."""
    lines, todo = [], [(root, 0) for root in reversed(shown.roots)]
    while todo:
        it, level = todo.pop()
        lines.append((it.span_id, level))
        todo.extend((child, level + 1) for child in reversed(shown.below(it)))
    return lines


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("session-a", [1, 2, 3, 6, 4, 5, 7, 8]),
        ("session-b", [9]),
        ("last", [9]),
        (TRACE_A1, [1, 2, 3, 6, 4, 5]),
        (FOREIGN, [10]),
    ],
)
def test_the_spans_of_a_session_or_a_trace(store: SqliteStore, what: str, found: list[int]) -> None:
    """A session has the spans of all its traces, a trace its own."""
    assert numbers(spans_of(store, what)) == found


def test_open_spans_stand_with_the_delivered_ones(store: SqliteStore) -> None:
    """What is still open of a session or a trace comes after what was delivered; of others nothing does."""
    here = tree_span(1, span_id=span_id(11), trace_id=TRACE_A1, session_id="session-a", open=True)
    other = tree_span(2, span_id=span_id(12), session_id="session-c", open=True)

    assert numbers(spans_of(store, "session-a", [other, here]))[-1] == 11
    assert numbers(spans_of(store, TRACE_A1, [other, here]))[-1] == 11
    assert spans_of(store, "session-c", [other, here]) == [other]


def test_a_span_that_was_delivered_meanwhile_is_there_once(store: SqliteStore) -> None:
    """Of a span that is in the store and was open just before, the store's form is shown."""
    before = tree_span(1, span_id=span_id(9), trace_id=TRACE_B1, session_id="session-b", open=True)

    assert [(it.span_id, it.open) for it in spans_of(store, "session-b", [before])] == [(span_id(9), False)]


def test_a_name_of_nothing_and_of_several(store: SqliteStore) -> None:
    """What has no spans is an error, whatever it is named by."""
    for what in ("nothing", "ab" * 16):
        with pytest.raises(NoSuchSession):
            spans_of(store, what)
    with pytest.raises(Ambiguous):
        spans_of(store, "session")


def test_the_last_trace_where_no_span_names_a_session(tmp_path: Path) -> None:
    """Without sessions the last one is the newest trace."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of([span(1, session=None), span(2, session=None, trace_id=FOREIGN, start_ms=1)]))

    assert numbers(spans_of(store, "last")) == [2]
    store.close()


def test_a_row_says_that_it_is_open_where_it_is() -> None:
    """As JSON a span has the columns of the query, and others only where they say something."""
    columns = tree_span(1).to_json().keys()

    assert {"open", "undecided"} & columns == set()
    assert tree_span(1, open=True).to_json().keys() - columns == {"open"}
    assert tree_span(1, open=True, undecided=True).to_json().keys() - columns == {"open", "undecided"}


def test_children_stand_below_their_parents_in_order_of_time() -> None:
    """Roots and children come in the order they began, whatever the order of the spans."""
    spans = [tree_span(1), tree_span(2, 1), tree_span(3, 2), tree_span(4, 1), tree_span(5), tree_span(6, 99)]
    Random(7).shuffle(spans)

    assert drawn(forest(spans)) == [("s1", 0), ("s2", 1), ("s3", 2), ("s4", 1), ("s5", 0), ("s6", 0)]


@pytest.mark.parametrize(
    ("parents", "lines"),
    [
        ({1: 1}, [("s1", 0)]),
        ({1: 2, 2: 1}, [("s1", 0), ("s2", 1)]),
        ({1: 4, 2: 3, 3: 2, 4: 2}, [("s2", 0), ("s3", 1), ("s4", 1), ("s1", 2)]),
        ({1: None, 2: 3, 3: 2}, [("s1", 0), ("s2", 0), ("s3", 1)]),
    ],
)
def test_spans_that_are_each_others_parents(parents: dict[int, int | None], lines: list[tuple[str, int]]) -> None:
    """A circle is opened at its earliest span; every span is shown once."""
    assert drawn(forest([tree_span(number, parent) for number, parent in parents.items()])) == lines


def test_a_circle_of_many_spans() -> None:
    """A circle is opened in time that grows with its length alone."""
    spans = [tree_span(number, (number + 1) % 20_000) for number in range(20_000)]

    assert len(drawn(forest(spans))) == 20_000
