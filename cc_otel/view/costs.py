"""What model calls took, added up by what one wants to see: session, turn, agent, model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cc_otel.graph.store import GraphStore, Json, Query

GROUPINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "session": ("session_id",),
    "turn": ("session_id", "trace_id"),
    "agent": ("session_id", "agent", "label"),
    "model": ("model",),
}
"""What a sum is of, and the columns of the ``cost`` query that tell one sum from another."""

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
    return sums(store.query(Query("cost", wanted)), GROUPINGS[by])


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
