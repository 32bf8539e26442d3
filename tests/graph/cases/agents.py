"""`agents`: what subagents did and cost."""

from cc_otel.graph.store import Json
from tests.graph.case import Case
from tests.graph.made import span_id
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
)
