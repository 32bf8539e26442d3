"""What went wrong how often, for `status` and `doctor`."""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cc_otel.journal.database import Database


class Counter(StrEnum):
    """What is counted. Each has a sentence for people; its value is the name in JSON."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "Counter":
        """Make a member of its name and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    EVENTS_LOST = "events_lost", "The spool was full or could not be written: of these events nothing is left."
    EVENTS_FAILED = "events_failed", "These could not be read as events; spool/failed/ keeps them for a week."
    EVENTS_NOT_READ = "events_not_read", "Reading these raised an error, which the log shows; spool/failed/ keeps them."
    EVENTS_NOT_ASSEMBLED = (
        "events_not_assembled",
        "Assembling these raised an error, which the log shows; each has a trace of its own.",
    )
    EVENTS_WITHOUT_EVIDENCE = (
        "events_without_evidence",
        "The transcript could not be asked about these; the log shows the error.",
    )
    ROWS_UNREADABLE = (
        "rows_unreadable",
        "These inputs or unsent spans of the journal were damaged, or three agents died at them; dead/ keeps them.",
    )
    CALLS_NOT_READ = "calls_not_read", "These model calls of transcripts raised an error, which the log shows."
    CALLS_COPIED = (
        "calls_copied",
        "These model calls were copied with another session's history: they are counted there. Nothing is wrong.",
    )
    CALLS_OLDER = (
        "calls_older",
        "These model calls are older than what was recorded of their session. Nothing is wrong.",
    )
    SPANS_WITHOUT_CONTENT = (
        "spans_without_content",
        "Describing these spans raised an error, which the log shows; they were sent without content.",
    )
    SPANS_WITHOUT_SUMMARY = (
        "spans_without_summary",
        "Summarising these spans raised an error, which the log shows; they carry their event's name.",
    )
    SPANS_GIVEN_UP = "spans_given_up", "The journal was over its limit: these unsent spans were dropped, oldest first."
    SPANS_BURIED = "spans_buried", "The receiver can never take these spans; dead/ keeps them for a week."
    BURIED_SPANS_REMOVED = "buried_spans_removed", "These spans in dead/ were older than a week or over 64 MiB."
    JOURNALS_SET_ASIDE = (
        "journals_set_aside",
        "The journal was damaged: it is kept beside the new one for a week, and `cc-otel replay` reads it.",
    )


HARMLESS = frozenset({Counter.CALLS_COPIED, Counter.CALLS_OLDER})
"""What is counted so that nothing is missing without a word, and is no fault."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened, the first time and the last (ns)."""

    count: int
    first_ns: int
    last_ns: int


class Counters:
    """The counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, what: Counter, by: int = 1, at_ns: int | None = None) -> None:
        """Add to a count. ``at_ns`` is when it happened; now, unless given."""
        at_ns = time.time_ns() if at_ns is None else at_ns
        with self._database.transaction() as db:
            add_in(db, what, by, at_ns, at_ns)

    def all(self) -> Mapping[str, Count]:
        """Return all counts, by name: a later version may have counted what this one does not know."""
        return {what: Count(*rest) for what, *rest in self._database.all("SELECT * FROM counts ORDER BY what")}


def add_in(db: sqlite3.Connection, what: Counter, by: int, first_ns: int, last_ns: int) -> None:
    """Add to a count within the caller's transaction."""
    db.execute(
        "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT (what) DO UPDATE SET count = count + excluded.count,"
        " first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns)",
        (what.value, by, first_ns, last_ns),
    )
