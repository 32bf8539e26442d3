"""
Taking in: a file of the spool becomes a row of the journal, redacted and cut before it touches the disk again.

What can never become an event goes to ``failed/``, counted, in its redacted form; the file leaves the spool only
when its event is in the journal or its failure is kept.
"""

import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Final, cast

from cc_otel.agent.describe import Content
from cc_otel.agent.facts.repository import Repositories
from cc_otel.agent.guard import Guard
from cc_otel.agent.redaction.redact import redact, redact_text
from cc_otel.agent.truncation import fit
from cc_otel.claude_code import payload as payloads
from cc_otel.claude_code.payload import Unreadable
from cc_otel.complaints import Complaints
from cc_otel.event import Handler
from cc_otel.files import FileEntry
from cc_otel.journal.counters import Counter
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.journal.journal import Journal
from cc_otel.json_values import text_in
from cc_otel.spool import Spool, SpoolFile
from cc_otel.spool import Unreadable as UnreadableFile

log = logging.getLogger(__name__)

CONTENT_BYTES_MAX: Final = 1 << 20
"""How much of an event's content is kept, bytes: no span may carry more."""

FAILED_BYTES_MAX: Final = 1 << 20
"""How much of an event that cannot become a span is kept, bytes."""

AHEAD_BYTES: Final = 64 << 10
"""How much more of it is read, bytes: a secret that goes on behind what is kept is seen whole."""

FILES_MAX: Final = 500
"""How many files one transaction takes in."""

TAKE_BYTES_MAX: Final = 4 << 20
"""How many bytes of files one transaction takes in, unless a single one has more: memory must not grow with them."""

LISTED_MAX: Final = 20_000
"""How many files one look at the spool lists: memory stays bounded, and a backlog is not listed again for each few."""

VALUES_MAX: Final = 256
"""How many short values of variables are remembered without their secrets."""

_WORD_ENDS: Final = " \t\r\n\"'`"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one round took in: files that left the spool, sessions with new events, and whether more are waiting."""

    files: int
    sessions: frozenset[str]
    newest_ns: int
    more: bool


class Intake:
    """Moves events from the spool to the journal."""

    def __init__(self, spool: Spool, journal: Journal, guard: Guard) -> None:
        self._spool = spool
        self._journal = journal
        self._guard = guard
        self._complaints = Complaints()
        self._repositories = Repositories()
        self._listed: list[FileEntry] = []
        self._unlisted = False

    def take(self, now_ns: int) -> Taken:
        """
        Take in the oldest files, as many as fit one transaction.

        Raises:
            JournalUnavailable: nothing was taken; everything still stands in the spool.

        """
        entries = self._next()
        if not entries:
            return Taken(0, frozenset(), now_ns, more=False)
        arrivals: list[JournalInput] = []
        gone: list[FileEntry] = []
        for entry in entries:
            if (arrival := self._read(entry, now_ns, gone)) is not None:
                arrivals.append(arrival)
        try:
            self._journal.inputs.take_in(arrivals)
        except JournalUnavailable:
            self._listed = []
            raise
        # Deleted in this moment, it has taken them nowhere: the files are to stay.
        self._journal.require_place()
        # A crash before this line leaves files whose digests the journal knows.
        for entry in gone:
            self._spool.remove(entry)
        return Taken(
            files=len(gone),
            sessions=frozenset(arrival.session for arrival in arrivals),
            newest_ns=entries[-1].mtime_ns,
            more=bool(self._listed) or self._unlisted,
        )

    def _next(self) -> list[FileEntry]:
        if not self._listed:
            # Turned round, so that the oldest are taken from the end.
            self._listed = self._spool.oldest(LISTED_MAX)[::-1]
            self._unlisted = len(self._listed) == LISTED_MAX
        entries: list[FileEntry] = []
        size_bytes = 0
        while self._listed and len(entries) < FILES_MAX:
            size_bytes += self._listed[-1].size_bytes
            if entries and size_bytes > TAKE_BYTES_MAX:
                break
            entries.append(self._listed.pop())
        return entries

    def _read(self, entry: FileEntry, now_ns: int, gone: list[FileEntry]) -> JournalInput | None:
        try:
            recorded = self._spool.read(entry, now_ns)
        except UnreadableFile as error:
            self._spool.set_aside(entry)
            self._complain("unreadable", str(error))
            return None
        if recorded is None:
            return None
        arrival = self._arrival(recorded, now_ns)
        gone.append(entry)
        return arrival

    def _arrival(self, recorded: SpoolFile, now_ns: int) -> JournalInput | None:
        if not recorded.payload.strip():
            # The hook could write nothing: there is nothing to be replayed either.
            self._journal.counters.add(Counter.EVENTS_LOST)
            return None
        try:
            with self._guard.around(Counter.EVENTS_NOT_READ, recorded.name, "", recorded.digest):
                return arrival_of(recorded, now_ns, self._repositories)
        except Unreadable as error:
            self._fail(recorded, str(error))
        else:
            self._fail(recorded, "an error in cc-otel; its log says more")
        return None

    def _fail(self, recorded: SpoolFile, reason: str) -> None:
        self._spool.fail(replace(recorded, variables=_cleaned(recorded)), reason, _kept(recorded))
        self._complain(reason, reason)

    def _complain(self, cause: str, reason: str) -> None:
        self._journal.counters.add(Counter.EVENTS_FAILED)
        if self._complaints.due(cause):
            log.warning("an event was set aside in failed/: %s", reason)


def arrival_of(recorded: SpoolFile, now_ns: int, repositories: Repositories) -> JournalInput:
    """
    Read one recorded event: its fields, and its content redacted and cut. A clock ahead of ``now_ns`` is put back.

    The repository that it happened in is read now, and kept with it: later its files may say something else.

    Raises:
        Unreadable: it cannot become an event.

    """
    payload, whole = payloads.parse(recorded.payload)
    if not whole and not recorded.ended:
        # Its writer died in the middle of the hook, or still writes after all this time.
        raise Unreadable("cut short")
    redacted = redact(payload)
    # Redacting and cutting keep the shape: an object stays one.
    safe = cast(payloads.Payload, redacted.value)
    fitted = fit(redacted.value, CONTENT_BYTES_MAX)
    event = payloads.read(
        safe,
        _cleaned(recorded),
        clock_ns=min(recorded.clock_ns, now_ns),
        digest=blake2b(recorded.payload, digest_size=16).hexdigest(),
        truncated=not whole or recorded.payload_bytes > len(recorded.payload),
    )
    found = None
    if event.handler is not Handler.INSTANT:
        found = repositories.of(event.session_id, text_in(safe.get("cwd")), event.clock_ns, now_ns)
    content = Content(
        cast(payloads.Payload, fitted.value), redacted.count, fitted.truncated, found.to_stored() if found else {}
    )
    return JournalInput(
        InputKind.EVENT,
        event.session_id,
        event.clock_ns,
        event.to_json(),
        digest=recorded.digest,
        content=content.to_json(),
    )


def _kept(recorded: SpoolFile) -> bytes:
    """Return what is kept of a payload that cannot become a span, without secrets."""
    read = recorded.payload[: FAILED_BYTES_MAX + AHEAD_BYTES]
    text, _ = redact_text(read.decode("utf-8", "replace"))
    if not recorded.ended or len(read) < recorded.payload_bytes:
        # Half a token is none that anybody knows: the word that the end goes through is not kept.
        text = text[: 1 + max(map(text.rfind, _WORD_ENDS))]
    return text.encode("utf-8", "replace")[:FAILED_BYTES_MAX]


def _cleaned(recorded: SpoolFile) -> dict[str, str]:
    """Return the recorded variables without secrets, each of a bounded length."""
    return {
        name: (_known_clean if len(value) <= payloads.NAME_LENGTH_MAX else _clean)(value)
        for name, value in recorded.variables.items()
    }


def _clean(value: str) -> str:
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return redact_text(text)[0][: payloads.NAME_LENGTH_MAX]


_known_clean = lru_cache(VALUES_MAX)(_clean)
"""Nearly all events of a client have the same variables."""
