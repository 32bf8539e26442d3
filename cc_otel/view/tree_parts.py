"""Parts of a tree: one turn of a session, or what failed with all above it."""

from collections.abc import Sequence
from typing import Final

from cc_otel.view.sessions import LAST
from cc_otel.view.trees import TreeSpan, forest

BAD_OUTCOMES: Final = frozenset({"failed", "refused", "denied", "interrupted"})
"""Calls that ended so did not do what they were asked to, whatever their status says."""


class NoSuchTurn(LookupError):
    """A session has no turn of that number."""


def of_turn(spans: Sequence[TreeSpan], which: str) -> list[TreeSpan]:
    """
    Return a turn with all below it: by its number, counted from 1 in the order in which they began, or as `LAST`.

    Raises:
        NoSuchTurn: there is none of that number.

    """
    turns = sorted((span for span in spans if span.kind == "turn"), key=lambda span: (span.start_ms, span.key))
    number = len(turns) if which == LAST else int(which)
    if not 1 <= number <= len(turns):
        have = "no turn" if not turns else f"turns 1 to {len(turns)}" if len(turns) > 1 else "turn 1 alone"
        raise NoSuchTurn(f"there is no turn {which}; it has {have}")
    grown = forest(spans)
    found, todo = [], [turns[number - 1]]
    while todo:
        span = todo.pop()
        found.append(span)
        todo += grown.below(span)
    return found


def is_failure(span: TreeSpan) -> bool:
    """Whether a span failed, or is a call that was refused or interrupted."""
    return span.status == "ERROR" or span.outcome in BAD_OUTCOMES


def failures(spans: Sequence[TreeSpan]) -> list[TreeSpan]:
    """Return the spans that failed, with all that they stand below."""
    known = {span.key: span for span in spans}
    kept: dict[tuple[str, str], TreeSpan] = {}
    for span in filter(is_failure, spans):
        above: TreeSpan | None = span
        while above is not None and above.key not in kept:
            kept[above.key] = above
            above = known.get(above.parent_key)
    return list(kept.values())
