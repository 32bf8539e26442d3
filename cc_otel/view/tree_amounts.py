"""What turns and agents took in sum: all model calls and all waits below them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cc_otel.graph.store import GraphStore, Json, Query
from cc_otel.view.trees import Forest, TreeSpan

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Amounts:
    """
    What some model calls took, and how long one waited for a person; ``cost_usd`` is None where no price is known.

    ``unpriced_calls`` are those that are not in it.
    """

    input_tokens: float = 0
    output_tokens: float = 0
    cost_usd: float | None = None
    calls: int = 0
    unpriced_calls: int = 0
    wait_ms: float = 0.0

    def __add__(self, other: "Amounts") -> "Amounts":
        known = [it.cost_usd for it in (self, other) if it.cost_usd is not None]
        return Amounts(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(known) if known else None,
            self.calls + other.calls,
            self.unpriced_calls + other.unpriced_calls,
            self.wait_ms + other.wait_ms,
        )


NOTHING = Amounts()


def cost_rows(store: GraphStore, spans: Sequence[TreeSpan]) -> list[Mapping[str, Json]]:
    """
    Return the rows of the ``cost`` query that these spans may be the agents of.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    if not spans:
        return []
    sessions, traces = {span.session_id for span in spans}, {span.trace_id for span in spans}
    starts = [span.start_ms for span in spans]
    # Model calls stand among the spans: none of theirs began before the first of them or after the last.
    wanted: dict[str, str | float | None] = {"since_ms": min(starts), "until_ms": max(starts) + 1}
    if len(traces) == 1:
        wanted["trace_id"] = next(iter(traces))
    elif len(sessions) == 1:
        wanted["session_id"] = next(iter(sessions))
    return [row for row in store.query(Query("cost", wanted)) if row["trace_id"] in traces]


def amounts_of(grown: Forest, rows: Iterable[Mapping[str, Json]]) -> Mapping[_Key, Amounts]:
    """Return for each span what it and all below it took, from these rows of the ``cost`` query."""
    found: dict[_Key, Amounts] = defaultdict(Amounts)
    for row in rows:
        found[str(row["trace_id"]), str(row["agent_id"])] += _amounts(row)
    for span, parent in reversed(list(_from_the_top(grown))):
        found[span.key] += Amounts(wait_ms=_waited_ms(span))
        if parent is not None:
            found[parent.key] += found[span.key]
    return found


def _amounts(row: Mapping[str, Json]) -> Amounts:
    names = ("input_tokens", "output_tokens", "calls", "unpriced_calls")
    values = {name: value for name in names if isinstance(value := row[name], int | float)}
    cost = row["cost_usd"]
    return Amounts(
        input_tokens=values.get("input_tokens", 0),
        output_tokens=values.get("output_tokens", 0),
        cost_usd=cost if isinstance(cost, int | float) else None,
        calls=int(values.get("calls", 0)),
        unpriced_calls=int(values.get("unpriced_calls", 0)),
    )


def _waited_ms(span: TreeSpan) -> float:
    """Return how long a call waited, or has waited so far: its wait is a span of its own only while it is open."""
    if span.kind == "hook":
        return span.duration_ms if span.open else 0.0
    return span.wait_ms or 0.0


def _from_the_top(grown: Forest) -> Iterable[tuple[TreeSpan, TreeSpan | None]]:
    # Not by recursion: a trace may be deeper than Python's own calls may be.
    todo: list[tuple[TreeSpan, TreeSpan | None]] = [(root, None) for root in grown.roots]
    while todo:
        span, parent = todo.pop()
        yield span, parent
        todo += [(child, span) for child in grown.below(span)]
