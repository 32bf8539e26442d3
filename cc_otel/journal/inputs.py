"""The inputs of the assembler: taken in once, assembled in order, read again in that order."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cc_otel.journal.database import Database
from cc_otel.journal.packing import pack, unpack
from cc_otel.journal.schema import key_of

DIGESTS_MAX: Final = 1000
NO_LIMIT: Final = 1 << 62
_FORGOTTEN: Final = "SELECT forgotten_ns FROM sessions WHERE name = ?"


class InputKind(StrEnum):
    """What an input is: an event of a hook, a model call of a transcript, or what the agent observed."""

    EVENT = "event"
    MODEL_CALL = "model_call"
    OBSERVATION = "observation"


@dataclass(frozen=True, slots=True)
class JournalInput:
    """
    An input of the assembler. ``id`` is its row, 0 before it has one; ``clock_ns`` is when it happened, ns.

    ``fields`` are what the assembler reads, ``content`` the redacted rest, where it is still kept and was asked for. An
    input is taken in once by its ``digest``; an observation has none.
    """

    kind: InputKind
    session: str
    clock_ns: int
    fields: bytes
    id: int = 0
    digest: str | None = None
    content: bytes | None = None


class Inputs:
    """The inputs, each in its session."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_in(self, arrivals: Sequence[JournalInput]) -> int:
        """Record inputs in one transaction. Return how many were new; those known by their digest change nothing."""
        with self._database.transaction() as db:
            return _take_in(db, arrivals)

    def known(self, digests: Sequence[str]) -> dict[str, JournalInput]:
        """Return what was taken in by these digests, without its content."""
        found: dict[str, JournalInput] = {}
        for start in range(0, len(digests), DIGESTS_MAX):
            some = {key_of(digest): digest for digest in digests[start : start + DIGESTS_MAX]}
            marks = ",".join("?" * len(some))
            rows = self._database.all(
                "SELECT i.digest, i.kind, s.name, i.clock_ns, i.fields, i.id FROM inputs AS i"  # noqa: S608 - marks only
                f" JOIN sessions AS s ON s.id = i.session WHERE i.digest IN ({marks})",
                *some,
            )
            for key, kind, session, clock_ns, fields, id_ in rows:
                digest = some[key]
                found[digest] = JournalInput(_kind(kind), session, clock_ns, fields, id_, digest)
        return found

    def pending(self, before_ns: int, count_max: int, bytes_max: int = NO_LIMIT) -> list[JournalInput]:
        """
        Return inputs that wait to be assembled and are older than that, by their clocks, with content.

        They are at least one and at most ``count_max``, with at most ``bytes_max`` of stored content together.
        """
        found: list[JournalInput] = []
        size_bytes = 0
        with self._database.rows(
            "SELECT i.kind, s.name, i.clock_ns, i.fields, i.id, c.content FROM inputs AS i"
            " JOIN sessions AS s ON s.id = i.session LEFT JOIN contents AS c ON c.id = i.id"
            " WHERE i.seq IS NULL AND i.clock_ns < ? ORDER BY i.clock_ns, i.id LIMIT ?",
            before_ns,
            count_max,
        ) as rows:
            for row in rows:
                stored = row[-1]
                size_bytes += len(stored or b"")
                if found and size_bytes > bytes_max:
                    break
                found.append(_input(*row))
        return found

    def told(self, session: str) -> Iterator[JournalInput]:
        """Return the assembled inputs of a session, in order."""
        yield from self._found("WHERE s.name = ? AND i.seq IS NOT NULL ORDER BY i.seq", session)

    def last_events(self, since_ns: int, count_max: int) -> list[JournalInput]:
        """Return the last assembled hook event of each session that had one since then, the latest of them."""
        return self._found(
            "JOIN (SELECT max(seq) AS seq FROM inputs WHERE clock_ns >= ?1 AND kind = 'event' AND seq IS NOT NULL"
            " AND session IN (SELECT id FROM sessions WHERE heard_ns >= ?1) GROUP BY session) AS last"
            " ON last.seq = i.seq ORDER BY i.seq DESC LIMIT ?2",
            since_ns,
            count_max,
        )

    def live_sessions(self) -> list[str]:
        """Return the sessions with assembled inputs whose spans have not all been encoded."""
        rows = self._database.all(
            "SELECT DISTINCT s.name FROM contents AS c JOIN inputs AS i ON i.id = c.id"
            " JOIN sessions AS s ON s.id = i.session WHERE i.seq IS NOT NULL ORDER BY s.name"
        )
        return [session for (session,) in rows]

    def live(self) -> list[JournalInput]:
        """Return the assembled inputs whose spans have not been encoded, without their content."""
        return self._found("JOIN contents AS c ON c.id = i.id WHERE i.seq IS NOT NULL ORDER BY i.seq")

    def of_ids(self, ids: Sequence[int]) -> dict[int, JournalInput]:
        """Return inputs by their ids, where they are still known."""
        marks = ",".join("?" * len(ids))
        return {item.id: item for item in self._found(f"WHERE i.id IN ({marks})", *ids)}

    def contents(self, ids: Sequence[int]) -> dict[int, bytes]:
        """Return the content of inputs by their ids, where it is still kept."""
        marks = ",".join("?" * len(ids))
        rows = self._database.all(f"SELECT id, content FROM contents WHERE id IN ({marks})", *ids)  # noqa: S608 - marks only
        return {event_id: _readable(stored) for event_id, stored in rows}

    def content_sizes(self, ids: Sequence[int]) -> dict[int, int]:
        """Return how many bytes the stored content of inputs has, by their ids, where it is still kept."""
        found: dict[int, int] = {}
        for start in range(0, len(ids), DIGESTS_MAX):
            some = ids[start : start + DIGESTS_MAX]
            marks = ",".join("?" * len(some))
            found |= dict(self._database.all(f"SELECT id, length(content) FROM contents WHERE id IN ({marks})", *some))  # noqa: S608 - marks only
        return found

    def waiting(self) -> int:
        """Return how many inputs wait to be assembled."""
        return self._database.one("SELECT count(*) FROM inputs WHERE seq IS NULL")

    def heard_since(self, since_ns: int) -> dict[str, int]:
        """Return the sessions in which something happened after that time, and when it did last (ns)."""
        return dict(self._database.all("SELECT name, heard_ns FROM sessions WHERE heard_ns > ?", since_ns))

    def forgotten_ns(self, session: str) -> int:
        """Return when a session that something is recorded of now was forgotten before; 0 if it never was."""
        return next((at_ns or 0 for (at_ns,) in self._database.all(_FORGOTTEN, session)), 0)

    def last_seq(self) -> int:
        """Return the last place in the order."""
        return self._database.one("SELECT coalesce(max(seq), 0) FROM inputs")

    def _found(self, rest: str, *parameters: object) -> list[JournalInput]:
        rows = self._database.all(
            "SELECT i.kind, s.name, i.clock_ns, i.fields, i.id FROM inputs AS i"  # noqa: S608 - our own texts
            f" JOIN sessions AS s ON s.id = i.session {rest}",
            *parameters,
        )
        return [_input(*row) for row in rows]


def _input(
    kind: object, session: str, clock_ns: int, fields: bytes, row_id: int, stored: object = None
) -> JournalInput:
    content = None if stored is None else _readable(stored)
    return JournalInput(_kind(kind), session, clock_ns, fields, row_id, content=content)


def _kind(kind: object) -> InputKind:
    try:
        return InputKind(str(kind))
    except ValueError:
        return InputKind.EVENT


def _readable(stored: object) -> bytes:
    """Return a content; an empty one where it is damaged, so that its event keeps its span."""
    try:
        return unpack(stored) if isinstance(stored, bytes) else b"{}"
    except ValueError:
        return b"{}"


def session_ids(db: sqlite3.Connection, heard_ns: Mapping[str, int]) -> dict[str, int]:
    """
    Return the ids of sessions by name, made where they are new, within the caller's transaction.

    ``heard_ns`` says when something happened in each last; 0 where nothing did.
    """
    ids: dict[str, int] = {}
    for name, at_ns in heard_ns.items():
        row = db.execute(
            "INSERT INTO sessions (name, heard_ns) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET heard_ns = max(heard_ns, excluded.heard_ns) RETURNING id",
            (name, at_ns),
        ).fetchone()
        ids[name] = int(row[0])
    return ids


def place(db: sqlite3.Connection, told: Sequence[JournalInput], seq: int) -> int:
    """
    Put inputs that were assembled behind ``seq`` in the order, within the caller's transaction. Return the last place.

    Their fields, if any, replace those they arrived with, for evidence that was gathered since. Observations get their
    row.
    """
    placed = list(enumerate(told, seq + 1))
    db.executemany(
        "UPDATE inputs SET seq = ? WHERE id = ?", ((at, item.id) for at, item in placed if item.id and not item.fields)
    )
    db.executemany(
        "UPDATE inputs SET seq = ?, fields = ? WHERE id = ?",
        ((at, item.fields, item.id) for at, item in placed if item.id and item.fields),
    )
    new = [(at, item) for at, item in placed if not item.id]
    ids = session_ids(db, _heard([item for _, item in new]))
    db.executemany(
        "INSERT INTO inputs (session, clock_ns, seq, kind, fields) VALUES (?, ?, ?, ?, ?)",
        ((ids[item.session], item.clock_ns, at, item.kind.value, item.fields) for at, item in new),
    )
    return seq + len(placed)


def delete(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Delete inputs with their content, within the caller's transaction."""
    for table in ("contents", "inputs"):
        db.executemany(f"DELETE FROM {table} WHERE id = ?", ((row_id,) for row_id in ids))  # noqa: S608 - our own names


def _take_in(db: sqlite3.Connection, arrivals: Sequence[JournalInput]) -> int:
    first_id = 1 + int(db.execute("SELECT coalesce(max(id), 0) FROM inputs").fetchone()[0])
    ids = session_ids(db, _heard(arrivals))
    before = db.total_changes
    db.executemany(
        "INSERT OR IGNORE INTO inputs (id, digest, session, clock_ns, kind, fields) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (row_id, key_of(it.digest), ids[it.session], it.clock_ns, it.kind.value, it.fields)
            for row_id, it in enumerate(arrivals, first_id)
        ),
    )
    taken = db.total_changes - before
    # Of those that were known there is no row with that id.
    db.executemany(
        "INSERT INTO contents SELECT id, ? FROM inputs WHERE id = ?",
        ((pack(it.content), row_id) for row_id, it in enumerate(arrivals, first_id) if it.content is not None),
    )
    return taken


def _heard(inputs: Iterable[JournalInput]) -> dict[str, int]:
    heard_ns: dict[str, int] = {}
    for item in inputs:
        heard_ns[item.session] = max(item.clock_ns, heard_ns.get(item.session, 0))
    return heard_ns
