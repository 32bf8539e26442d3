"""Sums of what model calls took."""

from typing import Final

import pytest

from cc_otel.graph.store import Json
from cc_otel.view.costs import GROUPINGS, SUMMED, sums, total

ROW: Final[dict[str, Json]] = {
    "session_id": "s",
    "trace_id": "t",
    "agent": "a",
    "label": "l",
    "model": "m",
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
