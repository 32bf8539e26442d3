"""What no receiver knows yet: the spans that go on or wait, kept up to date by the agent for others to read."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cc_otel.journal.database import Database
from cc_otel.journal.inputs import session_ids


class OpenState(StrEnum):
    """
    Why a span is not in the outbox yet.

    Open: it goes on. Undecided: it belongs to an agent whose launching call is not proven yet, and stands at its
    caller. Summary: it is over and waits for its summary.
    """

    OPEN = "open"
    UNDECIDED = "undecided"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span in the making: the inputs it is made of, by id, and ``draft``, the rest of it as the agent writes it."""

    span_id: str
    session: str
    start_ns: int
    state: OpenState
    event_id: int
    closer_id: int | None
    draft: bytes


class OpenSpans:
    """The open spans of all sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def kept(self) -> bool:
        """Whether the journal has them: version 1 did not."""
        return self._database.version > 1

    def clear(self) -> None:
        """Delete all of them: the agent writes them anew when it starts."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM open_spans")

    def all(self) -> list[OpenSpan]:
        """Return all of them, those of a session together, the earlier before the later."""
        rows = self._database.all(
            "SELECT o.span_id, s.name, o.start_ns, o.state, o.event_id, o.closer_id, o.draft FROM open_spans AS o"
            " JOIN sessions AS s ON s.id = o.session ORDER BY s.name, o.start_ns, o.event_id"
        )
        return [
            OpenSpan(span_id, session, start_ns, OpenState(state), event_id, closer_id, draft)
            for span_id, session, start_ns, state, event_id, closer_id, draft in rows
            if state in set(OpenState)
        ]


def change_open(db: sqlite3.Connection, opened: Sequence[OpenSpan], gone: Iterable[str]) -> None:
    """Add or replace open spans and delete others, by their ids, within the caller's transaction."""
    sessions = session_ids(db, {span.session: 0 for span in opened})
    db.executemany("DELETE FROM open_spans WHERE span_id = ?", ((span_id,) for span_id in gone))
    db.executemany(
        "INSERT OR REPLACE INTO open_spans VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                span.span_id,
                sessions[span.session],
                span.start_ns,
                span.state.value,
                span.event_id,
                span.closer_id,
                span.draft,
            )
            for span in opened
        ),
    )
