"""What model calls took, added up by what one wants to see: day, project, session, turn, agent, model."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cc_otel.graph.store import GraphStore, Json, Query

GROUPINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "day": ("day",),
    "project": ("project",),
    "session": ("session_id",),
    "turn": ("session_id", "trace_id"),
    "agent": ("session_id", "agent", "label"),
    "model": ("model",),
}
"""
What a sum is of, and the columns of the ``cost`` query that tell one sum from another.

Beside them there is the day, by this machine's clock, on which a turn's or agent's first call with a model began.
"""

SUMMED: Final = (
    *("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd"),
    "unpriced_calls",
)

_DIGITS: Final = 9
"""Sums of dollars are rounded to a billionth: what is beyond comes from adding binary fractions."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The sum of some model calls: what they have in common, and their amounts; ``cost_usd`` is None if unknown."""

    group: Mapping[str, Json]
    amounts: Mapping[str, float | None]

    def to_json(self) -> dict[str, Json]:
        """Return it as one object."""
        return {**self.group, **self.amounts}


def costs(store: GraphStore, by: str, wanted: Mapping[str, str | int | float | None]) -> list[Cost]:
    """
    Return the sums over the ``cost`` query with these parameters, in the order in which their first calls began.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    return sums(_with_days_and_projects(store.query(Query("cost", wanted))), GROUPINGS[by])


def _with_days_and_projects(rows: Iterable[Mapping[str, Json]]) -> Iterator[Mapping[str, Json]]:
    """Return the rows with their days, and agents that name no project with that of their session."""
    found = list(rows)
    known = {row["session_id"]: row["project"] for row in reversed(found) if row["project"]}
    for row in found:
        project = row["project"] or known.get(row["session_id"])
        yield {**row, "day": _day(row["start_ms"]), "project": project}


def _day(at_ms: Json) -> str | None:
    try:
        return time.strftime("%F", time.localtime(float(str(at_ms)) / 1000))
    except (ValueError, OverflowError, OSError):
        # Spans may name times that no calendar has.
        return None


def sums(rows: Iterable[Mapping[str, Json]], keys: tuple[str, ...]) -> list[Cost]:
    """Return the rows of the ``cost`` query added up, one sum for all rows that are equal in these columns."""
    groups: dict[tuple[Json, ...], list[Mapping[str, Json]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [Cost(dict(zip(keys, group, strict=True)), _added(members)) for group, members in groups.items()]


def total(costs_: Iterable[Cost]) -> Cost:
    """Return the sum of sums."""
    return Cost({}, _added([cost.amounts for cost in costs_]))


def _added(rows: Iterable[Mapping[str, Json]]) -> dict[str, float | None]:
    amounts: dict[str, float | None] = {**dict.fromkeys(SUMMED, 0), "cost_usd": None}
    for row in rows:
        for name in SUMMED:
            if isinstance(amount := row[name], int | float):
                amounts[name] = round((amounts[name] or 0) + amount, _DIGITS)
    return amounts
