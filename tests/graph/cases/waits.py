"""`waits`: how long calls waited for a person."""

from tests.graph.case import Case
from tests.graph.story import story

CASES = (
    Case(
        "an edit waited 50 ms and was granted, a listing waited 30 ms and was denied",
        story(),
        [
            {"tool": "Edit", "program": None, "waits": 1, "wait_ms": 50, "longest_ms": 50, "denied": 0},
            {"tool": "Bash", "program": "ls", "waits": 1, "wait_ms": 30, "longest_ms": 30, "denied": 1},
        ],
    ),
    Case("session b waited for nobody", story(), [], {"session_id": "session-b"}),
)
