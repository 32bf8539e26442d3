"""How the journal makes room: what may be deleted, and in which order."""

import logging
import sqlite3
import time
from typing import Final

from cc_otel.journal.counters import Counter, add_in
from cc_otel.journal.database import Database

log = logging.getLogger(__name__)

NEVER_NS: Final = (1 << 63) - 1
GIVE_UP_SHARE: Final = 0.1
"""How much of the limit is made free when it is reached."""

STUCK_S: Final = 60.0
"""Where nothing could be made free, it is tried again after this long."""

FORGET_EVERY_NS: Final = 600_000_000_000
"""How often old sessions are looked for: it takes a look at every one, and they go after days."""

FORGOTTEN_NS_MAX: Final = 60 * 86_400 * 1_000_000_000
"""How long the id of a forgotten session is kept: an event may come after all, and its span ids were sent before."""

FORGOTTEN_MAX: Final = 100_000
"""How many ids of forgotten sessions are kept: some 60 bytes each, and no user has had as many in 60 days."""

_KEPT: Final = (
    "(EXISTS (SELECT 1 FROM inputs WHERE session = sessions.id)"
    " OR EXISTS (SELECT 1 FROM spans WHERE session = sessions.id))"
)
"""Whether more is known of a session than its id: one that was forgotten may have come back."""

_HEARD_BEFORE: Final = f"SELECT id FROM sessions WHERE heard_ns < ? AND {_KEPT} ORDER BY heard_ns"  # noqa: S608 - our own text
_OWES: Final = (
    "SELECT EXISTS ("
    "SELECT 1 FROM inputs WHERE session = ?1 AND seq IS NULL"
    " UNION ALL SELECT 1 FROM inputs AS i JOIN contents AS c ON c.id = i.id WHERE i.session = ?1"
    " UNION ALL SELECT 1 FROM outbox WHERE session = ?1)"
)


class Retention:
    """Decides what the journal deletes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._forgot_ns = -FORGET_EVERY_NS
        self._stuck_until_s = 0.0

    def give_up(self, bytes_max: int) -> int:
        """
        Where the journal is over its limit, make a tenth of it free. Return how many spans that cost.

        First sessions that owe nothing are forgotten, the least recently heard of first. Only if that is not enough,
        and if the outbox holds that tenth, whole traces are dropped, the oldest first. They are counted as
        ``spans_given_up``, with the times of the first and the last of them.
        """
        if self._database.size_bytes() <= bytes_max or time.monotonic() < self._stuck_until_s:
            return 0
        room = int(bytes_max * GIVE_UP_SHARE)
        forgotten = self._forget(NEVER_NS, bytes_max - room, time.time_ns())
        given_up = self._drop_traces(room) if self._database.size_bytes() > bytes_max else 0
        if not forgotten and not given_up:
            self._stuck_until_s = time.monotonic() + STUCK_S
            log.warning("the journal is over its limit of %d bytes, by what is still open", bytes_max)
        self._database.shrink()
        return given_up

    def forget(self, before_ns: int, now_ns: int) -> int:
        """
        Forget the sessions that were last heard of before that time and owe nothing. Return how many.

        Called more often than every `FORGET_EVERY_NS` of that time, it does nothing.
        """
        if abs(before_ns - self._forgot_ns) < FORGET_EVERY_NS:
            return 0
        self._forgot_ns = before_ns
        forgotten = self._forget(before_ns, 0, now_ns)
        with self._database.transaction() as db:
            db.execute("DELETE FROM resources WHERE id NOT IN (SELECT resource FROM outbox)")
            _delete_forgotten(db, now_ns - FORGOTTEN_NS_MAX)
        self._database.shrink()
        return forgotten

    def _forget(self, before_ns: int, bytes_min: int, now_ns: int) -> int:
        """Forget sessions that owe nothing, the least recently heard of first, until the journal is that small."""
        forgotten = 0
        for (session,) in self._database.all(_HEARD_BEFORE, before_ns):
            if self._database.size_bytes() <= bytes_min:
                break
            # One at a time, so that nothing waits for all.
            with self._database.transaction() as db:
                forgotten += forget_session(db, session, now_ns)
        return forgotten

    def _drop_traces(self, goal_bytes: int) -> int:
        with self._database.transaction() as db:
            spans, first_ns, last_ns = drop_traces(db, goal_bytes)
            if spans:
                add_in(db, Counter.SPANS_GIVEN_UP, spans, first_ns, last_ns)
        return spans


def forget_session(db: sqlite3.Connection, session: int, now_ns: int) -> bool:
    """Delete a session but for its id, unless something of it is to be assembled, encoded or acknowledged."""
    if db.execute(_OWES, (session,)).fetchone()[0]:
        return False
    for table in ("inputs", "spans", "open_spans"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (session,))  # noqa: S608 - our own names
    db.execute("UPDATE sessions SET forgotten_ns = ? WHERE id = ?", (now_ns, session))
    return True


def _delete_forgotten(db: sqlite3.Connection, before_ns: int) -> None:
    """Delete the ids of sessions that were forgotten before that time, and the oldest beyond `FORGOTTEN_MAX`."""
    db.execute(
        f"DELETE FROM sessions WHERE NOT {_KEPT} AND (coalesce(forgotten_ns, 0) < ? OR id IN"  # noqa: S608 - our own text
        " (SELECT id FROM sessions ORDER BY forgotten_ns DESC LIMIT -1 OFFSET ?))",
        (before_ns, FORGOTTEN_MAX),
    )


def drop_traces(db: sqlite3.Connection, goal_bytes: int) -> tuple[int, int, int]:
    """
    Drop whole traces, the oldest first, until as many bytes of spans are freed; nothing if there are not as many.

    Return how many spans were dropped, and when the first and the last of them began (ns).
    """
    # Oldest first: a trace stands where its first waiting span does.
    traces = db.execute(
        "SELECT trace_id, count(*), sum(size_bytes), min(start_ns), max(start_ns) FROM outbox"
        " GROUP BY trace_id ORDER BY min(number)"
    ).fetchall()
    if sum(size for _, _, size, _, _ in traces) < goal_bytes:
        # It is not what waits that takes the room: to lose it would not help.
        return 0, 0, 0
    freed = spans = 0
    times: list[int] = []
    for trace_id, count, size, first_ns, last_ns in traces:
        if freed >= goal_bytes:
            break
        db.execute("DELETE FROM outbox WHERE trace_id = ?", (trace_id,))
        freed, spans = freed + size, spans + count
        times += [first_ns, last_ns]
    return spans, min(times, default=0), max(times, default=0)
