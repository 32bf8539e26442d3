"""`errors`: what went wrong, how often."""

from cc_otel.graph.store import Json
from tests.graph.case import Case, Graph
from tests.graph.made import T0_NS
from tests.graph.recorded import recorded
from tests.graph.story import D, E, F, story

T0_MS = T0_NS / 1e6
OF_E: dict[str, Json] = {"error_key": E, "class": "exit_1", "tool": "pytest", "sample": "assert <n> == <n>"}

CASES = (
    Case(
        "F failed 3 times in session b, E once in each session, resolved in one after 390 ms, D once",
        story(),
        [
            {"error_key": F, "times": 3, "sessions": 1, "resolved": 0, "fix_ms": None},
            {**OF_E, "times": 2, "sessions": 2, "resolved": 1, "fix_ms": 390.0},
            {"error_key": D, "class": "denied", "times": 1, "last_ms": T0_MS + 800},
        ],
    ),
    Case("D came last in session a", story(), [{"error_key": D}, {"error_key": E}], {"session_id": "session-a"}),
    Case("before D there was E once", story(), [{"error_key": E, "times": 1}], {"until_ms": T0_MS + 800}),
    Case("both are pytest's", story(), [{"error_key": F}, {"error_key": E}], {"tool": "pytest", "repository": "acme"}),
    Case("no other repository", story(), [], {"repository": "other"}),
    Case(
        "recorded: eight calls were refused or denied, two of them alike twice",
        Graph(recorded("story_refused_denied")),
        [
            {"times": 2, "class": "string_not_found", "tool": "Edit"},
            {"times": 1, "class": "denied", "tool": "Write"},
            {"times": 1, "class": "denied", "tool": "git"},
            {"times": 1, "class": "unknown_tool", "tool": "Teleport"},
            {"times": 1, "class": "invalid_input", "tool": "Read"},
            {"times": 1, "class": "not_found", "tool": "Read"},
            {"times": 1, "class": "ambiguous_match", "tool": "Edit"},
        ],
    ),
    Case(
        "recorded: the test failed twice before it passed, one edit was refused",
        Graph(recorded("story_fix_loop")),
        [
            {"times": 2, "class": "AssertionError", "tool": "unittest"},
            {"times": 1, "class": "string_not_found", "tool": "Edit"},
        ],
    ),
)
