"""Sessions by name: which one is meant, and how short its id may be shown."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Protocol

from cc_otel.conventions import DOCTOR
from cc_otel.graph.store import GraphStore, Query

LAST: Final = "last"
"""The name of the session that was active last."""

DOCTOR_SESSION: Final = DOCTOR
"""The session of doctor's test events, which is never the newest."""

ID_CHARS: Final = 8
"""How much of a session's id is shown at least."""

MATCHES_MAX: Final = 100
"""How many sessions with one beginning are counted."""

_BEGINNINGS_MAX: Final = 4
"""From this many on it is less work to ask for all ids than for those of each beginning."""

_TRACE_ID: Final = re.compile("[0-9a-f]{32}")


class NoSuchSession(LookupError):
    """Nothing is known by that name."""

    def __init__(self, what: str) -> None:
        super().__init__(f"nothing is known of {what!r}")
        self.what = what


class Ambiguous(LookupError):
    """Several sessions begin so; ``ids`` are `MATCHES_MAX` of them at most, in their own order."""

    def __init__(self, beginning: str, ids: Sequence[str]) -> None:
        number = f"more than {MATCHES_MAX - 1}" if len(ids) >= MATCHES_MAX else str(len(ids))
        super().__init__(f"{number} sessions begin with {beginning!r}: {', '.join(ids[:5])}")
        self.beginning = beginning
        self.ids = ids


class _Running(Protocol):
    """An open span: its session may not be in the store yet."""

    @property
    def session_id(self) -> str | None: ...
    @property
    def start_ms(self) -> float: ...


def is_trace_id(what: str) -> bool:
    """Whether a name is that of a trace."""
    return _TRACE_ID.fullmatch(what) is not None


def session_named(store: GraphStore, what: str, running: Iterable[_Running] = ()) -> str:
    """
    Return the id of the session that is named by its id, by the beginning of it, or as `LAST`.

    Where recording began in the middle of a session there may be nothing of it but open spans: those ``running``.

    Raises:
        NoSuchSession: no session has that name.
        Ambiguous: several sessions begin so.
        StoreUnavailable: the store cannot answer.

    """
    active = {span.session_id: span.start_ms for span in sorted(running, key=_start) if span.session_id}
    if what == LAST:
        return _last(store, active)
    rows = store.query(Query("session_ids", {"prefix": what, "limit": MATCHES_MAX}))
    ids = sorted({str(row["session_id"]) for row in rows} | {id_ for id_ in active if id_.startswith(what)})
    if what in ids:
        return what
    if len(ids) > 1:
        raise Ambiguous(what, ids[:MATCHES_MAX])
    if not ids:
        raise NoSuchSession(what)
    return ids[0]


def _start(span: _Running) -> float:
    return span.start_ms


def _last(store: GraphStore, active: dict[str, float]) -> str:
    # Two, because the first may be doctor's.
    for row in list(store.query(Query("sessions", {"limit": 2}))):
        session_id = str(row["session_id"])
        active[session_id] = max(active.get(session_id, 0.0), float(str(row["active_ms"])))
    active.pop(DOCTOR_SESSION, None)
    if not active:
        raise NoSuchSession(LAST)
    return max(active, key=active.__getitem__)


def short_ids(store: GraphStore, ids: Iterable[str]) -> dict[str, str]:
    """
    Return the beginning of each id that no other session's id in the store has, `ID_CHARS` of it at least.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    wanted = {id_ for id_ in ids if id_}
    beginnings = sorted({id_[:ID_CHARS] for id_ in wanted})
    if len(beginnings) > _BEGINNINGS_MAX:
        beginnings = [""]
    known = set(wanted)
    for beginning in beginnings:
        known.update(str(row["session_id"]) for row in store.query(Query("session_ids", {"prefix": beginning})))
    ordered = sorted(known)
    # In their order, those that have most in common with an id stand beside it.
    chars = {ordered[0]: ID_CHARS, ordered[-1]: ID_CHARS} if ordered else {}
    for earlier, later in pairwise(ordered):
        needed = max(ID_CHARS, _common(earlier, later) + 1)
        chars[earlier] = max(chars.get(earlier, 0), needed)
        chars[later] = max(chars.get(later, 0), needed)
    return {id_: id_[: chars[id_]] for id_ in wanted}


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
