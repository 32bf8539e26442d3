"""Group commit: what waits together is written together, and nobody waits in vain."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cc_otel.dead_letter import DeadLetter
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import Edge, Vertex
from cc_otel.graph.writer import QUEUE_BYTES_MAX, QUEUE_SPANS_MAX, GroupWriter, Written
from cc_otel.otlp.decode import Decoded, Rejection
from cc_otel.otlp.sink import Outcome, Unavailable
from cc_otel.span import Span
from tests.graph.contract import ask, column
from tests.graph.faulty import FaultyStore
from tests.graph.made import TRACE_A1, span, span_id

WAIT_S: Final = 30.0


class Parts:
    """A writer with what it works on."""

    def __init__(self, home: Path) -> None:
        self.store = FaultyStore(home / "graph.db")
        self.dead = home / "dead"
        self.health: list[bool] = []
        self.writer = GroupWriter(self.store, DeadLetter(self.dead, time.time), 0, self.health.append)

    def take(self, *spans: Span) -> Future[Outcome]:
        """Bring a request."""
        return self.writer.take(Decoded(spans))

    def hold(self) -> Future[Outcome]:
        """Bring a request whose write waits for the gate, and wait until it does."""
        self.store.gate.clear()
        before = self.store.writes
        held = self.take(span(99))
        wait_for(lambda: self.store.writes > before)
        return held

    def stored(self) -> list[str]:
        """Return the numbers of the spans that are stored, sorted."""
        return sorted(str(row[0]).lstrip("0") for row in column(ask(self.store, "spans"), "span_id"))

    def letters(self) -> list[tuple[str, str]]:
        """Return reason and span name of each letter."""
        lines = [line for file in sorted(self.dead.glob("*.jsonl")) for line in file.read_text().splitlines()]
        return [(letter["reason"], letter["span"]["name"]) for letter in map(json.loads, lines)]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """Return a writer at work."""
    made = Parts(tmp_path)
    made.writer.start()
    yield made
    made.store.gate.set()
    made.writer.stop(WAIT_S)
    made.store.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def is_span(*numbers: int) -> Callable[[Vertex | Edge], bool]:
    """Answer what tells the vertices of these spans."""
    ids = set(map(span_id, numbers))
    return lambda item: item.collection == "spans" and str(item.document.get("span_id")) in ids


class TestTogether:
    """Requests that wait at the same time."""

    def test_one_write_for_all_that_wait(self, parts: Parts) -> None:
        """While one group is being written the next gathers; each is one write, and all are answered."""
        held = parts.hold()
        waiting = [parts.take(span(n)) for n in range(1, 11)]
        wait_for(lambda: parts.writer.waiting == 10)
        parts.store.gate.set()
        outcomes = [each.result(WAIT_S) for each in (held, *waiting)]

        assert (outcomes, parts.store.writes, len(parts.stored())) == ([Outcome()] * 11, 2, 11)
        assert parts.writer.written == Written(groups=2, spans_stored=11)

    def test_the_same_span_in_two_requests(self, parts: Parts) -> None:
        """A span that two waiting requests hold is there once."""
        held = parts.hold()
        waiting = [parts.take(span(1), span(2)), parts.take(span(2), span(1))]
        wait_for(lambda: parts.writer.waiting == 2)
        parts.store.gate.set()

        assert ([each.result(WAIT_S) for each in (held, *waiting)], parts.stored()) == (
            [Outcome()] * 3,
            ["1", "2", "63"],
        )

    def test_nothing_to_write(self, parts: Parts) -> None:
        """A request without spans is a success."""
        assert parts.take().result(WAIT_S) == Outcome()


class TestUnavailable:
    """When it cannot be done now."""

    def test_a_store_that_is_down(self, parts: Parts) -> None:
        """While the store is down nobody is told otherwise; when it is back, it is noticed without a request."""
        parts.store.down = True
        with pytest.raises(Unavailable, match="the store is down"):
            parts.take(span(1)).result(WAIT_S)
        while_down = parts.writer.written.store_error
        parts.store.down = False
        wait_for(lambda: parts.health == [False, True])

        assert (while_down, parts.writer.written.store_error) == ("the store is down", None)
        assert (parts.take(span(1)).result(WAIT_S), parts.stored()) == (Outcome(), ["1"])

    def test_a_store_that_is_down_from_the_start(self, tmp_path: Path) -> None:
        """A store that is down when the writer starts is one that will be back."""
        parts = Parts(tmp_path)
        parts.store.down = True
        parts.writer.start()
        with pytest.raises(Unavailable, match="the store is down"):
            parts.take(span(1)).result(WAIT_S)
        parts.store.down = False

        assert parts.take(span(1)).result(WAIT_S) == Outcome()

        parts.writer.stop(WAIT_S)

    def test_a_full_queue(self, parts: Parts) -> None:
        """When as many spans wait as there is room for, the next are refused for now, and the others are not harmed."""
        held = parts.hold()
        waiting = [parts.take(*[span(1)] * 512) for _ in range(QUEUE_SPANS_MAX // 512)]
        wait_for(lambda: parts.writer.waiting == len(waiting))
        with pytest.raises(Unavailable, match=f"{QUEUE_SPANS_MAX} spans are waiting"):
            parts.take(span(50))
        parts.store.gate.set()

        assert [each.result(WAIT_S) for each in (held, *waiting)] == [Outcome()] * (len(waiting) + 1)

    def test_a_queue_that_is_full_of_bytes(self, parts: Parts) -> None:
        """A few spans that are large fill the queue as many small ones do; a single one is always accepted."""
        held = parts.hold()
        large = Decoded((span(1),), size_bytes=QUEUE_BYTES_MAX)
        waiting = parts.writer.take(large)
        with pytest.raises(Unavailable, match="1 spans are waiting"):
            parts.writer.take(large)
        parts.store.gate.set()

        assert [each.result(WAIT_S) for each in (held, waiting)] == [Outcome()] * 2

    def test_cancelled_in_time(self, parts: Parts) -> None:
        """What its client gave up while it waited is not written; what was being written is."""
        held = parts.hold()
        waiting = parts.take(span(1))
        cancelled = [waiting.cancel(), held.cancel()]
        parts.store.gate.set()
        parts.take(span(2)).result(WAIT_S)

        assert (cancelled, held.result(WAIT_S), parts.stored()) == ([True, False], Outcome(), ["2", "63"])

    def test_a_dead_letter_that_cannot_be_written(self, parts: Parts) -> None:
        """What could neither be stored nor kept stays with the client, until it can be."""
        nobody = Decoded((span(1),), (Rejection(span(2, "nobody"), "invalid"),))
        parts.dead.touch()
        with pytest.raises(Unavailable, match="the dead letter cannot be written"):
            parts.writer.take(nobody).result(WAIT_S)
        parts.dead.unlink()

        assert parts.writer.take(nobody).result(WAIT_S) == Outcome(1, "invalid")
        assert (parts.stored(), parts.letters()) == (["1"], [("invalid", "nobody")])


class TestNever:
    """When it can never be done."""

    def test_rejected_before(self, parts: Parts) -> None:
        """What was set aside while decoding is counted and kept; the spans beside it are stored."""
        rejections = tuple(Rejection(span(n, f"nobody {n}"), f"invalid {n}") for n in (7, 8, 9))
        outcome = parts.writer.take(Decoded((span(1),), rejections)).result(WAIT_S)

        assert outcome == Outcome(3, "invalid 7, and 2 more")
        assert (parts.stored(), parts.letters()) == (
            ["1"],
            [("invalid 7", "nobody 7"), ("invalid 8", "nobody 8"), ("invalid 9", "nobody 9")],
        )
        assert parts.writer.written == Written(groups=1, spans_stored=1, spans_rejected=3)

    def test_refused_by_the_store(self, parts: Parts) -> None:
        """A span that the store refuses is its own request's rejection, not that of others in the group."""
        parts.store.refuses = is_span(2)
        held = parts.hold()
        waiting = [parts.take(span(1)), parts.take(span(2, "bad"), span(3))]
        wait_for(lambda: parts.writer.waiting == 2)
        parts.store.gate.set()

        assert [each.result(WAIT_S) for each in (held, *waiting)] == [
            Outcome(),
            Outcome(),
            Outcome(1, "not to my taste"),
        ]
        assert (parts.stored(), parts.letters()) == (["1", "3", "63"], [("not to my taste", "bad")])

    def test_refused_and_shared(self, parts: Parts) -> None:
        """Where the store refuses what spans share, each of them is rejected: it is not stored whole."""
        parts.store.refuses = lambda item: item.key == "session-b"
        outcome = parts.take(span(1), span(2, session="session-b"), span(3, session="session-b")).result(WAIT_S)

        assert outcome == Outcome(2, "not to my taste, and 1 more")

    def test_spans_that_break_the_store(self, parts: Parts) -> None:
        """A span on which the store breaks is found among all of its group, and goes to the dead letter alone."""
        parts.store.breaks = is_span(3, 77)
        held = parts.hold()
        waiting = [parts.take(*(span(n) for n in range(1, 6))), parts.take(*(span(n) for n in range(70, 80)))]
        wait_for(lambda: parts.writer.waiting == 2)
        parts.store.gate.set()
        poison = Outcome(1, "KeyError: 'poison'")

        assert [each.result(WAIT_S) for each in (held, *waiting)] == [Outcome(), poison, poison]
        assert len(parts.stored()) == 1 + 4 + 9
        assert parts.letters() == [("KeyError: 'poison'", "work")] * 2

    def test_a_span_that_breaks_the_mapping(self, parts: Parts) -> None:
        """A span on which the mapping breaks goes to the dead letter alone, and what waits with it is stored."""
        broken = replace(span(2, "broken"), start_ns=None)  # type: ignore[arg-type]  # what the mapping does not expect
        held = parts.hold()
        waiting = [parts.take(span(1), broken, span(3)), parts.take(span(4))]
        wait_for(lambda: parts.writer.waiting == 2)
        parts.store.gate.set()
        outcomes = [each.result(WAIT_S) for each in (held, *waiting)]

        assert [outcome.rejected_spans for outcome in outcomes] == [0, 1, 0]
        assert (parts.stored(), [name for _, name in parts.letters()]) == (["1", "3", "4", "63"], ["broken"])

    def test_what_no_store_can_hold(self, tmp_path: Path) -> None:
        """A span with a text that is none goes to the dead letter alone, though its request was made ready."""
        store = SqliteStore(tmp_path / "graph.db")
        writer = GroupWriter(store, DeadLetter(tmp_path / "dead", time.time), 0, lambda healthy: None)
        writer.start()
        outcome = writer.take(Decoded((span(1), span(2, "\ud800"), span(3)))).result(WAIT_S)
        writer.stop(WAIT_S)

        assert (outcome.rejected_spans, sorted(column(ask(store, "spans"), "span_id"))) == (
            1,
            [(span_id(1),), (span_id(3),)],
        )
        store.close()

    def test_a_dead_letter_that_is_full(self, tmp_path: Path) -> None:
        """What the dead letter has no room for is counted as dropped."""
        dead = DeadLetter(tmp_path / "dead", time.time, bytes_max=10)
        store = FaultyStore(tmp_path / "graph.db")
        writer = GroupWriter(store, dead, 0, lambda healthy: None)
        writer.start()
        outcome = writer.take(Decoded((), (Rejection(span(1), "invalid"),))).result(WAIT_S)
        writer.stop(WAIT_S)

        assert (outcome, writer.written) == (
            Outcome(1, "invalid"),
            Written(groups=1, spans_rejected=1, letters_dropped=1),
        )


class TestStopping:
    """The end."""

    def test_writes_what_waits(self, parts: Parts) -> None:
        """What was accepted before the stop is written and answered."""
        held = parts.hold()
        waiting = [parts.take(span(n)) for n in range(1, 4)]
        wait_for(lambda: parts.writer.waiting == 3)
        threading.Timer(0.05, parts.store.gate.set).start()
        parts.writer.stop(WAIT_S)

        assert (parts.writer.alive(), [each.result(WAIT_S) for each in (held, *waiting)]) == (False, [Outcome()] * 4)

    def test_prunes_when_it_starts(self, tmp_path: Path) -> None:
        """What has expired is removed soon after the start, without anybody asking."""
        store = FaultyStore(tmp_path / "graph.db")
        store.write(mapping.of([span(1)], retention_days=1))
        writer = GroupWriter(store, DeadLetter(tmp_path / "dead", time.time), 0, lambda healthy: None, lambda: 1e12)
        writer.start()
        wait_for(lambda: not ask(store, "spans"))
        writer.stop(WAIT_S)

        assert ask(store, "tree", trace_id=TRACE_A1) == []
