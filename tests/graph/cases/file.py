"""`file`: who touched it."""

from cc_otel.graph.store import Json
from tests.graph.case import Case, Graph
from tests.graph.made import span_id
from tests.graph.recorded import recorded
from tests.graph.story import story

READ: dict[str, Json] = {
    "op": "read",
    "span_id": span_id(17),
    "prompt": "Mend the sum",
    "failed_next": None,
    "path": "src/sum.py",
}
EDIT: dict[str, Json] = {
    "op": "edit",
    "span_id": span_id(5),
    "lines_added": 2,
    "lines_removed": 1,
    "failed_next": "Was not to list",
}

CASES = (
    Case(
        "it was read last, edited before that, and the next call to fail was denied",
        story(),
        [READ, EDIT],
        {"path": "src/sum.py"},
    ),
    Case("the end of a path names it too", story(), [READ], {"path": "sum.py", "limit": 1, "repository": "acme"}),
    Case("half a name does not", story(), [], {"path": "um.py"}),
    Case(
        "recorded: read once, edited twice, and refused once in between, the test failing after all but the last two",
        Graph(recorded("story_fix_loop")),
        [
            {"op": "edit", "outcome": "ok", "lines_added": 1, "failed_next": None},
            {"op": "edit", "outcome": "refused", "failed_next": None},
            {
                "op": "edit",
                "outcome": "ok",
                "failed_next": "Ran python3 -m unittest test_cart: exit 1, 1 failed, 1 passed",
            },
            {"op": "read", "outcome": "ok", "prompt": "make the cart's tests pass → Both tests pass now."},
        ],
        {"path": "cart.py"},
    ),
)
