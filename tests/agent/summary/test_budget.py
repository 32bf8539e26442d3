"""Calls and dollars are counted against the day, whatever happens to the agent."""

import time

from cc_otel.agent.summary.budget import Allowance, Budget, Spent

WIDE = Allowance(usd_per_day=1.0, calls_per_day=100, calls_per_minute=100)


def today(budget: Budget) -> tuple[int, float, int]:
    """Give what was used today."""
    spent = budget.spent()
    return spent.calls, spent.usd, spent.unpriced


def test_restart_goes_on_with_the_day() -> None:
    """What was used before a restart still counts after it."""
    saved: list[str] = []
    first = Budget(WIDE, "", saved.append)
    first.take()
    first.pay(0.25)
    first.take()
    first.pay(None)
    again = Budget(WIDE, saved[-1], saved.append)

    assert today(again) == (2, 0.25, 1)


def test_call_counts_before_it_ends() -> None:
    """A call is counted when it begins: an agent killed in the middle has not asked for nothing."""
    saved: list[str] = []
    Budget(WIDE, "", saved.append).take()

    assert today(Budget(WIDE, saved[-1], saved.append)) == (1, 0.0, 0)


def test_new_day_begins_anew() -> None:
    """What was used on an earlier day does not count today."""
    budget = Budget(WIDE, '{"day":"2001-02-03","calls":100,"usd":1.0,"unpriced":0}', lambda _: None)

    assert (budget.limited(), budget.take()) == ("", True)
    assert today(budget) == (1, 0.0, 0)


def test_clock_put_back_gives_no_second_day() -> None:
    """What was used on a day that the clock has not reached yet counts until it has."""
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400))
    budget = Budget(WIDE, f'{{"day":"{tomorrow}","calls":100,"usd":0.0,"unpriced":0}}', lambda _: None)

    assert (budget.limited(), budget.take()) == ("100 calls a day", False)


def test_clock_far_ahead_does_not_end_all_days() -> None:
    """What was used on a day years ahead was used with a wrong clock, and does not count until then."""
    saved: list[str] = []
    budget = Budget(WIDE, '{"day":"2999-02-03","calls":100,"usd":1.0,"unpriced":0}', saved.append)

    assert (budget.limited(), budget.take()) == ("", True)
    assert today(Budget(WIDE, saved[-1], saved.append)) == (1, 0.0, 0)


def test_limits_stand_in_words() -> None:
    """At each limit no call may begin, and the limit is told in words."""
    by_minute = Budget(Allowance(1.0, 100, 2), "", lambda _: None)
    by_day = Budget(Allowance(1.0, 2, 100), "", lambda _: None)
    by_price = Budget(Allowance(0.5, 100, 100), "", lambda _: None)
    nothing = Budget(Allowance(0.0, 100, 100), "", lambda _: None)
    taken = [budget.take() for budget in (by_minute, by_day, by_price) for _ in range(2)]
    by_price.pay(0.5)

    assert taken == [True] * 6
    assert [budget.limited() for budget in (by_minute, by_day, by_price, nothing)] == [
        "2 calls a minute",
        "2 calls a day",
        "$0.5 a day",
        "$0 a day",
    ]
    assert [budget.take() for budget in (by_minute, by_day, by_price, nothing)] == [False] * 4


def test_unreadable_savings_are_none() -> None:
    """What another version saved, or nobody, is a day on which nothing was used."""
    assert [today(Budget(WIDE, saved, lambda _: None)) for saved in ("", "null", '{"x": 1}')] == [(0, 0.0, 0)] * 3


def test_spent_is_whole() -> None:
    """What was used is told with its day."""
    budget = Budget(WIDE, "", lambda _: None)
    spent = budget.spent()

    assert spent == Spent(spent.day)
