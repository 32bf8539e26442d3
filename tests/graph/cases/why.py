"""`why`: what led to a span."""

from tests.graph.case import Case, Graph
from tests.graph.made import TRACE_A1, span_id
from tests.graph.recorded import recorded
from tests.graph.story import story

RECORDED = recorded("story_fix_loop")
EDIT = next(span for span in RECORDED if span.name == "execute_tool Edit")

CASES = (
    Case(
        "the edit was asked for by a call that had seen the test fail, under the turn's prompt",
        story(),
        [
            {"step": "prompt", "span_id": span_id(1), "label": "Mend the sum", "paths": []},
            {"step": "had", "span_id": span_id(3), "outcome": "failed", "paths": []},
            {"step": "asked", "span_id": span_id(4), "paths": []},
            {"step": "did", "span_id": span_id(5), "paths": ["src/sum.py"]},
        ],
        {"trace_id": TRACE_A1, "span_id": span_id(5)},
    ),
    Case("of what is not there nothing is known", story(), [], {"trace_id": TRACE_A1, "span_id": span_id(99)}),
    Case(
        "recorded: the first edit was asked for once the file had been read",
        Graph(RECORDED),
        [
            {"step": "prompt", "label": "make the cart's tests pass → Both tests pass now."},
            {"step": "had", "label": "Read cart.py (12 lines)", "paths": ["/home/dev/project/cart.py"]},
            {"step": "asked", "label": "asked for Edit"},
            {"step": "did", "name": "execute_tool Edit", "paths": ["/home/dev/project/cart.py"]},
        ],
        {"trace_id": EDIT.trace_id, "span_id": EDIT.span_id},
    ),
)
