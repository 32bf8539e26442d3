"""What happens now: spans as the store gets them, and those that are open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from cc_otel.graph.store import CHANGES_MAX, START, Cursor, GraphStore, Json, StoreUnavailable
from cc_otel.journal.database import JournalUnavailable
from cc_otel.view.open_spans import open_spans
from cc_otel.view.trees import TreeSpan

SETTLED_MS: Final = 200.0
"""A file that changed so shortly before it was read may change again without a later time of change."""

SKIPPED_AT_ONCE: Final = 20_000
"""How many old changes are passed over at a time, to come to the end of the feed."""


class OpenSpans(Protocol):
    """What is open now."""

    def read(self, now_ms: float) -> Sequence[TreeSpan]:
        """
        Return the open spans, whose durations are those until now (ms).

        Raises:
            JournalUnavailable: they cannot be read.

        """


class JournalWatch:
    """The open spans of a home, whose journal is read again when it has changed."""

    def __init__(self, journal: Path, *, with_content: bool) -> None:
        self._journal = journal
        self._with_content = with_content
        self._seen: tuple[tuple[int, int], ...] | None = None
        self._spans: Sequence[TreeSpan] = ()

    def read(self, now_ms: float) -> Sequence[TreeSpan]:
        """See OpenSpans."""
        files = self._files()
        if files != self._seen:
            self._spans = open_spans(self._journal, now_ms, with_content=self._with_content)
            settled = all(changed_ns < (now_ms - SETTLED_MS) * 1e6 for changed_ns, _ in files)
            self._seen = files if settled else None
        return [_until(span, now_ms) for span in self._spans]

    def _files(self) -> tuple[tuple[int, int], ...]:
        found = []
        for path in (self._journal, Path(f"{self._journal}-wal")):
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((status.st_mtime_ns, status.st_size))
        return tuple(found)


class NothingOpen:
    """The open spans of a store whose home is another machine's: nobody here knows them."""

    def read(self, now_ms: float) -> Sequence[TreeSpan]:
        """See OpenSpans."""
        return ()


def _until(span: TreeSpan, now_ms: float) -> TreeSpan:
    return replace(span, duration_ms=max(now_ms - span.start_ms, 0.0)) if span.open else span


@dataclass(frozen=True, slots=True)
class News:
    """
    What has changed since the last look.

    ``spans`` are rows of the change feed, ``cursor`` stands behind them. ``open`` are all open spans where they are
    others than before, else None. ``trouble`` says why the store or the journal cannot be read, empty if they can.
    """

    spans: Sequence[Mapping[str, Json]]
    open: Sequence[TreeSpan] | None
    cursor: Cursor
    trouble: str

    def __bool__(self) -> bool:
        return bool(self.spans) or self.open is not None


class LiveFeed:
    """Looks at a store and at what is open, and says what has changed. For one thread at a time."""

    def __init__(self, store: GraphStore, opened: OpenSpans) -> None:
        self._store = store
        self._opened = opened
        self._cursor: Cursor | None = None
        self._open: Sequence[TreeSpan] = ()

    @property
    def open(self) -> Sequence[TreeSpan]:
        """The open spans as they were at the last look."""
        return self._open

    def look(self, now_ms: float) -> News:
        """Return the news. What was stored before the first look is none; trouble is said and tried again."""
        trouble = ""
        rows: Sequence[Mapping[str, Json]] = ()
        # What is open first: a span that is delivered between the two looks is then in both, and never in neither.
        opened = None
        try:
            opened = self._changed(self._opened.read(now_ms))
        except JournalUnavailable as error:
            trouble = str(error)
        try:
            if self._cursor is None:
                self._cursor = end_of(self._store)
            rows, self._cursor = self._store.changes(self._cursor)
        except StoreUnavailable as error:
            trouble = str(error)
        return News(rows, opened, self._cursor or START, trouble)

    def _changed(self, found: Sequence[TreeSpan]) -> Sequence[TreeSpan] | None:
        same = [replace(span, duration_ms=0.0) for span in found] == [replace(it, duration_ms=0.0) for it in self._open]
        self._open = found
        return None if same else found


def end_of(store: GraphStore) -> Cursor:
    """
    Return the place in the feed behind everything that is stored.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    cursor = START
    while True:
        rows, cursor = store.changes(cursor, SKIPPED_AT_ONCE)
        if not rows:
            return cursor


def missed(store: GraphStore, after: Cursor, most: int) -> tuple[Sequence[Mapping[str, Json]], Cursor] | None:
    """
    Return what was stored after a place in the feed; None where that is more than ``most``, or no place in it.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    found: list[Mapping[str, Json]] = []
    while True:
        try:
            rows, after = store.changes(after, CHANGES_MAX)
        except (ValueError, TypeError, KeyError, AttributeError):
            # Kept by a client from another store.
            return None
        if not rows:
            return found, after
        found += rows
        if len(found) > most:
            return None
