"""`compare`: two sessions side by side."""

from typing import Final

from cc_otel.graph.store import Json
from cc_otel.span import AttributeValue
from tests.graph.case import Case, Graph
from tests.graph.made import TRACE_B1, span, span_id, tool, turn
from tests.graph.recorded import recorded

LS: Final = '{"command": "ls"}'
TEST: Final = '{"command": "pytest -q"}'
READ: Final = '{"file_path": "/src/a.py"}'
PRICED: Final[dict[str, AttributeValue]] = {"gen_ai.operation.name": "chat", "cc_otel.cost_usd": 0.5}
SPANS: Final = (
    turn(1, end_ms=900),
    tool(2, "Bash", LS, "Listed", parent=1, start_ms=100),
    tool(3, "Bash", TEST, "Tested", parent=1, start_ms=200, error="exit_1"),
    tool(4, "Read", READ, "Read a.py", parent=1, start_ms=300),
    span(5, "chat one", attributes=PRICED, parent=1, start_ms=400),
    turn(11, end_ms=500, trace_id=TRACE_B1, session="session-b"),
    tool(12, "Bash", LS, "Listed", parent=11, start_ms=100, trace_id=TRACE_B1, session="session-b"),
    tool(13, "Read", READ, "Read a.py", parent=11, start_ms=200, trace_id=TRACE_B1, session="session-b"),
)
ASKED: Final = {"session_id": "session-a", "other_session_id": "session-b"}


def _row(what: str, name: str, here: float, there: float) -> dict[str, Json]:
    return {"what": what, "name": name, "here": here, "there": there}


CASES = (
    Case(
        "both list; then a tests, which fails, where b reads; a has the only model call and takes 400 ms longer",
        Graph(SPANS),
        [
            _row("total", "duration_ms", 900, 500),
            _row("total", "calls", 3, 2),
            _row("total", "errors", 1, 0),
            _row("total", "model_calls", 1, 0),
            _row("total", "cost_usd", 0.5, 0),
            _row("total", "turns", 1, 1),
            {
                **_row("diverged", "pytest -q | Read a.py", 2, 2),
                "here_span_id": span_id(3),
                "there_span_id": span_id(13),
            },
            _row("file", "/src/a.py", 1, 1),
            _row("command", "pytest -q", 1, 0),
            _row("command", "ls", 1, 1),
            _row("error", "exit_1", 1, 0),
        ],
        ASKED,
    ),
    Case(
        "recorded: basic makes 7 calls, of which 3 fail, the loop 8 and 4; they part at the first",
        Graph(recorded("basic", "story_fail_loop")),
        [
            {"name": "duration_ms"},
            _row("total", "model_calls", 7, 9),
            _row("total", "calls", 7, 8),
            _row("total", "errors", 3, 4),
            {"name": "cost_usd"},
            _row("total", "turns", 1, 1),
            {"what": "diverged", "here": 1, "there": 1, "here_span_id": "5a33250da04d1b1b"},
            _row("file", "/home/dev/project/cart.py", 0, 3),
        ],
        {
            "session_id": "5d4f0993-3f11-468a-9f6c-7659adf67b58",
            "other_session_id": "7e1597d1-4fd4-42b7-bd4f-e3f21f128e69",
            "limit": 8,
        },
    ),
    Case(
        "a session beside one that is not there",
        Graph(SPANS[5:]),
        [
            _row("total", "duration_ms", 500, 0),
            _row("total", "calls", 2, 0),
        ],
        {"session_id": "session-b", "other_session_id": "session-c", "limit": 2},
    ),
)
