"""Spans made for tests: small, whole, and easy to count by hand."""

from collections.abc import Mapping
from typing import Final, TypedDict, Unpack

from cc_otel.span import AttributeValue, Link, Span, StatusCode

T0_NS: Final = 1_800_000_000_000_000_000
"""A whole second in January 2027, ns: what is made here starts then."""

TRACE_A1: Final = "a1" * 16
TRACE_A2: Final = "a2" * 16
TRACE_B1: Final = "b1" * 16
FOREIGN: Final = "f0" * 16


class More(TypedDict, total=False):
    """What may be said of any made span beside its number; see `span`."""

    trace_id: str
    parent: int | None
    start_ms: int
    end_ms: int | None
    session: str | None
    error: str
    links: tuple[Link, ...]


def span(
    number: int,
    name: str = "work",
    *,
    trace_id: str = TRACE_A1,
    parent: int | None = None,
    start_ms: int = 0,
    end_ms: int | None = None,
    session: str | None = "session-a",
    error: str = "",
    attributes: Mapping[str, AttributeValue] | None = None,
    links: tuple[Link, ...] = (),
) -> Span:
    """Make a span; its id is its number, times are ms after `T0_NS`, and it lasts 10 ms unless told otherwise."""
    named = {"session.id": session} if session else {}
    failed = {"error.type": error} if error else {}
    return Span(
        trace_id=trace_id,
        span_id=span_id(number),
        parent_id=None if parent is None else span_id(parent),
        name=name,
        start_ns=T0_NS + start_ms * 1_000_000,
        end_ns=T0_NS + (start_ms + 10 if end_ms is None else end_ms) * 1_000_000,
        status=StatusCode.ERROR if error else StatusCode.UNSET,
        attributes={**named, **failed, **(attributes or {})},
        links=links,
        resource={"service.name": "claude-code"},
        scope_name="cc_otel",
    )


def span_id(number: int) -> str:
    """Return the id of the span with this number."""
    return f"{number:016x}"


def turn(number: int, **more: Unpack[More]) -> Span:
    """Make a turn."""
    return span(number, "invoke_agent claude-code", attributes=_agent("UserPromptSubmit"), **more)


def tool(number: int, tool_name: str, arguments: str = "{}", summary: str = "", **more: Unpack[More]) -> Span:
    """Make a tool call with its arguments as JSON."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool_name,
        "gen_ai.tool.call.arguments": arguments,
        "cc_otel.hook.event": "PreToolUse",
        **({"cc_otel.summary": summary} if summary else {}),
    }
    return span(number, f"execute_tool {tool_name}", attributes=attributes, **more)


def _agent(hook: str) -> dict[str, AttributeValue]:
    return {"gen_ai.operation.name": "invoke_agent", "cc_otel.hook.event": hook}


SUBAGENT: Final[dict[str, AttributeValue]] = _agent("SubagentStart")


def two_sessions() -> list[Span]:
    """
    Make ten spans of two sessions and one stranger.

    Session a, trace a1: turn 1 over tools 2 (Bash, failed) and 3 (Agent), below 3 subagent 4, below 4 tool 5 (Read),
    and hook 6 under turn 1. Trace a2: turn 7 over chat 8. Session b: turn 9. Stranger: span 10.
    """
    return [
        turn(1, start_ms=0, end_ms=900),
        tool(2, "Bash", '{"command": "pytest -q"}', "Ran pytest -q: exit 1", parent=1, start_ms=100, error="exit_1"),
        tool(3, "Agent", parent=1, start_ms=200, end_ms=500),
        span(4, "invoke_agent Explore", parent=3, start_ms=210, end_ms=490, attributes=SUBAGENT),
        tool(5, "Read", '{"file_path": "/src/[id].tsx"}', "Read [id].tsx", parent=4, start_ms=220),
        span(6, "hook Stop", parent=1, start_ms=890, attributes={"cc_otel.hook.event": "Stop"}),
        turn(7, trace_id=TRACE_A2, start_ms=1_000, end_ms=1_500),
        span(
            8,
            "chat claude-opus",
            trace_id=TRACE_A2,
            parent=7,
            start_ms=1_100,
            attributes={"gen_ai.operation.name": "chat"},
        ),
        turn(9, trace_id=TRACE_B1, start_ms=5_000, end_ms=5_100, session="session-b"),
        span(10, "GET /", trace_id=FOREIGN, start_ms=3_000, session=None),
    ]
