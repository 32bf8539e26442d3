"""`rework`: what was read or done twice for nothing."""

import json
from typing import Final

from cc_otel.graph.store import Json
from cc_otel.span import AttributeValue, Span
from tests.graph.case import Case, Graph
from tests.graph.made import span, span_id
from tests.graph.recorded import recorded


def _call(number: int, tool: str, arguments: dict[str, str], op: str = "", ranges: str = "", agent: str = "") -> Span:
    touched = {"path": "/src/a.py", "op": op, "ranges": [ranges]} if ranges else {"path": "/src/a.py", "op": op}
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "gen_ai.tool.call.arguments": arguments,
        **({"cc_otel.files": json.dumps([touched])} if op else {}),
        **({"cc_otel.agent.id": agent} if agent else {}),
    }
    return span(number, f"execute_tool {tool}", start_ms=number * 100, attributes=attributes)


def _row(number: int, what: str, before: int) -> dict[str, Json]:
    gap_ms = (number - before) * 100 - 10
    path = None if what == "command" else "/src/a.py"
    return {"span_id": span_id(number), "what": what, "path": path, "before_span_id": span_id(before), "gap_ms": gap_ms}


TEST: Final = {"command": "pytest -q"}
COMPACTION: Final = span(
    9, "compact", start_ms=900, attributes={"cc_otel.hook.event": "PreCompact", "gen_ai.conversation.compacted": True}
)
SPANS: Final = (
    _call(1, "Read", {}, "read", "1-200"),
    _call(2, "Bash", TEST),
    _call(3, "Read", {}, "read", "1-200"),  # Again, for nothing.
    _call(4, "Read", {}, "read", "201-400"),  # Another part.
    _call(5, "Bash", TEST),  # Again, for nothing.
    _call(6, "Edit", {"old_string": "one", "new_string": "two"}, "edit"),
    _call(7, "Read", {}, "read", "1-200"),  # It was changed.
    _call(8, "Bash", TEST),  # A file was changed.
    COMPACTION,
    _call(10, "Read", {}, "read", "1-200"),  # The compaction took it away.
    _call(11, "Edit", {"old_string": "two", "new_string": "one"}, "edit"),  # Takes 6 back.
    _call(12, "Read", {}, "read", "1-200", agent="x"),  # Another agent has not read it.
    _call(13, "Read", {}, "read", "1-200", agent="x"),  # Again, for nothing.
)

CASES = (
    Case(
        "13 reads what 12 did, 11 takes 6 back, 5 runs what 2 did, 3 reads what 1 did",
        Graph(SPANS),
        [_row(13, "read", 12), _row(11, "reverted", 6), _row(5, "command", 2), _row(3, "read", 1)],
    ),
    Case("the newest alone", Graph(SPANS), [_row(13, "read", 12)], {"limit": 1, "session_id": "session-a"}),
    Case(
        "recorded: a failing test that was run again with nothing changed",
        Graph(recorded("story_fail_loop")),
        [
            {
                "what": "command",
                "path": None,
                "span_id": "05edca361ee0f473",
                "before_span_id": "cdf1b0c6107e6afc",
            }
        ],
    ),
    Case("of another session nothing", Graph(SPANS), [], {"session_id": "session-b"}),
)
