"""Sessions as a list: what each was about, how it stands, and what it took."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

from cc_otel.graph.store import GraphStore, Json, Query
from cc_otel.view.sessions import DOCTOR_SESSION
from cc_otel.view.trees import TreeSpan


class SessionState(StrEnum):
    """How a session stands. It failed where its last turn did."""

    RUNNING = "running"
    WAITING = "waiting for you"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """
    A session as the ``sessions`` query has it (docs/graph.md), and how it stands.

    ``state`` is None where it cannot be known: open spans are those of one home, the store may have sessions of others.
    ``waiting_for`` is what a session that waits asked for.
    """

    session_id: str
    start_ms: float
    end_ms: float
    turns: int
    tools: int
    errors: int
    spans: int
    active_ms: float
    prompt: str | None
    folder: str | None
    model: str | None
    turn_status: str | None
    model_calls: int
    unpriced_calls: int
    cost_usd: float | None
    state: SessionState | None
    waiting_for: str | None

    def to_json(self) -> dict[str, Json]:
        """Return it as one object."""
        return asdict(self)


_COLUMNS: Final = tuple(field.name for field in fields(SessionRow) if field.name not in {"state", "waiting_for"})


@dataclass(frozen=True, slots=True)
class SessionList:
    """The sessions that were active last, and how many there are."""

    rows: Sequence[SessionRow]
    total: int


@dataclass(frozen=True, slots=True)
class Window:
    """When sessions were active last (ms since the epoch): from ``since_ms`` on, before ``until_ms``; None is any."""

    since_ms: float | None = None
    until_ms: float | None = None

    def has(self, at_ms: float) -> bool:
        """Whether a time is in it."""
        return (self.since_ms is None or at_ms >= self.since_ms) and (self.until_ms is None or at_ms < self.until_ms)


ALWAYS: Final = Window()


def list_sessions(
    store: GraphStore,
    limit: int,
    open_spans: Iterable[TreeSpan] = (),
    *,
    all_here: bool = True,
    window: Window = ALWAYS,
) -> SessionList:
    """
    Return the sessions that were active last, doctor's aside, with those of which there are but open spans.

    ``all_here`` says that the store has the sessions of one home only: the one whose spans are open. ``window`` is when
    they were active last.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    running: dict[str, list[TreeSpan]] = defaultdict(list)
    for span in open_spans:
        if span.open and span.session_id and span.session_id != DOCTOR_SESSION:
            running[span.session_id].append(span)
    wanted = asdict(window)
    # One more, because doctor's may be among them.
    rows = _rows(store, wanted | {"limit": min(limit + 1, 2**62)})
    known = _ids(store, wanted)
    if window != ALWAYS and (elsewhere := (_ids(store, {}) - known) & running.keys()):
        # What the store has of them is of another time; what is open of them may not be.
        rows |= {id_: row for id_, row in _rows(store, {}).items() if id_ in elsewhere}
        known |= elsewhere
    listed = [_row(row, running.get(session_id, ()), all_here=all_here) for session_id, row in rows.items()]
    listed += [_row(_begun(spans), spans, all_here=all_here) for id_, spans in running.items() if id_ not in known]
    shown = sorted((row for row in listed if window.has(row.active_ms)), key=lambda row: -row.active_ms)
    outside = {row.session_id for row in listed if not window.has(row.active_ms)}
    return SessionList(shown[:limit], len((known | running.keys()) - outside))


def _rows(store: GraphStore, wanted: Mapping[str, float | None]) -> dict[str, Mapping[str, Any]]:
    found = store.query(Query("sessions", wanted))
    return {str(row["session_id"]): row for row in found if row["session_id"] != DOCTOR_SESSION}


def _ids(store: GraphStore, wanted: Mapping[str, float | None]) -> set[str]:
    return {str(row["session_id"]) for row in store.query(Query("session_ids", wanted))} - {DOCTOR_SESSION}


def _row(row: Mapping[str, Any], running: Sequence[TreeSpan], *, all_here: bool) -> SessionRow:
    columns = {name: row[name] for name in _COLUMNS}
    columns["active_ms"] = max([row["active_ms"], *(span.start_ms for span in running)])
    waiting = next((span for span in running if span.kind == "hook"), None)
    state = _state(row["turn_status"], running, waiting, all_here=all_here)
    return SessionRow(**columns, state=state, waiting_for=waiting.label if waiting else None)


def _state(
    turn_status: str | None, running: Sequence[TreeSpan], waiting: TreeSpan | None, *, all_here: bool
) -> SessionState | None:
    if waiting:
        return SessionState.WAITING
    if running:
        return SessionState.RUNNING
    if turn_status == "ERROR":
        return SessionState.FAILED
    return SessionState.DONE if all_here else None


def _begun(spans: Sequence[TreeSpan]) -> Mapping[str, Any]:
    """Return the row of a session of which nothing was delivered yet."""
    turn = next((span for span in spans if span.kind == "turn"), None)
    starts = [span.start_ms for span in spans]
    return {
        **dict.fromkeys(_COLUMNS, 0),
        **dict.fromkeys(("folder", "model", "turn_status", "cost_usd")),
        "session_id": spans[0].session_id,
        "start_ms": min(starts),
        "end_ms": max(starts),
        "active_ms": max(starts),
        "prompt": turn.label if turn else None,
    }
