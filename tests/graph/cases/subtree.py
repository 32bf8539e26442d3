"""`subtree`: a span and what is below it."""

from tests.graph.case import Case, Graph
from tests.graph.made import TRACE_A1, span_id, two_sessions

CASES = (
    Case(
        "below the call that launched an agent are the agent and its call",
        Graph(two_sessions()),
        [
            {"span_id": span_id(3), "parent_id": span_id(1), "depth": 0},
            {"span_id": span_id(4), "parent_id": span_id(3), "depth": 1},
            {"span_id": span_id(5), "parent_id": span_id(4), "depth": 2},
        ],
        {"trace_id": TRACE_A1, "span_id": span_id(3)},
    ),
)
