"""Following what happens in one session, in those of a folder, or in all, over restarts of whatever writes it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from cc_otel.graph.store import Cursor, GraphStore, StoreUnavailable
from cc_otel.view.folders import FolderSessions
from cc_otel.view.happenings import Happening, Teller
from cc_otel.view.live import LiveFeed
from cc_otel.view.sessions import DOCTOR_SESSION, session_named
from cc_otel.view.trees import TreeSpan

ASKED_AGAIN_MS: Final = 2_000.0
"""So often it is asked where a session was started of which that is not known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to follow: a session by its name, else the sessions of a folder, else all."""

    session: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has found: what happened, where the feed stands, and why something cannot be read (else empty)."""

    happenings: Sequence[Happening]
    cursor: Cursor
    trouble: str


class Following:
    """
    Follows sessions. Trouble is said and tried again; the first look at a folder says what is open there.

    ``sessions`` are those of which something was found.
    """

    def __init__(self, store: GraphStore, feed: LiveFeed, wanted: Wanted) -> None:
        self._store = store
        self._feed = feed
        self._wanted = wanted
        self._session_id = ""
        self._folder = FolderSessions(wanted.folder) if wanted.folder else None
        self._asked_ms = 0.0
        self._heard_of: set[str] = set()
        self._teller = Teller()
        self.sessions: dict[str, None] = {}

    def look(self, now_ms: float) -> Seen:
        """
        Return what happened since the last look, until now (ms).

        Raises:
            NoSuchSession: nothing is known by the name that is to be followed.
            Ambiguous: several sessions begin so.

        """
        news = self._feed.look(now_ms)
        ended = [TreeSpan.of(row) for row in news.spans]
        try:
            self._find_out({it.session_id for it in (*ended, *self._feed.open) if it.session_id}, now_ms)
        except StoreUnavailable as error:
            return Seen(self._told(ended, now_ms), news.cursor, news.trouble or str(error))
        return Seen(self._told(ended, now_ms), news.cursor, news.trouble)

    def _find_out(self, heard_of: Collection[str], now_ms: float) -> None:
        """Find out which sessions are meant, as far as that is not known yet."""
        if self._wanted.session and not self._session_id:
            self._session_id = session_named(self._store, self._wanted.session, self._feed.open)
        if self._folder is None:
            return
        unknown = {id_ for id_ in heard_of if not self._folder.knows(id_)}
        again = now_ms - self._asked_ms >= ASKED_AGAIN_MS
        if not self._asked_ms or unknown - self._heard_of or (unknown and again):
            self._folder.learn(self._store)
            self._asked_ms = now_ms
        self._heard_of |= unknown
        self._folder.learn_open(self._feed.open)

    def _told(self, ended: Sequence[TreeSpan], now_ms: float) -> list[Happening]:
        found = self._teller.news(
            (it for it in ended if self._is_wanted(it)), (it for it in self._feed.open if self._is_wanted(it)), now_ms
        )
        self.sessions |= dict.fromkeys(it.session_id for it in found if it.session_id)
        return found

    def _is_wanted(self, span: TreeSpan) -> bool:
        if self._wanted.session:
            return span.session_id == self._session_id != ""
        if self._folder is not None:
            return bool(span.session_id) and self._folder.has(str(span.session_id))
        return span.session_id != DOCTOR_SESSION
