"""What is news of spans, and that it is news once."""

from hypothesis import given
from hypothesis import strategies as st

from cc_otel.view.happenings import LONG_MS, Teller, What
from tests.view.made import tree_span


def said(
    teller: Teller, ended: object = (), going_on: object = (), now_ms: float = 0.0
) -> list[tuple[What, float, str]]:
    """Return what happened, when, and to which span."""
    return [(it.what, it.at_ms, it.span_id) for it in teller.news(ended, going_on, now_ms)]  # type: ignore[arg-type]


def test_each_thing_is_said_once() -> None:
    """A turn begins once and ends once, however often it is seen; a wait is said when it begins."""
    teller = Teller()
    turn, wait = tree_span(1, kind="turn", open=True), tree_span(2, 1, kind="hook", open=True)

    assert said(teller, going_on=[wait, turn]) == [(What.BEGAN, 1.0, "s1"), (What.WAITING, 2.0, "s2")]
    assert said(teller, going_on=[turn, wait]) == []
    assert said(teller, [tree_span(1, kind="turn"), tree_span(1, kind="turn")], [wait]) == [(What.ENDED, 6.0, "s1")]


def test_a_call_that_takes_long_is_mentioned_while_it_goes_on() -> None:
    """A call is said when it has ended, and before only if it takes long."""
    teller, call = Teller(), tree_span(1, open=True)

    assert said(teller, going_on=[call], now_ms=LONG_MS) == []
    assert said(teller, going_on=[call], now_ms=LONG_MS + 1) == [(What.RUNNING, LONG_MS + 1, "s1")]
    assert said(teller, [tree_span(1, status="ERROR")]) == [(What.FAILED, 6.0, "s1")]


def test_instants_are_no_news_but_failures() -> None:
    """A hook event without duration is not said, unless it failed."""
    quiet, failed = (tree_span(n, kind="hook", duration_ms=0.001, status=s) for n, s in ((1, "UNSET"), (2, "ERROR")))

    assert said(Teller(), [quiet, failed]) == [(What.FAILED, 7.0, "s2")]


def test_what_was_stored_does_not_begin_again() -> None:
    """A look at open spans that comes after a span was stored says nothing of it."""
    teller = Teller()
    teller.news([tree_span(1, kind="subagent")], (), 0)

    assert said(teller, going_on=[tree_span(1, kind="subagent", open=True)]) == []


@given(st.lists(st.lists(st.integers(0, 8), max_size=6), max_size=6))
def test_however_the_feed_repeats_itself(looks: list[list[int]]) -> None:
    """Whatever is returned again by the feed, each span has ended once."""
    teller = Teller()
    ended = [at for look in looks for at in said(teller, [tree_span(number) for number in look])]

    assert sorted(span_id for _, _, span_id in ended) == sorted({f"s{n}" for look in looks for n in look})
