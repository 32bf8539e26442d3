"""Removing a session from the journal for good: what it was told, what is open, and what is not delivered yet."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from cc_otel.journal.database import Database

TABLES: Final = ("inputs", "spans", "open_spans", "outbox")
"""The tables with rows of a session; contents belong to inputs."""


def erase(database: Database, session_ids: Sequence[str], *, dry_run: bool = False) -> Counter[str]:
    """
    Remove sessions, or count what would be removed. Return how many inputs, contents and undelivered spans.

    What is deleted is overwritten.

    Raises:
        JournalUnavailable: it cannot be read or written now.

    """
    counts: Counter[str] = Counter(dict.fromkeys(("inputs", "contents", "outbox"), 0))
    if dry_run:
        for session_id in session_ids:
            counts.update(_counted(database, session_id))
        return counts
    database.overwrite_deleted()
    with database.transaction() as db:
        for session_id in session_ids:
            counts.update(_counted(database, session_id))
            found = db.execute("SELECT id FROM sessions WHERE name = ?", (session_id,)).fetchone()
            if found is None:
                continue
            db.execute("DELETE FROM contents WHERE id IN (SELECT id FROM inputs WHERE session = ?)", found)
            for table in TABLES:
                db.execute(f"DELETE FROM {table} WHERE session = ?", found)  # noqa: S608 - our own names
            db.execute("DELETE FROM sessions WHERE id = ?", found)
        db.execute("DELETE FROM resources WHERE id NOT IN (SELECT resource FROM outbox)")
    database.shrink()
    database.empty_log()
    return counts


def _counted(database: Database, session_id: str) -> dict[str, int]:
    session = "(SELECT id FROM sessions WHERE name = ?)"
    of_session = f"SELECT count(*) FROM inputs WHERE session = {session}"  # noqa: S608 - our own text
    return {
        "inputs": database.one(of_session, session_id),
        "contents": database.one(
            f"SELECT count(*) FROM contents WHERE id IN (SELECT id FROM inputs WHERE session = {session})",  # noqa: S608
            session_id,
        ),
        "outbox": database.one(f"SELECT count(*) FROM outbox WHERE session = {session}", session_id),  # noqa: S608
    }
