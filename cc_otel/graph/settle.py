"""
Keeps the derived edges of sessions as their spans say.

It follows the change feed, and derives a session again when it was quiet for a moment, or at most every so often. What
is stored comes first: a look at the feed, the derivation of a session and its write are each made only while no request
waits to be written, and it rests as long as it worked. An end at any moment loses nothing: the kept place in the feed
is one before which every session was settled, and to settle a session twice changes nothing.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cc_otel.complaints import Complaints
from cc_otel.files import write_whole
from cc_otel.graph.derived.calls import Call
from cc_otel.graph.derived.derive import derive
from cc_otel.graph.derived.reading import call_of
from cc_otel.graph.store import START, Cursor, Edge, Json, Query, StoreUnavailable

log = logging.getLogger(__name__)

QUIET_S: Final = 1.0
"""How long nothing of a session must have been stored before it is derived."""

EVERY_S: Final = 10.0
"""How long a session that is never quiet waits at most, and twenty times what deriving it took the last time."""

_EVERY_TIMES: Final = 20
LOOK_S: Final = 0.5
LOOK_UNASKED_S: Final = 15.0
"""How often it looks at the feed after something was written, and where nobody here wrote: others may have, s."""

YIELD_S: Final = 0.05
YIELD_MAX_S: Final = 5.0
"""How long it waits at once while requests wait to be written, and in all before it works beside them, s."""

AGAIN_S: Final = 5.0
"""How long it leaves a store alone that was unavailable, s."""

LINEAGE_MAX: Final = 64
"""How many sessions that go on with one another are derived together."""

CALLS_MAX: Final = 100_000
"""How many calls of a lineage are held, the first ones."""


class DerivedStore(Protocol):
    """What a graph store has to do for derived edges: see `GraphStore`."""

    def query(self, query: Query) -> Iterator[dict[str, Json]]:
        """See `GraphStore`."""

    def changes(self, after: Cursor, limit: int = ...) -> tuple[Sequence[dict[str, Json]], Cursor]:
        """See `GraphStore`."""

    def replace_derived(self, session_id: str, edges: Sequence[Edge]) -> int:
        """See `GraphStore`."""


def settle(store: DerivedStore, session_id: str) -> int:
    """Derive the edges of one session anew; return how many changed. It reads that session and those that go on."""
    later = _later_of(store, session_id)
    calls: list[Call] = []
    for session in (session_id, *later):
        for row in store.query(Query("calls", {"session_id": session})):
            if len(calls) >= CALLS_MAX:
                break
            calls.append(call_of(row))
    return store.replace_derived(session_id, derive(calls, {session_id: later}, session_id))


def settle_all(store: DerivedStore) -> int:
    """Derive the edges of all sessions that are stored; return how many changed."""
    sessions: set[str] = set()
    cursor = START
    while True:
        rows, cursor = store.changes(cursor)
        sessions.update(_sessions_in(rows))
        if not rows:
            return sum(settle(store, session) for session in sorted(sessions))


def affected_by(store: DerivedStore, session_id: str) -> list[str]:
    """Return the sessions whose edges a session's calls may change: it, and those that it goes on with."""
    return [session_id, *_lineage(store, session_id, later=False)]


def _later_of(store: DerivedStore, session_id: str) -> list[str]:
    return _lineage(store, session_id, later=True)


def _lineage(store: DerivedStore, session_id: str, *, later: bool) -> list[str]:
    """Return the sessions on one side of a session, near ones first. Links may go round."""
    found = [session_id]
    for session in found:
        for row in store.query(Query("session_links", {"session_id": session})):
            other = row["session_id"]
            if isinstance(other, str) and bool(row["later"]) == later and other not in found:
                found.append(other)
        if len(found) > LINEAGE_MAX:
            break
    return found[1 : LINEAGE_MAX + 1]


def _sessions_in(rows: Sequence[Mapping[str, Json]]) -> set[str]:
    return {session for row in rows if isinstance(session := row["session_id"], str) and session}


@dataclass(slots=True)
class _Unsettled:
    """A session of which something was stored: since when, when last, and the place in the feed before that."""

    since_s: float
    last_s: float
    before: "Place"


@dataclass(frozen=True, slots=True)
class Place:
    """
    A place in the feed, and the span that stands there: gone, it is the feed of another store.

    ``number`` counts the looks since the start: a cursor says nothing of the order.
    """

    cursor: Cursor = START
    trace_id: str = ""
    span_id: str = ""
    number: int = 0

    @classmethod
    def read(cls, path: Path) -> "Place":
        """Return the place that was kept; the beginning where none was."""
        try:
            told = json.loads(path.read_bytes())
            return cls(Cursor(str(told["cursor"])), str(told["trace_id"]), str(told["span_id"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def keep(self, path: Path) -> None:
        """Write it down. Where that fails some sessions are derived once more."""
        told = {"cursor": self.cursor, "trace_id": self.trace_id, "span_id": self.span_id}
        with suppress(OSError):
            write_whole(path, json.dumps(told).encode())


class Settler:
    """
    Settles the sessions of a store in a thread of its own.

    ``place`` is the file that keeps how far it has come. ``waiting`` says how many requests wait to be written, and
    ``written`` how many spans were so far.
    """

    def __init__(
        self,
        store: DerivedStore,
        place: Path,
        waiting: Callable[[], int] = lambda: 0,
        written: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._path = place
        self._waiting = waiting
        self._written = written
        self._clock = clock
        self._unsettled: dict[str, _Unsettled] = {}
        self._took_s: dict[str, float] = {}
        self._place: Place | None = None
        self._kept: Place | None = None
        self._looked_s, self._looked_written = -LOOK_UNASKED_S, -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graph-settler", daemon=True)
        self._complaints = Complaints()

    @property
    def unsettled(self) -> int:
        """How many sessions are known to wait for their derived edges."""
        return len(self._unsettled)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End after what is being done; return whether it has ended within ``timeout_s`` seconds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def finish(self, time_s: float) -> None:
        """Settle what is left after `stop`, for at most ``time_s`` seconds; the next start goes on from there."""
        until_s = self._clock() + time_s
        with suppress(StoreUnavailable):
            while self._clock() < until_s and self._look(self._clock()):
                pass
            while self._unsettled and self._clock() < until_s:
                self._settle(next(iter(self._unsettled)))

    def step(self) -> bool:
        """Look at the feed or settle one session, if it is time; return whether there was anything to do."""
        now_s = self._clock()
        if self._is_time_to_look(now_s):
            return self._look(now_s)
        due = self._due(now_s)
        if due is None:
            return False
        self._settle(due)
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            began_s = self._clock()
            rest_s = LOOK_S / 2
            try:
                self._give_way()
                if not self._stop.is_set() and self.step():
                    rest_s = min(self._clock() - began_s, YIELD_MAX_S)
            except StoreUnavailable as error:
                if self._complaints.due("store"):
                    log.warning("sessions wait for their derived edges: %s", error)
                rest_s = AGAIN_S
            except Exception:
                # One session that cannot be derived must not stop the others, nor the exporter.
                log.exception("a session could not be derived")
            self._stop.wait(rest_s)

    def _give_way(self) -> None:
        until_s = self._clock() + YIELD_MAX_S
        while self._waiting() and self._clock() < until_s and not self._stop.is_set():
            self._stop.wait(YIELD_S)

    def _is_time_to_look(self, now_s: float) -> bool:
        since_s = now_s - self._looked_s
        return since_s >= LOOK_UNASKED_S or (since_s >= LOOK_S and self._written() != self._looked_written)

    def _look(self, now_s: float) -> bool:
        written = self._written()
        place = self._place or self._found_place()
        rows, cursor = self._store.changes(place.cursor)
        if rows:
            self._place = Place(cursor, str(rows[-1]["trace_id"]), str(rows[-1]["span_id"]), place.number + 1)
            for session in _sessions_in(rows):
                known = self._unsettled.setdefault(session, _Unsettled(now_s, now_s, place))
                known.last_s = now_s
        else:
            # All has been seen: the next look is made when something is written.
            self._place = place
            self._looked_s, self._looked_written = now_s, written
        self._keep()
        return bool(rows)

    def _found_place(self) -> Place:
        place = Place.read(self._path)
        if place.trace_id:
            at = {"trace_id": place.trace_id, "span_id": place.span_id}
            if next(self._store.query(Query("span", at)), None) is None:
                return Place()
        return place

    def _due(self, now_s: float) -> str | None:
        for session, known in self._unsettled.items():
            most_s = max(EVERY_S, _EVERY_TIMES * self._took_s.get(session, 0.0))
            if now_s - known.last_s >= QUIET_S or now_s - known.since_s >= most_s:
                return session
        return None

    def _settle(self, session: str) -> None:
        began_s = self._clock()
        # Taken off first: what is stored meanwhile puts it back.
        known = self._unsettled.pop(session)
        try:
            for each in affected_by(self._store, session):
                settle(self._store, each)
        except StoreUnavailable:
            self._unsettled.setdefault(session, known)
            raise
        took_s = self._clock() - began_s
        self._took_s = {**dict(list(self._took_s.items())[-256:]), session: took_s}
        self._keep()

    def _keep(self) -> None:
        """Keep the place before which all sessions are settled."""
        safe = min((it.before for it in self._unsettled.values()), key=lambda it: it.number, default=self._place)
        if safe is not None and safe != self._kept:
            safe.keep(self._path)
            self._kept = safe
