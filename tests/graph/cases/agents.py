"""`agents`: what subagents did and cost."""

from cc_otel.graph.store import Json
from tests.graph.case import Case, Graph
from tests.graph.made import span_id
from tests.graph.recorded import recorded
from tests.graph.story import story

PLAN: dict[str, Json] = {"agent": "invoke_agent Plan", "calls": 0, "own_usd": 0.0625, "cost_usd": 0.0625, "task": None}
EXPLORE: dict[str, Json] = {
    "span_id": span_id(10),
    "calls": 1,
    "errors": 1,
    "own_usd": 0.5,
    "cost_usd": 0.5625,
    "task": "Explored",
}

CASES = (
    Case("Explore cost $0.5 itself and $0.0625 in Plan below it", story(), [PLAN, {**EXPLORE, "unpriced_calls": 0}]),
    Case("session b had none", story(), [], {"session_id": "session-b"}),
    Case(
        "recorded: the agent that was launched last ran an echo that failed, the first made two calls",
        Graph(recorded("subagent")),
        [
            {
                "agent": "invoke_agent scout",
                "calls": 1,
                "errors": 1,
                "task": "Asked an agent: do B (in the background)",
            },
            {"agent": "invoke_agent general-purpose", "calls": 2, "errors": 0},
        ],
    ),
)
