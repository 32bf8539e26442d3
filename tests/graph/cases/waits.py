"""`waits`: how long calls waited for a person."""

from tests.graph.case import Case, Graph
from tests.graph.recorded import recorded
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
    Case(
        "recorded: a person was asked for nine seconds",
        Graph(recorded("made_permission_granted")),
        [{"tool": "Bash", "program": "touch", "waits": 1, "denied": 0}],
    ),
)
