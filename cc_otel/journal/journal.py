"""
What the agent must not forget: the inputs of the assembler, and the spans that nobody has acknowledged yet.

One SQLite file, WAL, ``synchronous=FULL``: what a transaction has committed survives kill -9. An input is taken in
once, by the digest of the file it came in; it gets its place in the order (``seq``) when it is assembled. Telling
a session's inputs again in that order rebuilds the assembler's state, so nothing else is kept of it
(docs/decisions/0001-journal-of-inputs.md).
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cc_otel.journal.file import is_damage, mark_damaged, open_file, open_sound, open_to_read
from cc_otel.journal.retention import NEVER_NS, SESSIONS_UNHEARD_SINCE, forget_session, give_up_traces
from cc_otel.span import EncodedSpan

log = logging.getLogger(__name__)

DIGESTS_MAX: Final = 1000
GIVE_UP_SHARE: Final = 0.1
"""How much of the limit is made free when it is reached."""
_MEND: Final = " (the agent sets a damaged journal aside when it starts)"
STUCK_S: Final = 60.0
"""Where nothing could be made free, it is tried again after this long."""
FORGET_EVERY_NS: Final = 600_000_000_000
"""How often is looked for old sessions: it takes a look at every one, and they go after days."""


class JournalUnavailable(Exception):
    """The journal cannot be read or written now: its disk is full, or its file is locked or gone."""


class JournalBroken(Exception):
    """The file is damaged, and its owner cannot go on. Opened by its owner again, it is set aside."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as it is taken in: ``fields`` are the assembler's, ``content`` the redacted rest. ``clock_ns``: ns."""

    digest: str
    session: str
    clock_ns: int
    fields: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Input:
    """A recorded input of the assembler."""

    id: int
    fields: bytes
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """
    An input that the assembler was told: an event by its ``id``, or a signal, which gets its row now (``id`` 0).

    ``fields`` replace those it arrived with, for evidence that was gathered since.
    """

    id: int
    session: str
    clock_ns: int
    fields: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A finished span on its way to the outbox, and the session it is forgotten with."""

    session: str
    start_ns: int
    parcel: EncodedSpan


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened, the first time and the last (ns)."""

    count: int
    first_ns: int
    last_ns: int


class Journal:
    """The agent's only state. One process at a time may write it; any may read."""

    def __init__(self, path: Path, *, owner: bool = False, read_only: bool = False) -> None:
        """
        Open the journal at ``path``, or make it. For its ``owner`` a damaged one is set aside, counted, and made anew.

        ``read_only`` writes nothing to its disk, which may be full: the journal has to be there, and stays as it is.

        Raises:
            JournalUnavailable: it cannot be opened, or was written by a newer version.

        """
        self._lock = threading.RLock()
        self._path = path
        self._owner = owner
        self._forgot_ns = -FORGET_EVERY_NS
        self._stuck_until_s = 0.0
        aside: Path | None = None
        try:
            if read_only:
                self._db, self._seq = open_to_read(path), 0
            else:
                self._db, self._seq, aside = open_sound(path) if owner else (*open_file(path), None)
        except sqlite3.DatabaseError as error:
            hint = _MEND if is_damage(error) else ""
            raise JournalUnavailable(f"{path}: {error}{hint}") from error
        if aside:
            log.error("the journal was damaged: it is kept as %s for a while, what was not sent is lost", aside)
            self.count("journals_set_aside")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    # Taking in

    def take_in(self, arrivals: Iterable[Arrival]) -> int:
        """Record events in one transaction; give how many were new. Those known by their digest change nothing."""
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO inputs (digest, session, clock_ns, fields, content) VALUES (?, ?, ?, ?, ?)",
                ((a.digest, a.session, a.clock_ns, a.fields, a.content) for a in arrivals),
            )
            return db.total_changes - before

    def known(self, digests: Sequence[str]) -> set[str]:
        """Give those digests that events were taken in by."""
        found: set[str] = set()
        for start in range(0, len(digests), DIGESTS_MAX):
            some = digests[start : start + DIGESTS_MAX]
            marks = ",".join("?" * len(some))
            found.update(row[0] for row in self._all(f"SELECT digest FROM inputs WHERE digest IN ({marks})", *some))  # noqa: S608 - marks only
        return found

    # Assembling

    def pending(self, before_ns: int, count_max: int) -> list[Input]:
        """Give inputs that wait to be assembled and are older than that, in the order of their clocks."""
        rows = self._all(
            "SELECT id, fields, content FROM inputs WHERE seq IS NULL AND clock_ns < ? ORDER BY clock_ns, id LIMIT ?",
            before_ns,
            count_max,
        )
        return [Input(*row) for row in rows]

    def told(self, session: str) -> Iterator[Input]:
        """Give what the assembler was told of a session, in order."""
        rows = self._all("SELECT id, fields FROM inputs WHERE session = ? AND seq IS NOT NULL ORDER BY seq", session)
        return (Input(*row) for row in rows)

    def last_events(self, since_ns: int, count_max: int) -> list[Input]:
        """Give the last assembled hook event of each session that told one since then, the latest of them."""
        # SQLite: beside a max() stand the other columns of its row. Signals have no digest.
        rows = self._all(
            "SELECT id, fields, max(seq) FROM inputs WHERE clock_ns >= ? AND seq IS NOT NULL"
            " AND digest NOT LIKE 'chat %' GROUP BY session ORDER BY max(seq) DESC LIMIT ?",
            since_ns,
            count_max,
        )
        return [Input(event_id, fields) for event_id, fields, _ in rows]

    def live_sessions(self) -> list[str]:
        """Give the sessions with assembled inputs whose spans have not all been encoded."""
        rows = self._all(
            "SELECT DISTINCT session FROM inputs WHERE content IS NOT NULL AND seq IS NOT NULL ORDER BY session"
        )
        return [session for (session,) in rows]

    def live(self) -> list[Input]:
        """Give the assembled inputs whose spans have not been encoded, without their content."""
        rows = self._all("SELECT id, fields FROM inputs WHERE content IS NOT NULL AND seq IS NOT NULL ORDER BY seq")
        return [Input(*row) for row in rows]

    def contents(self, ids: Sequence[int]) -> dict[int, bytes]:
        """Give the content of inputs, where it is still kept."""
        marks = ",".join("?" * len(ids))
        rows = self._all(f"SELECT id, content FROM inputs WHERE id IN ({marks}) AND content IS NOT NULL", *ids)  # noqa: S608 - marks only
        return dict(rows)

    def commit(self, told: Iterable[Told], outgoing: Iterable[Outgoing], done: Iterable[int]) -> None:
        """
        Record one stretch of assembling in one transaction.

        The inputs told get their place in the order, the spans enter the outbox unless they were there before, and
        the inputs in ``done`` lose their content: every span that needs it has been encoded.
        """
        with self._transaction() as db:
            seq = self._seq
            for item in told:
                seq += 1
                if item.id:
                    db.execute("UPDATE inputs SET seq = ?, fields = ? WHERE id = ?", (seq, item.fields, item.id))
                else:
                    db.execute(
                        "INSERT INTO inputs (session, clock_ns, seq, fields) VALUES (?, ?, ?, ?)",
                        (item.session, item.clock_ns, seq, item.fields),
                    )
            db.executemany(
                "INSERT OR IGNORE INTO outbox (span_id, trace_id, session, start_ns, resource, span)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (o.parcel.span_id, o.parcel.trace_id, o.session, o.start_ns, o.parcel.resource, o.parcel.span)
                    for o in outgoing
                ),
            )
            db.executemany("UPDATE inputs SET content = NULL WHERE id = ?", ((event_id,) for event_id in done))
        self._seq = seq

    # The outbox

    def waiting(self, spans_max: int, bytes_max: int) -> list[EncodedSpan]:
        """Give the oldest spans that nobody has acknowledged, at least one and within these limits."""
        parcels: list[EncodedSpan] = []
        size = 0
        with self._lock:
            # Row by row: a span may have a MiB.
            for row in self._rows(
                "SELECT trace_id, span_id, resource, span FROM outbox WHERE span IS NOT NULL ORDER BY number LIMIT ?",
                spans_max,
            ):
                parcel = EncodedSpan(*row)
                size += len(parcel.span)
                if parcels and size > bytes_max:
                    break
                parcels.append(parcel)
        return parcels

    def acknowledge(self, parcels: Sequence[EncodedSpan]) -> None:
        """Let go of spans that a receiver has stored. Their ids stay, so that they are not encoded again."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE outbox SET span = NULL, resource = NULL WHERE span_id = ?", ((p.span_id,) for p in parcels)
            )

    def backlog(self) -> tuple[int, int]:
        """Give how many events wait to be assembled and how many spans to be acknowledged."""
        events = self._one("SELECT count(*) FROM inputs WHERE seq IS NULL")
        spans = self._one("SELECT count(*) FROM outbox WHERE span IS NOT NULL")
        return events, spans

    def heard_since(self, since_ns: int) -> bool:
        """Whether any event happened after that time."""
        return self._one("SELECT coalesce(max(clock_ns), 0) FROM inputs") > since_ns

    # Limits

    def give_up(self, bytes_max: int) -> int:
        """
        Where the journal has outgrown the limit, make a tenth of it free; give how many spans that cost.

        First sessions that owe nothing are forgotten, those heard of longest ago first. Only if that is not enough,
        and if the outbox holds that tenth, whole traces are given up, the oldest first. They are counted as
        ``spans_given_up``, with the times of the first and the last of them.
        """
        if self.size_bytes() <= bytes_max or time.monotonic() < self._stuck_until_s:
            return 0
        room = int(bytes_max * GIVE_UP_SHARE)
        forgotten = self._forget(NEVER_NS, bytes_max - room)
        given_up = self._give_up_traces(room) if self.size_bytes() > bytes_max else 0
        if not forgotten and not given_up:
            self._stuck_until_s = time.monotonic() + STUCK_S
            log.warning("the journal is over its limit of %d bytes, by what is still open", bytes_max)
        self._shrink()
        return given_up

    def _give_up_traces(self, goal_bytes: int) -> int:
        with self._transaction() as db:
            spans, first_ns, last_ns = give_up_traces(db, goal_bytes)
            if spans:
                _count(db, "spans_given_up", spans, first_ns, last_ns)
        return spans

    def forget(self, before_ns: int) -> int:
        """
        Forget the sessions that were last heard of before that time and owe nothing; give how many.

        Called more often than every `FORGET_EVERY_NS` of that time, it does nothing.
        """
        if abs(before_ns - self._forgot_ns) < FORGET_EVERY_NS:
            return 0
        self._forgot_ns = before_ns
        forgotten = self._forget(before_ns, 0)
        self._shrink()
        return forgotten

    def _forget(self, before_ns: int, bytes_min: int) -> int:
        """Forget sessions that owe nothing, the longest unheard of first, until the journal is as small as that."""
        forgotten = 0
        for (session,) in self._all(SESSIONS_UNHEARD_SINCE, before_ns):
            if self.size_bytes() <= bytes_min:
                break
            # One at a time, so that nobody waits for all.
            with self._transaction() as db:
                forgotten += forget_session(db, session)
        return forgotten

    def _shrink(self) -> None:
        try:
            with self._lock:
                # It frees a page a step, and only a script is stepped to its end.
                self._db.executescript("PRAGMA incremental_vacuum")
        except sqlite3.DatabaseError as error:
            raise self._known(error) from error

    def size_bytes(self) -> int:
        """Give how much of the disk the journal's data needs, free pages aside."""
        pages = self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")
        return pages * self._one("PRAGMA page_size")

    # Counts and notes, for `status`

    def count(self, what: str, by: int = 1, at_ns: int | None = None) -> None:
        """Add to a count. ``at_ns`` is the time of what is counted; now, unless given."""
        at_ns = time.time_ns() if at_ns is None else at_ns
        with self._transaction() as db:
            _count(db, what, by, at_ns, at_ns)

    def counts(self) -> Mapping[str, Count]:
        """Give all counts."""
        return {what: Count(*rest) for what, *rest in self._all("SELECT * FROM counts ORDER BY what")}

    def note(self, name: str, value: str) -> None:
        """Keep a text under a name, for others to read while the agent runs."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def notes(self) -> Mapping[str, str]:
        """Give all texts kept."""
        return dict(self._all("SELECT name, value FROM notes"))

    # SQLite

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError):
                    raise self._known(error) from error
                raise

    def _all(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return list(self._rows(sql, *parameters))

    def _rows(self, sql: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, parameters)
        except sqlite3.DatabaseError as error:
            raise self._known(error) from error

    def _known(self, error: sqlite3.DatabaseError) -> Exception:
        """Give an error of SQLite as our callers know it."""
        if is_damage(error):
            if not self._owner:
                return JournalUnavailable(f"{self._path}: {error}{_MEND}")
            mark_damaged(self._path)
            log.error("%s: %s; this agent ends, and the next one sets it aside and begins anew", self._path, error)
            return JournalBroken(f"{self._path}: {error}")
        return JournalUnavailable(f"{self._path}: {error}") if isinstance(error, sqlite3.OperationalError) else error

    def _one(self, sql: str, *parameters: object) -> int:
        return int(self._all(sql, *parameters)[0][0])


def _count(db: sqlite3.Connection, what: str, by: int, first_ns: int, last_ns: int) -> None:
    db.execute(
        "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT (what) DO UPDATE SET count = count + excluded.count,"
        " first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns)",
        (what, by, first_ns, last_ns),
    )
