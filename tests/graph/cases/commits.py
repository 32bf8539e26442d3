"""`commits`: what each cost."""

from cc_otel.graph.store import Json
from tests.graph.case import Case, Graph
from tests.graph.made import span_id
from tests.graph.recorded import recorded
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
    Case(
        "recorded: two commits, of which one was amended twice, the second time without an edit",
        Graph(recorded("story_commits")),
        [
            {"sha": "7c64ceb", "calls": 3, "subject": "Say what prices are in", "files": 1, "amended": None},
            {"sha": "6bf27e4", "calls": 1, "subject": "Count and compare prices right", "files": 0, "amended": 1},
            {"sha": "c8e6e48", "calls": 2, "subject": "Count and compare prices", "files": 1, "amended": 1},
            {
                "sha": "55a812c",
                "calls": 4,
                "subject": "Count the last price",
                "files": 1,
                "prompts": 1,
                "branch": "main",
            },
        ],
    ),
)
