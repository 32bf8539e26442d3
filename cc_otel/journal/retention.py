"""How the journal makes room: what may go, and in which order. Each function works in its caller's transaction."""

import sqlite3
from typing import Final

NEVER_NS: Final = (1 << 63) - 1
SESSIONS_UNHEARD_SINCE: Final = (
    "SELECT session FROM inputs GROUP BY session HAVING max(clock_ns) < ? ORDER BY max(clock_ns)"
)
"""The sessions that were last heard of before a time (ns), the longest ago first. The index answers it alone."""

_OWES: Final = (
    "SELECT EXISTS ("
    "SELECT 1 FROM inputs WHERE session = ?1 AND seq IS NULL"
    " UNION ALL SELECT 1 FROM inputs WHERE session = ?1 AND content IS NOT NULL"
    " UNION ALL SELECT 1 FROM outbox WHERE session = ?1 AND span IS NOT NULL)"
)


def forget_session(db: sqlite3.Connection, session: str) -> bool:
    """Forget a session unless something of it is to be assembled, encoded or acknowledged; give whether it went."""
    if db.execute(_OWES, (session,)).fetchone()[0]:
        return False
    db.execute("DELETE FROM inputs WHERE session = ?", (session,))
    db.execute("DELETE FROM outbox WHERE session = ?", (session,))
    return True


def give_up_traces(db: sqlite3.Connection, goal_bytes: int) -> tuple[int, int, int]:
    """
    Give up whole traces, the oldest first, until as many bytes of spans are freed; nothing if there are not as many.

    Give how many spans were given up, and when the first and the last of them began (ns).
    """
    # Oldest first: a trace stands where its first waiting span does.
    traces = db.execute(
        "SELECT trace_id, count(*), sum(length(span)), min(start_ns), max(start_ns) FROM outbox"
        " WHERE span IS NOT NULL GROUP BY trace_id ORDER BY min(number)"
    ).fetchall()
    if sum(size for _, _, size, _, _ in traces) < goal_bytes:
        # It is not what waits that takes the room: to lose it would not help.
        return 0, 0, 0
    freed = spans = 0
    times: list[int] = []
    for trace_id, count, size, first_ns, last_ns in traces:
        if freed >= goal_bytes:
            break
        db.execute("UPDATE outbox SET span = NULL, resource = NULL WHERE trace_id = ?", (trace_id,))
        freed, spans = freed + size, spans + count
        times += [first_ns, last_ns]
    return spans, min(times, default=0), max(times, default=0)
