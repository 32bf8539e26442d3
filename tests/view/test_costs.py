"""Sums of what model calls took."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from cc_otel.graph.store import Json, Query
from cc_otel.view.costs import GROUPINGS, SUMMED, costs, sums, total

ROW: Final[dict[str, Json]] = {
    "session_id": "s",
    "trace_id": "t",
    "agent": "a",
    "label": "l",
    "model": "m",
    "start_ms": 0.0,
    "project": None,
    **dict.fromkeys(SUMMED, 0),
}


def test_rows_of_one_group_are_added_up() -> None:
    """What is equal in the columns of a grouping is one sum, in the order of the first of each."""
    rows: list[dict[str, Json]] = [
        ROW | {"calls": 2, "input_tokens": 10.0, "cost_usd": 0.1},
        ROW | {"session_id": "other", "calls": 1, "cost_usd": None},
        ROW | {"trace_id": "u", "calls": 3, "input_tokens": 5.0, "cost_usd": 0.2},
    ]

    by_session = [it.to_json() for it in sums(rows, GROUPINGS["session"])]
    assert [(it["session_id"], it["calls"], it["input_tokens"], it["cost_usd"]) for it in by_session] == [
        ("s", 5, 15.0, 0.3),
        ("other", 1, 0, None),
    ]
    assert [it.group for it in sums(rows, GROUPINGS["turn"])] == [
        {"session_id": "s", "trace_id": "t"},
        {"session_id": "other", "trace_id": "t"},
        {"session_id": "s", "trace_id": "u"},
    ]


def test_a_total_is_the_sum_of_sums() -> None:
    """All sums together are what all rows are, with the calls that have no price."""
    rows = [
        ROW | {"calls": 2, "cost_usd": 0.1},
        ROW | {"model": "n", "calls": 1, "cost_usd": None, "unpriced_calls": 1},
        ROW | {"model": "o", "calls": 1, "cost_usd": 0.2},
    ]

    assert total(sums(rows, GROUPINGS["model"])).amounts == {
        **dict.fromkeys(SUMMED, 0),
        "calls": 4,
        "cost_usd": 0.3,
        "unpriced_calls": 1,
    }


@pytest.mark.parametrize("amount", [None, "many", 1e308])
def test_an_amount_that_cannot_be_is_no_reason_to_fail(amount: Json) -> None:
    """Whatever others wrote as an amount, there is a sum."""
    [total] = sums([ROW | {"input_tokens": amount}, ROW | {"input_tokens": amount}], ())

    assert total.amounts["calls"] == 0


class Answering:
    """A store that answers every question with the same rows."""

    def __init__(self, *rows: dict[str, Json]) -> None:
        self._rows = rows

    def query(self, _query: Query) -> Iterator[dict[str, Json]]:
        """Return them."""
        yield from self._rows


def test_days_and_projects() -> None:
    """A call is the day's, by this machine's clock, on which it began; an agent without a project has its session's."""
    day_ms = 86_400_000.0
    rows = (
        ROW | {"start_ms": 20_000 * day_ms, "calls": 1, "project": "app"},
        ROW | {"start_ms": 20_001 * day_ms, "calls": 2},
        ROW | {"start_ms": 1e300, "calls": 4, "session_id": "elsewhere"},
    )
    store: Any = Answering(*rows)
    days = [time.strftime("%F", time.localtime(number * 86_400)) for number in (20_000, 20_001)]

    assert [(*it.group.values(), it.amounts["calls"]) for it in costs(store, "day", {})] == [
        *((days[0], 1), (days[1], 2), (None, 4)),
    ]
    assert [(*it.group.values(), it.amounts["calls"]) for it in costs(store, "project", {})] == [("app", 3), (None, 4)]
