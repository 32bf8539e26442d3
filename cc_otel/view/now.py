"""What all sessions are doing now: those that run, that wait for a person, and that have failed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from cc_otel.graph.store import GraphStore, Json
from cc_otel.view.session_list import SessionRow, SessionState, list_sessions
from cc_otel.view.trees import TreeSpan

LOOKED_AT_MAX: Final = 50
"""So many sessions are looked at, those that were active last."""

FAILED_MS: Final = 86_400_000.0
"""A session that failed is shown for a day."""

_ORDER: Final = (SessionState.WAITING, SessionState.RUNNING, SessionState.FAILED)


@dataclass(frozen=True, slots=True)
class Busy:
    """A session that somebody may want to look at: how it stands, what it does, and since when (ms since the epoch)."""

    session_id: str
    state: SessionState
    since_ms: float
    doing: str
    folder: str | None
    prompt: str | None
    turns: int
    errors: int
    cost_usd: float | None
    unpriced_calls: int

    def to_json(self) -> dict[str, Json]:
        """Return it as one object."""
        return asdict(self)


def busy_sessions(store: GraphStore, open_spans: Sequence[TreeSpan], now_ms: float) -> list[Busy]:
    """
    Return the sessions that wait, run, or failed within a day of now (ms), in this order, the newest first in each.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    going_on: dict[str, list[TreeSpan]] = defaultdict(list)
    for span in open_spans:
        if span.open and span.session_id:
            going_on[span.session_id].append(span)
    rows = list_sessions(store, LOOKED_AT_MAX, open_spans).rows
    found = [_busy(row, going_on[row.session_id]) for row in rows if _matters(row, now_ms)]
    return sorted(found, key=lambda it: (_ORDER.index(it.state), -it.since_ms, it.session_id))


def _matters(row: SessionRow, now_ms: float) -> bool:
    if row.state is SessionState.FAILED:
        return row.active_ms > now_ms - FAILED_MS
    return row.state in _ORDER


def _busy(row: SessionRow, going_on: Iterable[TreeSpan]) -> Busy:
    spans = list(going_on)
    waits = [span for span in spans if span.kind == "hook"]
    # What began last is what is done now; of several waits the longest is the one to answer.
    now = min(waits, key=_start) if waits else max(spans, key=_start, default=None)
    folder = row.folder or next((span.folder for span in spans if span.folder), None)
    return Busy(
        session_id=row.session_id,
        state=row.state or SessionState.RUNNING,
        since_ms=now.start_ms if now else row.end_ms,
        doing=(now.label or now.name) if now else (row.prompt or ""),
        folder=folder,
        prompt=row.prompt,
        turns=row.turns,
        errors=row.errors,
        cost_usd=row.cost_usd,
        unpriced_calls=row.unpriced_calls,
    )


def _start(span: TreeSpan) -> float:
    return span.start_ms


class Waits:
    """Notices when a session begins to wait for a person."""

    def __init__(self) -> None:
        self._known: set[tuple[str, float]] | None = None

    def begun(self, sessions: Iterable[Busy]) -> list[Busy]:
        """Return the sessions that wait and did not at the last look; at the first look nothing has just begun."""
        waiting = {(it.session_id, it.since_ms): it for it in sessions if it.state is SessionState.WAITING}
        new = [it for key, it in waiting.items() if self._known is not None and key not in self._known]
        self._known = set(waiting)
        return new
