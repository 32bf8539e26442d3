"""`why`: what led to a span."""

from tests.graph.case import Case
from tests.graph.made import TRACE_A1, span_id
from tests.graph.story import story

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
)
