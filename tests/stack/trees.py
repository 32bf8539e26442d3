"""Spans as the agent makes them: sessions with turns, tools, a subagent, model calls, failures and late instants."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cc_otel import __version__
from cc_otel import conventions as c
from cc_otel.span import INSTANT_NS, Attributes, Kind, Link, Span, StatusCode, span_id_of, trace_id_of

START_NS: Final = 1_790_000_000_123_456_789
RESOURCE: Final[Attributes] = {
    c.SERVICE_NAME: c.SERVICE_NAME_VALUE,
    c.SERVICE_VERSION: "2.1.330",
    c.HOST_NAME: "workstation",
}
_NS_PER_MS = 1_000_000


def session(name: str, turns: int = 2, start_ns: int = START_NS) -> list[Span]:
    """Return a session's spans, parents before children; each turn is a trace and links to the one before."""
    spans: list[Span] = []
    for number in range(turns):
        links = (Link(spans[0].trace_id, spans[0].span_id, {c.LINK: "previous_turn"}),) if spans else ()
        spans = [*_turn(name, number, start_ns + number * 60_000 * _NS_PER_MS, links), *spans]
    return sorted(spans, key=lambda span: span.start_ns)


def traces_of(spans: Iterable[Span]) -> set[str]:
    """Return the ids of the spans' traces."""
    return {span.trace_id for span in spans}


def plain(name: str, number: int, size_bytes: int = 0, **attributes: str) -> Span:
    """Return one root span, in a trace of its own."""
    return Span(
        trace_id=trace_id_of(name, str(number)),
        span_id=span_id_of(name, str(number)),
        name=f"hook {name} {number}",
        start_ns=START_NS + number * _NS_PER_MS,
        end_ns=START_NS + number * _NS_PER_MS + INSTANT_NS,
        attributes={c.SESSION_ID: name, **({"filling": "x" * size_bytes} if size_bytes else {}), **attributes},
        resource=RESOURCE,
    )


def _turn(session_id: str, number: int, start_ns: int, links: tuple[Link, ...]) -> Iterator[Span]:
    turn = _Turn(session_id, f"prompt-{number}", start_ns)
    root = replace(turn.agent("claude-code", None, 0, 50_000, hook="UserPromptSubmit"), links=links)
    yield root
    yield turn.chat(root, 5, 900, tokens=2_000)
    read = turn.tool("Read", root, 1_000, 12, {"file_path": "/home/dev/a.py"}, "import os")
    yield read
    yield turn.hook("PostToolUse", read, 1_011.9)
    bash = turn.tool("Bash", root, 1_100, 4_000, {"command": "pytest -q"}, "3 failed")
    failed = {**bash.attributes, c.ERROR_TYPE: "tool_error"}
    yield replace(bash, attributes=failed, status=StatusCode.ERROR, status_message="exit code 1: 3 failed")
    # It came after its parent had ended.
    yield turn.hook("PostToolUseFailure", bash, 5_130)
    task = turn.tool("Agent", root, 6_000, 8_000, {"subagent_type": "Explore"}, "found")
    yield task
    # A background subagent: it outlives its call and the turn.
    explorer = turn.agent("Explore", task, 6_010, 55_000, hook="SubagentStart")
    yield explorer
    yield turn.chat(explorer, 6_020, 1_500, tokens=70)
    yield turn.tool("Grep", explorer, 52_000, 30, {"pattern": "def main"}, "cli.py:12")
    yield turn.hook("Stop", root, 50_000)
    # Told by a clock a little behind: it starts before its parent.
    yield turn.hook("Notification", root, -0.4)


@dataclass(frozen=True)
class _Turn:
    """Makes the spans of one turn; times are ms since its start."""

    session_id: str
    prompt_id: str
    start_ns: int

    def agent(self, name: str, parent: Span | None, at_ms: float, for_ms: float, hook: str) -> Span:
        own = {c.HOOK_EVENT: hook, c.OPERATION_NAME: c.OPERATION_INVOKE_AGENT, c.AGENT_NAME: name}
        return self._span(f"invoke_agent {name}", parent, at_ms, for_ms, own)

    def tool(
        self, name: str, parent: Span, at_ms: float, for_ms: float, arguments: Mapping[str, str], result: str
    ) -> Span:
        own = {
            c.HOOK_EVENT: "PreToolUse",
            c.OPERATION_NAME: c.OPERATION_EXECUTE_TOOL,
            c.TOOL_NAME: name,
            c.TOOL_CALL_ID: f"toolu_{at_ms}",
            c.TOOL_CALL_ARGUMENTS: json.dumps(arguments),
            c.TOOL_CALL_RESULT: json.dumps({"stdout": result}),
        }
        return self._span(f"execute_tool {name}", parent, at_ms, for_ms, own)

    def chat(self, parent: Span, at_ms: float, for_ms: float, tokens: int) -> Span:
        own: Attributes = {
            c.OPERATION_NAME: c.OPERATION_CHAT,
            c.PROVIDER_NAME: "anthropic",
            c.REQUEST_MODEL: "claude-opus-4-1",
            c.RESPONSE_FINISH_REASONS: ["tool_use", "end_turn"],
            c.USAGE_INPUT_TOKENS: tokens,
            c.USAGE_OUTPUT_TOKENS: tokens // 7,
            c.USAGE_CACHE_READ_TOKENS: 12_345,
            c.COST_USD: 0.0625,
        }
        return replace(self._span("chat claude-opus-4-1", parent, at_ms, for_ms, own), kind=Kind.CLIENT)

    def hook(self, event: str, parent: Span, at_ms: float) -> Span:
        return self._span(f"hook {event}", parent, at_ms, INSTANT_NS / _NS_PER_MS, {c.HOOK_EVENT: event})

    def _span(self, name: str, parent: Span | None, at_ms: float, for_ms: float, own: Attributes) -> Span:
        began_ns = self.start_ns + round(at_ms * _NS_PER_MS)
        return Span(
            trace_id=trace_id_of(self.session_id, self.prompt_id),
            span_id=span_id_of(self.session_id, self.prompt_id, name, str(at_ms)),
            parent_id=parent.span_id if parent else None,
            name=name,
            start_ns=began_ns,
            end_ns=began_ns + round(for_ms * _NS_PER_MS),
            attributes={
                c.SESSION_ID: self.session_id,
                c.PROMPT_ID: self.prompt_id,
                c.SUMMARY: f"What happened in {name}: ünïcödé, “quotes” and 🐙",
                c.SUMMARY_SOURCE: "rule",
                **own,
            },
            resource=RESOURCE,
            scope_name=c.SCOPE_NAME,
            scope_version=__version__,
        )
