"""Derived edges are kept as the spans say, whatever order those come in, and whatever ends in between."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.mapping import mapping
from cc_otel.graph.settle import EVERY_S, LOOK_UNASKED_S, QUIET_S, Settler, settle_all
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import Json, Query, StoreUnavailable
from cc_otel.span import Span
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.contract import ask
from tests.graph.recorded import recorded

DERIVED = ("follows", "retried", "resolved_by", "superseded_by")


def edges(path: Path) -> set[tuple[str, ...]]:
    """Return all derived edges of a file."""
    with closing(sqlite3.connect(path)) as graph:
        return {
            (name, *row)
            for name in DERIVED
            for row in graph.execute(f"SELECT key, source, target, rule, certainty, level, document FROM {name}")
        }


def graph_of(folder: Path, batches: Sequence[Sequence[Span]]) -> set[tuple[str, ...]]:
    """Return the derived edges of spans that were stored in these batches, settled after each."""
    folder.mkdir()
    store = SqliteStore(folder / "graph.db")
    store.prepare()
    for batch in batches:
        store.write(mapping.of(batch))
        settle_all(store)
    store.close()
    return edges(folder / "graph.db")


@given(st.data())
@settings(max_examples=8)
def test_any_order_gives_the_same_edges(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """In any order, repetition and grouping, and settled in between or not, the edges are the same."""
    spans = list(recorded("story_fix_loop"))
    folder = tmp_path_factory.mktemp("settle")
    shuffled = data.draw(st.permutations(spans))
    cut = data.draw(st.integers(0, len(spans)))
    again = data.draw(st.lists(st.sampled_from(spans), max_size=5))

    expected = graph_of(folder / "once", [spans])

    assert expected
    assert graph_of(folder / "mixed", [shuffled[:cut], [*shuffled[cut:], *again], again]) == expected


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """A settler on a file, with its clock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "graph.db"
        self.place = folder / "graph.settled"
        self.store = SqliteStore(self.path)
        self.store.prepare()
        self.clock = Clock()
        self.settler = self.new()

    def new(self) -> Settler:
        """Return a settler that begins where the last one was."""
        return Settler(self.store, self.place, clock=self.clock)

    def after(self, seconds: float) -> int:
        """Let time pass, and do what there is to do; return in how many steps."""
        self.clock.now_s += seconds
        steps = 0
        while self.settler.step():
            steps += 1
        return steps


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a settler with an empty store."""
    return Bench(tmp_path)


def test_a_session_is_settled_once_it_is_quiet(bench: Bench) -> None:
    """Nothing is derived while spans come; a moment after, all is, and then there is nothing to do."""
    bench.store.write(mapping.of(recorded("story_fix_loop")))
    bench.after(LOOK_UNASKED_S)
    early = edges(bench.path)
    bench.after(QUIET_S)

    assert early == set()
    assert {name for name, *_ in edges(bench.path)} >= {"follows", "retried", "resolved_by"}
    assert bench.after(LOOK_UNASKED_S) == 0
    assert bench.settler.unsettled == 0


def test_what_was_seen_before_an_end_is_settled_after_it(bench: Bench) -> None:
    """A settler that was killed before it had settled leaves its sessions to the next one; twice is the same."""
    bench.store.write(mapping.of(recorded("story_fix_loop")))
    bench.after(LOOK_UNASKED_S)
    bench.settler = bench.new()
    bench.after(LOOK_UNASKED_S)
    bench.after(EVERY_S)
    first = edges(bench.path)
    bench.place.unlink()
    bench.settler = bench.new()
    bench.after(LOOK_UNASKED_S)
    bench.after(EVERY_S)

    assert first
    assert edges(bench.path) == first


def test_what_is_left_is_settled_at_the_end(bench: Bench) -> None:
    """A run that ends at once leaves a settled graph; one without time leaves it to the next."""
    bench.store.write(mapping.of(recorded("story_fix_loop")))
    bench.settler.finish(0)
    early = edges(bench.path)
    bench.new().finish(60)

    assert early == set()
    assert edges(bench.path)


def test_a_store_that_is_away_is_asked_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that could not be settled waits for the store, and is not lost."""
    bench.store.write(mapping.of(recorded("story_fix_loop")))
    bench.after(LOOK_UNASKED_S)
    with monkeypatch.context() as away:
        away.setattr(bench.store, "replace_derived", _raise)
        with pytest.raises(StoreUnavailable):
            bench.after(QUIET_S)
    bench.after(QUIET_S)

    assert edges(bench.path)


def _raise(*_: object) -> int:
    raise StoreUnavailable("away")


def test_work_is_that_of_the_session(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more span costs reading its session again, not the others."""
    for name in ("story_fix_loop", "story_fail_loop", "basic", "parallel"):
        bench.store.write(mapping.of(recorded(name)))
    bench.after(LOOK_UNASKED_S)
    bench.after(EVERY_S)
    asked: list[Query] = []
    real = bench.store.query

    def query(asking: Query) -> Iterator[dict[str, Json]]:
        asked.append(asking)
        return real(asking)

    monkeypatch.setattr(bench.store, "query", query)
    last = recorded("basic")[-1]
    bench.store.write(mapping.of([replace(last, end_ns=last.end_ns + 1)]))
    bench.after(LOOK_UNASKED_S)
    bench.after(EVERY_S)

    assert {it.parameters["session_id"] for it in asked if it.name == "calls"} == {last.attributes["session.id"]}


def test_both_stores_hold_the_same_edges(tmp_path: Path) -> None:
    """What is derived from SQLite is derived from ArangoDB, sessions that go on with one another included."""
    spans = [*recorded("story_fix_loop"), *recorded("story_resumed_fix"), *recorded("resume")]
    file = SqliteStore(tmp_path / "graph.db")
    file.prepare()
    with running(StandIn()) as standin:
        server = ArangoStore(standin.url, standin.password)
        server.prepare()
        for store in (file, server):
            store.write(mapping.of(spans))
            settle_all(store)
        sessions = {str(it.attributes["session.id"]) for it in spans}
        links = [[ask(store, "session_links", session_id=it) for it in sorted(sessions)] for store in (file, server)]
        calls = [[ask(store, "calls", session_id=it) for it in sorted(sessions)] for store in (file, server)]
        collections = standin.engine.databases["cc_otel"].collections
        held = {
            (name, key, document["_from"], document["_to"], document["rule"])
            for name in DERIVED
            for key, document in collections[name].documents.items()
        }
        server.close()
    file.close()

    assert links[0] == links[1]
    assert calls[0] == calls[1]
    assert held == {edge[:5] for edge in edges(tmp_path / "graph.db")}
