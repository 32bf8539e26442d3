"""Parts of a tree."""

import pytest

from cc_otel.view.sessions import LAST
from cc_otel.view.tree_parts import NoSuchTurn, failures, of_turn
from cc_otel.view.trees import TreeSpan
from tests.view.made import tree_span

SESSION = [
    *(tree_span(0, kind="session"), tree_span(1, kind="turn"), tree_span(2, 1), tree_span(3, 2, status="ERROR")),
    *(tree_span(5, kind="turn"), tree_span(6, 5, outcome="refused"), tree_span(7, 6), tree_span(8, 5)),
]


def ids(spans: list[TreeSpan]) -> list[str]:
    """Return the ids of spans, sorted."""
    return sorted(span.span_id for span in spans)


def test_one_turn() -> None:
    """A turn is chosen by its number or as the last, with all below it; one that is not there is an error."""
    assert [ids(of_turn(SESSION, which)) for which in ("1", "2", LAST)] == [
        *(["s1", "s2", "s3"], ["s5", "s6", "s7", "s8"], ["s5", "s6", "s7", "s8"]),
    ]
    for spans, which, has in (
        (SESSION, "3", "turns 1 to 2"),
        (SESSION[:4], "0", "turn 1 alone"),
        ([], LAST, "no turn"),
    ):
        with pytest.raises(NoSuchTurn, match=f"; it has {has}$"):
            of_turn(spans, which)


def test_what_failed() -> None:
    """What failed or was refused is kept, with what it stands below and nothing else."""
    assert ids(failures(SESSION)) == ["s1", "s2", "s3", "s5", "s6"]
