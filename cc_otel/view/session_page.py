"""A session as a page shows it: all its spans in the order of a tree, and where to look first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from cc_otel.graph.store import GraphStore, Json, Query
from cc_otel.view.trees import Forest, TreeSpan, forest, spans_of

LOOP_CALLS: Final = 4
"""So many equal calls in a row are a loop."""

WAIT_MS: Final = 10_000.0
"""What a person was waited for at least, before it is worth a look."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a span is worth a look, and which one it is."""

    kind: str
    text: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """A span, and its level in the tree."""

    depth: int
    span: TreeSpan


@dataclass(frozen=True, slots=True)
class SessionPage:
    """
    A session: rows, parents before their children and in order of time, and what is worth a look.

    ``costs`` are what the agents took, by the key of the turn or subagent.
    """

    session_id: str | None
    rows: Sequence[Row]
    reasons: Sequence[Reason]
    costs: Mapping[str, Mapping[str, Json]]


def session_page(store: GraphStore, what: str, opened: Sequence[TreeSpan] = ()) -> SessionPage:
    """
    Return the page of a session or trace; ``what`` names it as for `spans_of`.

    Raises:
        NoSuchSession: nothing is known by that name.
        Ambiguous: several sessions begin so.
        StoreUnavailable: the store cannot answer.

    """
    spans = spans_of(store, what, opened)
    rows = list(_in_order(forest(spans)))
    session_id = next((span.session_id for span in spans if span.session_id), None)
    return SessionPage(session_id, rows, list(worth_a_look(rows)), _costs(store, session_id))


def _in_order(grown: Forest) -> Iterator[Row]:
    todo = [Row(0, root) for root in reversed(grown.roots)]
    while todo:
        row = todo.pop()
        yield row
        todo.extend(Row(row.depth + 1, child) for child in reversed(grown.below(row.span)))


_AMOUNTS: Final = ("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cost_usd", "unpriced_calls")


def _costs(store: GraphStore, session_id: str | None) -> dict[str, dict[str, Json]]:
    if session_id is None:
        return {}
    sums: dict[str, dict[str, Json]] = {}
    for row in store.query(Query("cost", {"session_id": session_id})):
        amounts = sums.setdefault(f"{row['trace_id']}-{row['agent_id']}", dict.fromkeys(_AMOUNTS))
        for name in _AMOUNTS:
            amount, before = row[name], amounts[name]
            if isinstance(amount, int | float):
                amounts[name] = amount + (before if isinstance(before, int | float) else 0)
    return sums


def worth_a_look(rows: Sequence[Row]) -> Iterator[Reason]:
    """Return at most five reasons to look at a span of these, the most pressing first."""
    spans = [row.span for row in rows]
    failed = sorted((it for it in spans if it.status == "ERROR"), key=_start)
    if failed:
        yield _reason("first failure", f"{_words(failed[0])}: {failed[0].error_type or 'failed'}", failed[0])
        if len(failed) > 1:
            yield _reason("last failure", f"{_words(failed[-1])}: {failed[-1].error_type or 'failed'}", failed[-1])
    waits = [it for it in spans if it.kind == "hook" and it.duration_ms >= WAIT_MS]
    if waits:
        longest = max(waits, key=_duration)
        yield _reason("longest wait", _words(longest), longest)
    if loop := _loop(spans):
        yield _reason("loop", f"{_words(loop[0])}, {len(loop)} times", loop[0])
    turns = [it for it in spans if it.kind == "turn"]
    if len(turns) > 1:
        slowest = max(turns, key=_duration)
        yield _reason("slowest turn", _words(slowest), slowest)


def _loop(spans: Sequence[TreeSpan]) -> Sequence[TreeSpan]:
    """Return the longest run of equal calls below one parent, if there is one that is long enough."""
    calls = sorted((it for it in spans if it.kind == "tool"), key=lambda it: (it.parent_key, it.start_ms))
    runs = (list(run) for _, run in groupby(calls, key=lambda it: (it.parent_key, it.tool, it.label)))
    longest = max(runs, key=len, default=[])
    return longest if len(longest) >= LOOP_CALLS else []


def _reason(kind: str, text: str, span: TreeSpan) -> Reason:
    return Reason(kind, text, span.trace_id, span.span_id)


def _words(span: TreeSpan) -> str:
    return span.label or span.name


def _start(span: TreeSpan) -> float:
    return span.start_ms


def _duration(span: TreeSpan) -> float:
    return span.duration_ms
