"""The queries that docs/arangodb.md offers to paste are run, so that they work when somebody does."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.mapping import mapping
from tests.graph.arango.standin.client import send
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.made import TRACE_A1, TRACE_A2, TRACE_B1, span_id, two_sessions

DOCUMENT = Path(__file__).parents[3] / "docs" / "arangodb.md"
QUERIES = re.findall(r"```aql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
PARAMETERS = {"start": f"spans/{TRACE_A1}-{span_id(3)}", "path": "/src/[id].tsx"}
LABEL = "invoke_agent claude-code"


def row_of_turn(trace_id: str, number: int, session: str, seconds: float) -> Mapping[str, Any]:
    """Return a row of the newest turns."""
    return {"start": f"spans/{trace_id}-{span_id(number)}", "label": LABEL, "session": session, "seconds": seconds}


def row_of_tool(tool: str, calls: int, failed: int, total_ms: float, longest_ms: float) -> Mapping[str, Any]:
    """Return a row of where the time goes."""
    return {"tool": tool, "calls": calls, "failed": failed, "total_ms": total_ms, "longest_ms": longest_ms}


ANSWERS: list[list[Any]] = [
    [
        row_of_turn(TRACE_B1, 9, "session-b", 0.1),
        row_of_turn(TRACE_A2, 7, "session-a", 0.5),
        row_of_turn(TRACE_A1, 1, "session-a", 0.9),
    ],
    [f"{TRACE_A1}-{span_id(4)}", f"{TRACE_A1}-{span_id(5)}"],
    [
        row_of_tool("Agent", 1, 0, 300, 300),
        row_of_tool("Bash", 1, 1, 10, 10),
        row_of_tool("Read", 1, 0, 10, 10),
    ],
    [{"error_type": "exit_1", "tool": "Bash", "times": 1}],
    [{"path": "/src/[id].tsx", "op": "read", "times": 1}],
    [{"session": "session-a", "times": 1}],
]


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_a_query_of_the_document_answers(number: int) -> None:
    """A query of the document gives the rows it promises; the one for words is beyond the stand-in, as it says."""
    query = QUERIES[number]
    parameters = {name: value for name, value in PARAMETERS.items() if f"@{name}" in query}
    with running(StandIn()) as standin:
        ArangoStore(standin.url, standin.password).write(mapping.of(two_sessions()))
        body = {"query": query, "bindVars": parameters}
        status, _, _, answer = send(standin, "POST", "/_db/cc_otel/_api/cursor", body)
    rows = [row.get("_key", row) for row in answer.get("result", [])]

    assert (status, rows) == (501, []) if "TOKENS" in query else (201, ANSWERS[number]) == (status, rows)


def test_every_query_of_the_document_is_tried() -> None:
    """No query is offered that nobody has tried, but for the one that says so."""
    assert len(ANSWERS) == len(QUERIES) - 1
