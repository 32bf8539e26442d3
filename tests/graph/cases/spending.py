"""`spending`: what model calls cost by what they asked for."""

from tests.graph.case import Case, Graph
from tests.graph.recorded import recorded
from tests.graph.story import story

CASES = (
    Case(
        "an edit $0.25, a test $0.125 and half a call without a price, an agent the other half, no tool the rest",
        story(),
        [
            {"name": None, "asked": 0, "cost_usd": 1.5625, "unpriced_calls": 0},
            {"name": "Edit", "asked": 1, "cost_usd": 0.25, "unpriced_calls": 0},
            {"name": "Bash", "asked": 2, "cost_usd": 0.125, "unpriced_calls": 0.5},
            {"name": "Agent", "asked": 1, "cost_usd": None, "unpriced_calls": 0.5},
        ],
    ),
    Case(
        "no skill was asked for",
        story(),
        [{"name": None, "asked": 4, "cost_usd": 1.9375, "unpriced_calls": 1}],
        {"by": "skill"},
    ),
    Case(
        "recorded: four commands, three edits, one of them refused, a file read, and an answer",
        Graph(recorded("story_fix_loop")),
        [{"name": "Bash", "asked": 4}, {"name": "Edit", "asked": 3}, {"name": None}, {"name": "Read", "asked": 1}],
    ),
)
