"""`fixes`: where an error was seen, and what resolved it."""

from cc_otel.graph.store import Json
from tests.graph.case import Case
from tests.graph.made import span_id
from tests.graph.story import E, key, story

OF_A: dict[str, Json] = {
    "span_id": span_id(3),
    "label": "Ran pytest: 1 failed",
    "fix_id": key(7),
    "fix": "Ran pytest: passed",
    "fix_ms": 390.0,
    "causes": ["Edited sum.py"],
    "rule": "covering_command",
    "level": "exact",
}

CASES = (
    Case(
        "in session b nothing resolved E, in session a an edit and the test again",
        story(),
        [{"span_id": span_id(21), "fix_id": None, "fix": None, "causes": []}, OF_A],
        {"error_key": E},
    ),
    Case("in session a it was resolved", story(), [OF_A], {"error_key": E, "session_id": "session-a"}),
)
