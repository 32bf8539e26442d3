"""
A session made for counting: a test fails, is mended and passes, and the work is committed.

Trace a1, session a, in the repository acme; times are ms after `T0_NS`:

    1 turn "Mend the sum"                        0 to 5000
    2   chat, $0.125, asks for 3                100
    3   Bash pytest, failed with E             200 to 210
    4   chat, $0.25, asks for 5                300
    5   Edit src/sum.py, +2 -1, waited 50      400 to 410
    6   chat, no price, asks for 7 and 9       500
    7   Bash pytest, ok                        600 to 610     (3 is resolved by 7, because of 5)
    9   Agent, launches 10                     700 to 1500
    10    subagent Explore                     710 to 1400
    11      chat, $0.5                        720
    12      Bash ls, denied with D, waited 30        800 to 810
    13      subagent Plan                      900 to 990
    14        chat, $0.0625                      910
    8   Bash git commit: c1 "Mend the sum"    2000 to 2010
    15  chat, $1                           2100
    16  Bash git commit: c2, amended           3000 to 3010
    17  Read src/sum.py                        4000 to 4010

Session b, trace b1, an hour later: turn 20, Bash pytest 21 failed with E; and 22, 23, 24 the same call that fails three
times with F, of which the last two are the same again.
"""

import json
from typing import Any, Final, Unpack

from cc_otel.graph import model
from cc_otel.graph.store import Edge, Json
from cc_otel.span import AttributeValue, Link, Span
from tests.graph.case import Graph
from tests.graph.made import SUBAGENT, TRACE_A1, TRACE_B1, More, span, span_id

E: Final = "e" * 16
D: Final = "d" * 16
F: Final = "f" * 16
HOUR_MS: Final = 3_600_000
ACME: Final[dict[str, AttributeValue]] = {"cc_otel.vcs.repository": "acme", "cc_otel.vcs.root": "/acme"}


def key(number: int, trace_id: str = TRACE_A1) -> str:
    """Return the key of a span."""
    return f"{trace_id}-{span_id(number)}"


def _call(number: int, tool: str, label: str, said: dict[str, AttributeValue], **more: Unpack[More]) -> Span:
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "cc_otel.summary": label,
        "cc_otel.tool.outcome": "ok",
        **ACME,
        **said,
    }
    return span(number, f"execute_tool {tool}", attributes=attributes, **more)


def _chat(number: int, parent: int, start_ms: int, cost: float | None, *asks: int) -> Span:
    said: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m"}
    said |= {"gen_ai.usage.input_tokens": 10, **({} if cost is None else {"cc_otel.cost_usd": cost})}
    links = tuple(Link(TRACE_A1, span_id(asked), {"cc_otel.link": "asked_for"}) for asked in asks)
    return span(number, "chat m", parent=parent, start_ms=start_ms, attributes=said, links=links)


def _turn(number: int, label: str, **more: Unpack[More]) -> Span:
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "invoke_agent",
        "cc_otel.hook.event": "UserPromptSubmit",
        "cc_otel.summary": label,
    }
    return span(number, "invoke_agent claude-code", attributes={**said, **ACME}, **more)


def _failed(error: str, line: str) -> dict[str, AttributeValue]:
    said: dict[str, AttributeValue] = {
        "cc_otel.error.class": "exit_1",
        "cc_otel.error.line": line,
        "cc_otel.error.key": error,
    }
    return {**said, "cc_otel.tool.outcome": "failed", "cc_otel.command.program": "pytest"}


def _commit(sha: str, amended: bool) -> dict[str, AttributeValue]:
    item: dict[str, Json] = {
        "sha": sha,
        "subject": "Mend the sum",
        "branch": "main",
        "amended": amended,
        "certainty": "parsed",
    }
    return {"cc_otel.vcs.commits": json.dumps([item]), "cc_otel.command.program": "git"}


def _file(op: str, **more: int) -> dict[str, AttributeValue]:
    return {"cc_otel.files": json.dumps([{"path": "/acme/src/sum.py", "op": op, "certainty": "observed", **more}])}


def _derived(collection: str, source: str, target: str, session: str, at_ms: float, **more: Json) -> Edge:
    along: dict[str, Json] = {"session_id": session, "trace_id": source[:32], "start_ms": at_ms, "label": collection}
    ends = (f"spans/{source}", f"spans/{target}")
    return Edge(collection, f"{source}.{target}", *ends, {**along, "certainty": "parsed", **more})


def story() -> Graph:
    """Return the two sessions."""
    of_b: dict[str, Any] = {"trace_id": TRACE_B1, "session": "session-b"}
    denied: dict[str, AttributeValue] = {
        **_failed(D, ""),
        "cc_otel.error.class": "denied",
        "cc_otel.tool.outcome": "denied",
        "cc_otel.tool.wait_ms": 30,
        "cc_otel.command.program": "ls",
    }
    edit: dict[str, AttributeValue] = {**_file("edit", lines_added=2, lines_removed=1), "cc_otel.tool.wait_ms": 50}
    launched: dict[str, AttributeValue] = {"cc_otel.launched_by": span_id(9)}
    no_rule, red = _failed(F, "No rule"), _failed(E, "assert <n> == <n>")
    failures = [
        _call(n, "Bash", "Ran make: 2", no_rule, parent=20, start_ms=HOUR_MS + n * 100, error="exit_2", **of_b)
        for n in (22, 23, 24)
    ]
    spans = [
        _turn(1, "Mend the sum", end_ms=5_000),
        _chat(2, 1, 100, 0.125, 3),
        _call(3, "Bash", "Ran pytest: 1 failed", red, parent=1, start_ms=200, error="exit_1"),
        _chat(4, 1, 300, 0.25, 5),
        _call(5, "Edit", "Edited sum.py", edit, parent=1, start_ms=400),
        _chat(6, 1, 500, None, 7, 9),
        _call(7, "Bash", "Ran pytest: passed", {"cc_otel.command.program": "pytest"}, parent=1, start_ms=600),
        _call(9, "Agent", "Explored", {}, parent=1, start_ms=700, end_ms=1_500),
        span(10, "invoke_agent Explore", parent=9, start_ms=710, end_ms=1_400, attributes={**SUBAGENT, **launched}),
        _chat(11, 10, 720, 0.5),
        _call(12, "Bash", "Was not to list", denied, parent=10, start_ms=800, error="denied"),
        span(13, "invoke_agent Plan", parent=10, start_ms=900, end_ms=990, attributes=SUBAGENT),
        _chat(14, 13, 910, 0.0625),
        _call(8, "Bash", "Committed", _commit("c1", amended=False), parent=1, start_ms=2_000),
        _chat(15, 1, 2_100, 1.0),
        _call(16, "Bash", "Committed again", _commit("c2", amended=True), parent=1, start_ms=3_000),
        _call(17, "Read", "Read sum.py", _file("read"), parent=1, start_ms=4_000),
        _turn(20, "Try again", start_ms=HOUR_MS, end_ms=HOUR_MS + 9_000, **of_b),
        _call(21, "Bash", "Ran pytest: 1 failed", red, parent=20, start_ms=HOUR_MS + 100, error="exit_1", **of_b),
        *failures,
    ]
    fix: dict[str, Json] = {"rule": "covering_command", "level": "exact", "causes": [key(5)], "gap_ms": 390.0}
    first, *later = (key(n, TRACE_B1) for n in (22, 23, 24))
    again: dict[str, Json] = {"rule": "same_command", "level": "exact", "same_result": True, "run": first}
    return Graph(
        spans,
        edges=[
            _derived(model.RESOLVED_BY, key(3), key(7), "session-a", 200.0, **fix),
            _derived(model.RETRIED, first, later[0], "session-b", 1.0, attempt=2, **again),
            _derived(model.RETRIED, later[0], later[1], "session-b", 2.0, attempt=3, **again),
        ],
    )
