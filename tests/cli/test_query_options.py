"""Times as a person types them."""

import time

import click
import pytest

from cc_otel.cli.query_options import Time


def converted(text: str) -> float:
    """Return what a text means, ms since the epoch."""
    return Time().convert(text, None, None)


def test_days_begin_at_midnight() -> None:
    """`today` and `yesterday` are when those days began, by this machine's clock, as a date without a time is."""
    now = time.localtime()
    midnight_ms = time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1)) * 1000

    assert converted("today") == midnight_ms == converted(time.strftime("%F", now))
    assert 82_800_000 <= midnight_ms - converted("yesterday") <= 90_000_000


def test_a_duration_counts_back() -> None:
    """A duration is so long before now."""
    before_ms = time.time() * 1000

    assert 0 <= converted("2h") - (before_ms - 7_200_000) < 60_000


@pytest.mark.parametrize("text", ["tomorrow", "", "5 parsecs", "2026-13-01"])
def test_what_is_no_time(text: str) -> None:
    """Anything else is wrong usage, with an example of what is meant."""
    with pytest.raises(click.BadParameter, match="is no time: a duration before now"):
        converted(text)
