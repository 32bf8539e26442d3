"""The journal: its parts over one connection, and what changes several of them at once."""

import logging
from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from pathlib import Path

from cc_otel.journal.counters import Counter, Counters
from cc_otel.journal.database import Database
from cc_otel.journal.deaths import Deaths
from cc_otel.journal.erase import erase
from cc_otel.journal.inputs import Inputs, JournalInput, delete, place
from cc_otel.journal.open_spans import OpenSpan, OpenSpans, change_open
from cc_otel.journal.outbox import Outbox, send_out
from cc_otel.journal.retention import Retention
from cc_otel.journal.status import StatusNotes
from cc_otel.span import EncodedSpan

log = logging.getLogger(__name__)


class Journal:
    """The agent's only state. One process at a time may write it; any may read."""

    def __init__(self, path: Path, *, owner: bool = False, read_only: bool = False) -> None:
        """
        Open the journal at ``path``, or make it.

        For its ``owner``, the holder of the home's lock, an older one is migrated, and a damaged one is set aside,
        counted, and made anew. ``read_only`` writes nothing to its disk, which may be full: the journal has to be
        there, and stays as it is.

        Raises:
            JournalUnavailable: it cannot be opened, or was written by a newer version.

        """
        self._database = Database(path, owner=owner, read_only=read_only)
        self.inputs = Inputs(self._database)
        self.outbox = Outbox(self._database)
        self.open_spans = OpenSpans(self._database)
        self.counters = Counters(self._database)
        self.status = StatusNotes(self._database)
        self.retention = Retention(self._database)
        self.deaths = Deaths(self._database)
        self.require_place = self._database.require_place
        self._seq = 0 if read_only else self.inputs.last_seq()
        if aside := self._database.aside:
            log.error("the journal was damaged: it is kept as %s for a while, what was not sent is lost", aside)
            self.counters.add(Counter.JOURNALS_SET_ASIDE)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def erase(self, session_ids: Sequence[str], *, dry_run: bool = False) -> Counts[str]:
        """Remove sessions for good, or count them; see `erase.erase`."""
        return erase(self._database, session_ids, dry_run=dry_run)

    def commit(
        self,
        told: Sequence[JournalInput],
        spans: Sequence[EncodedSpan],
        done: Iterable[int],
        opened: Sequence[OpenSpan] = (),
        gone: Iterable[str] = (),
        unreadable: Sequence[int] = (),
    ) -> None:
        """
        Record one stretch of assembling in one transaction.

        The inputs told get their place in the order, the spans enter the outbox unless they were there before, and
        the inputs in ``done`` lose their content: every span that needs it has been encoded. Of the open spans some are
        added or replaced, and some are gone. Inputs that are ``unreadable`` are deleted.
        """
        with self._database.transaction() as db:
            seq = place(db, told, self._seq)
            send_out(db, spans)
            db.executemany("DELETE FROM contents WHERE id = ?", ((event_id,) for event_id in done))
            change_open(db, opened, gone)
            delete(db, unreadable)
        self._seq = seq

    def backlog(self) -> tuple[int, int]:
        """Return how many inputs wait to be assembled and how many spans to be acknowledged."""
        return self.inputs.waiting(), self.outbox.count()

    def size_bytes(self) -> int:
        """Return how much of the disk the journal's data needs, free pages aside."""
        return self._database.size_bytes()
