"""The outbox: encoded spans, in order, until a receiver has acknowledged them."""

import sqlite3
from collections.abc import Iterable, Sequence

from cc_otel.journal.database import Database
from cc_otel.journal.inputs import session_of
from cc_otel.journal.schema import key_of
from cc_otel.span import EncodedSpan


class Outbox:
    """Spans on their way. The id of each stays when it leaves, so that it is not encoded again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, spans_max: int, bytes_max: int) -> list[EncodedSpan]:
        """Return the oldest spans that are not acknowledged, at least one and within these limits."""
        batch: list[EncodedSpan] = []
        size_bytes = 0
        with self._database.rows(
            "SELECT o.trace_id, o.span_id, r.resource, o.span FROM outbox AS o"
            " JOIN resources AS r ON r.id = o.resource ORDER BY o.number LIMIT ?",
            spans_max,
        ) as rows:
            for trace_id, span_id, resource, span in rows:
                size_bytes += len(span)
                if batch and size_bytes > bytes_max:
                    break
                batch.append(EncodedSpan(trace_id.hex(), span_id.hex(), resource, span))
        return batch

    def acknowledge(self, batch: Sequence[EncodedSpan]) -> None:
        """Delete spans that a receiver has stored. Their ids stay known."""
        with self._database.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE span_id = ?", ((key_of(span.span_id),) for span in batch))

    def count(self) -> int:
        """Return how many spans wait."""
        return self._database.one("SELECT count(*) FROM outbox")


def send_out(db: sqlite3.Connection, spans: Iterable[EncodedSpan]) -> None:
    """Add spans to the outbox within the caller's transaction, unless they were in it before."""
    resources: dict[bytes, int] = {}
    for span in spans:
        key, session = key_of(span.span_id), session_of(db, span.session_id)
        if not db.execute("INSERT OR IGNORE INTO spans VALUES (?, ?)", (key, session)).rowcount:
            continue
        if span.resource not in resources:
            resources[span.resource] = _resource(db, span.resource)
        db.execute(
            "INSERT INTO outbox (span_id, trace_id, session, start_ns, resource, size_bytes, span)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, key_of(span.trace_id), session, span.start_ns, resources[span.resource], len(span.span), span.span),
        )


def _resource(db: sqlite3.Connection, resource: bytes) -> int:
    db.execute("INSERT OR IGNORE INTO resources (resource) VALUES (?)", (resource,))
    return int(db.execute("SELECT id FROM resources WHERE resource = ?", (resource,)).fetchone()[0])
