"""A session's page: the order of its rows, and what is worth a look."""

from cc_otel.view.session_page import Row, worth_a_look
from cc_otel.view.trees import TreeSpan
from tests.view.made import tree_span


def reasons(*spans: TreeSpan) -> list[tuple[str, str]]:
    """Return kind and span of the reasons."""
    return [(it.kind, it.span_id) for it in worth_a_look([Row(0, span) for span in spans])]


def test_nothing_is_worth_a_look_where_all_went_well() -> None:
    """One turn whose calls succeeded gives no reason."""
    assert reasons(tree_span(1, kind="turn"), tree_span(2, 1)) == []


def test_failures_waits_loops_and_slow_turns() -> None:
    """The first and the last failure, the longest wait, the longest loop, the slowest turn: five at most."""
    spans = [
        tree_span(1, kind="turn", duration_ms=50.0),
        tree_span(2, kind="turn", duration_ms=90.0),
        tree_span(9, 1, status="ERROR"),
        tree_span(5, 1, status="ERROR"),
        tree_span(6, 1, kind="hook", duration_ms=60_000.0),
        *(tree_span(number, 2, tool="Read", label="Read a.py") for number in (20, 21, 22, 23)),
    ]

    assert reasons(*spans) == [
        ("first failure", "s5"),
        ("last failure", "s9"),
        ("longest wait", "s6"),
        ("loop", "s20"),
        ("slowest turn", "s2"),
    ]


def test_equal_calls_with_another_between_are_no_loop() -> None:
    """A loop is of equal calls in a row, below one parent."""
    calls = [tree_span(number, 1, tool="Read", label="b" if number == 3 else "a") for number in range(1, 7)]
    elsewhere = [tree_span(number, number, tool="Read", label="a") for number in range(10, 16)]

    assert reasons(*calls, *elsewhere) == []
