"""The seam around one event: an error of ours about it stops neither the others nor the agent."""

import logging
import sys
import traceback
from types import TracebackType
from typing import Final

from cc_otel.event import HookEvent, ModelCall
from cc_otel.journal.counters import Counter, Counters
from cc_otel.journal.database import JournalBroken, JournalUnavailable

log = logging.getLogger(__name__)

_TEST: Final = "pytest"


class Guard:
    """Logs and counts an error about one event. Under pytest it is raised again, unless ``reraise`` says otherwise."""

    def __init__(self, counters: Counters, *, reraise: bool | None = None) -> None:
        self._counters = counters
        self.reraise = reraise

    def around(self, what: Counter, name: str, session_id: str, digest: str) -> "_Seam":
        """Return a context that ends early, without an exception, where its block raises one."""
        return _Seam(self, what, (name, session_id, digest))

    def around_event(self, what: Counter, event: HookEvent | ModelCall) -> "_Seam":
        """Return the context for an event."""
        return _Seam(self, what, (event.name, event.session_id, event.digest))

    def note(self, what: Counter, about: tuple[str, str, str], error: BaseException) -> bool:
        """Log and count an error. Return whether that is all: the journal's own errors go on to the round."""
        if not isinstance(error, Exception) or isinstance(error, JournalUnavailable | JournalBroken):
            return False
        reraise = _TEST in sys.modules if self.reraise is None else self.reraise
        if reraise:
            return False
        log.error("%s: %s in session %s, digest %s: %s", what, *about, without_message(error))
        self._counters.add(what)
        return True


def without_message(error: BaseException) -> str:
    """Return the type of an error and where it was raised: its message may quote what an event said."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


class _Seam:
    __slots__ = ("_about", "_guard", "_what")

    def __init__(self, guard: Guard, what: Counter, about: tuple[str, str, str]) -> None:
        self._guard, self._what, self._about = guard, what, about

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """End, without an exception where it was noted."""
        return error is not None and self._guard.note(self._what, self._about, error)
