"""`commits`: what each cost."""

from cc_otel.graph.store import Json
from tests.graph.case import Case
from tests.graph.made import span_id
from tests.graph.story import story

AMENDED: dict[str, Json] = {
    "sha": "c2",
    "amended": 1,
    "calls": 1,
    "cost_usd": 1.0,
    "unpriced_calls": 0,
    "prompts": 0,
    "files": 0,
}
FIRST: dict[str, Json] = {
    "sha": "c1",
    "subject": "Mend the sum",
    "amended": 0,
    "calls": 5,
    "cost_usd": 0.9375,
    "unpriced_calls": 1,
}

CASES = (
    Case(
        "c1 took the five calls before it, one without a price, and one edited file; c2 the one in between",
        story(),
        [AMENDED, {**FIRST, "prompts": 1, "files": 1, "span_id": span_id(8), "repository": "acme"}],
    ),
    Case("the last alone still ends at the one before", story(), [AMENDED], {"limit": 1, "session_id": "session-a"}),
)
