"""The outbox: encoded spans, in order, until a receiver has acknowledged them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from cc_otel.journal.database import Database
from cc_otel.journal.inputs import session_ids
from cc_otel.journal.packing import pack, unpack
from cc_otel.span import EncodedSpan


@dataclass(frozen=True, slots=True)
class DamagedSpan:
    """A row of the outbox that cannot be read, as it is."""

    number: int
    row: tuple[object, ...]


class Outbox:
    """Spans on their way. The id of each stays when it leaves, so that it is not encoded again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, spans_max: int, bytes_max: int) -> list[EncodedSpan]:
        """Return the oldest spans that are not acknowledged, at least one and within these limits."""
        return self.oldest(spans_max, bytes_max)[0]

    def oldest(self, spans_max: int, bytes_max: int) -> tuple[list[EncodedSpan], list[DamagedSpan]]:
        """Return the same, and the rows among them that cannot be read."""
        batch: list[EncodedSpan] = []
        damaged: list[DamagedSpan] = []
        size_bytes = 0
        with self._database.rows(
            "SELECT o.number, o.trace_id, o.span_id, r.resource, o.span FROM outbox AS o"
            " LEFT JOIN resources AS r ON r.id = o.resource ORDER BY o.number LIMIT ?",
            spans_max,
        ) as rows:
            for number, *row in rows:
                span = _readable(*row)
                if span is None:
                    damaged.append(DamagedSpan(number, tuple(row)))
                    continue
                size_bytes += len(span.span)
                if batch and size_bytes > bytes_max:
                    break
                batch.append(span)
        return batch, damaged

    def delete(self, numbers: Sequence[int]) -> None:
        """Delete rows that cannot be read."""
        with self._database.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE number = ?", ((number,) for number in numbers))

    def acknowledge(self, batch: Sequence[EncodedSpan]) -> None:
        """Delete spans that a receiver has stored. Their ids stay known."""
        with self._database.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE span_id = ?", ((bytes.fromhex(span.span_id),) for span in batch))

    def count(self) -> int:
        """Return how many spans wait."""
        return self._database.one("SELECT count(*) FROM outbox")


def _readable(trace_id: object, span_id: object, resource: object, stored: object) -> EncodedSpan | None:
    if not (isinstance(trace_id, bytes) and isinstance(span_id, bytes) and isinstance(resource, bytes)):
        return None
    try:
        span = unpack(stored) if isinstance(stored, bytes) else b""
    except ValueError:
        return None
    sound = len(trace_id) == 16 and len(span_id) == 8 and span
    return EncodedSpan(trace_id.hex(), span_id.hex(), resource, span) if sound else None


def send_out(db: sqlite3.Connection, spans: Sequence[EncodedSpan]) -> None:
    """Add spans to the outbox within the caller's transaction, unless they were in it before."""
    sessions = session_ids(db, {span.session_id: 0 for span in spans})
    resources = {resource: _resource(db, resource) for resource in {span.resource for span in spans}}
    keys = [bytes.fromhex(span.span_id) for span in spans]
    packed = [pack(span.span) for span in spans]
    # In this order: an id that is known by now was known before, or stands twice in these.
    db.executemany(
        "INSERT OR IGNORE INTO outbox (span_id, trace_id, session, start_ns, resource, size_bytes, span)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM spans WHERE span_id = ?1)",
        (
            (
                key,
                bytes.fromhex(span.trace_id),
                sessions[span.session_id],
                span.start_ns,
                resources[span.resource],
                len(stored),
                stored,
            )
            for key, span, stored in zip(keys, spans, packed, strict=True)
        ),
    )
    db.executemany(
        "INSERT OR IGNORE INTO spans VALUES (?, ?)",
        ((key, sessions[span.session_id]) for key, span in zip(keys, spans, strict=True)),
    )


def _resource(db: sqlite3.Connection, resource: bytes) -> int:
    db.execute("INSERT OR IGNORE INTO resources (resource) VALUES (?)", (resource,))
    return int(db.execute("SELECT id FROM resources WHERE resource = ?", (resource,)).fetchone()[0])
