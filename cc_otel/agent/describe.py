"""
A draft and what its events said become a span: names, attributes, links, status.

Everything here was redacted when it was taken in. Values are cut to the limits, and what was cut is noted with its
true size. Without content, only words leave (`vocabulary`). Names are those of `cc_otel.conventions`; which span
carries which is the table of docs/spans.md.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import orjson

from cc_otel import conventions as c
from cc_otel.agent.attributes import SpanAttributes
from cc_otel.agent.facts.commands.of_call import ended_call, with_error_type
from cc_otel.agent.facts.of_span import facts_of
from cc_otel.agent.prices import Usage, cost_usd
from cc_otel.agent.tree import Draft, Role
from cc_otel.agent.truncation import text
from cc_otel.claude_code.payload import exit_code
from cc_otel.claude_code.refusals import refusal_reason
from cc_otel.claude_code.tools import tool_row
from cc_otel.claude_code.transcript.failures import OTHER
from cc_otel.claude_code.vocabulary import is_told, is_word, word_or
from cc_otel.event import Handler, ModelCall
from cc_otel.json_values import list_of
from cc_otel.span import Kind, Link, Span, StatusCode

PAYLOAD_KEYS_MAX: Final = 64
"""How many fields of a payload become attributes of their own; the SDK's limit for all is 128."""

STATUS_MESSAGE_BYTES_MAX: Final = 256

PROVIDER: Final = "anthropic"

STOP: Final = "stop"
_FINISH_REASONS: Final = {
    "end_turn": STOP,
    "stop_sequence": STOP,
    "tool_use": "tool_call",
    "max_tokens": "length",
    "refusal": "content_filter",
}
"""Anthropic's stop reasons in the words of the GenAI conventions' JSON schema of output messages."""

_VERSION: Final = re.compile(r"_(\d+(?:-\d+)+)(?:_|\Z)")

# Fields that stand under another name, or that are identity and no content.
_NAMED: Final = frozenset(
    "session_id transcript_path agent_transcript_path cwd hook_event_name prompt_id permission_mode agent_id "
    "tool_use_id tool_input tool_response tool_calls duration_ms effort file_path usage blocks requested_model "
    "request_id stop_reason resend_count failure response_id".split()
)


@dataclass(frozen=True, slots=True)
class Content:
    """
    What an event said, redacted and cut: the payload, how much was redacted, what was cut (true sizes, bytes).

    ``repository`` is what was read of the one that it happened in when it was taken in.
    """

    payload: Mapping[str, Any] = field(default_factory=dict)
    redactions: int = 0
    truncated: Mapping[str, int] = field(default_factory=dict)
    repository: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return it as JSON for the journal."""
        stored = {"payload": self.payload, "redactions": self.redactions, "truncated": self.truncated}
        return orjson.dumps(stored | {"repository": self.repository} if self.repository else stored)

    @classmethod
    def from_json(cls, data: bytes) -> "Content":
        """Read what `to_json` gave."""
        return cls(**orjson.loads(data))

    def of_call(self, tool_use_id: str) -> "Content":
        """Return what a `PostToolBatch` says of one call, in the form of that call's own events."""
        for number, call in enumerate(list_of(self.payload.get("tool_calls"))):
            if isinstance(call, dict) and call.get("tool_use_id") == tool_use_id:
                shared = {key: value for key, value in self.payload.items() if key != "tool_calls"}
                path = f"tool_calls.{number}."
                cuts = {key.removeprefix(path): size for key, size in self.truncated.items() if key.startswith(path)}
                return Content(shared | call, self.redactions, cuts, self.repository)
        return self


@dataclass(frozen=True, slots=True)
class Summary:
    """One sentence about a span; ``source`` is rule, cache or model, ``model`` the one that wrote it."""

    text: str
    source: str = "rule"
    model: str = ""


@dataclass(frozen=True, slots=True)
class SpanSource:
    """A draft with what its events said."""

    draft: Draft
    opener: Content
    closer: Content | None = None

    @classmethod
    def of(cls, draft: Draft, contents: Mapping[int, bytes]) -> "SpanSource":
        """Return the draft with what its events said, as far as ``contents``, by event id, still has it."""
        found = [contents.get(event.id) for event in draft.sources]
        opener, *closers = [Content.from_json(data) if data else Content() for data in found]
        if draft.without_opener:
            # One event reports the call and how it ended.
            return cls(draft, opener.of_call(draft.hook_event.tool_use_id), opener)
        return cls(draft, opener, closers[0] if closers else None)

    @property
    def contents(self) -> tuple[Content, ...]:
        """The contents of its events, each once."""
        return (self.opener, self.closer) if self.closer and not self.draft.without_opener else (self.opener,)

    @property
    def response(self) -> object:
        """What the tool answered, wherever the closing event holds it; None where nothing did."""
        if self.closer is None:
            return None
        for call in list_of(self.closer.payload.get("tool_calls")):
            if isinstance(call, dict) and call.get("tool_use_id") == self.draft.hook_event.tool_use_id:
                return call.get("tool_response")
        return self.closer.payload.get("tool_response", self.closer.payload.get("error"))


class Describer:
    """Makes spans of their sources."""

    def __init__(self, resource: Mapping[str, str], *, value_bytes_max: int, with_content: bool) -> None:
        """Take the resource of all spans, the longest value (bytes), and whether values may hold content."""
        self._resource = dict(resource)
        self._value_bytes_max = value_bytes_max
        self.with_content = with_content
        """Whether spans may hold content."""

    def span(self, source: SpanSource, summary: Summary) -> Span:
        """Return the span."""
        call = ended_call(source)
        source = with_error_type(source, call)
        draft = source.draft
        values = SpanAttributes(self._value_bytes_max, with_content=self.with_content)
        for key, value in _identity(draft, summary):
            values.add(key, value)
        for key, value in _genai(draft, source.opener.payload):
            values.add(key, value)
        if self.with_content:
            for key, value in _content(source):
                values.add(key, value)
        for key, value in facts_of(source, call, with_content=self.with_content):
            values.add(key, value)
        for key, value in self._payload(source):
            values.add(c.PAYLOAD_PREFIX + key, value)
        redactions = sum(content.redactions for content in source.contents)
        if redactions:
            values.add(c.REDACTIONS, redactions)
        return Span(
            trace_id=draft.trace_id,
            span_id=draft.span_id,
            parent_id=draft.parent_id,
            kind=Kind.CLIENT if draft.role is Role.CHAT else Kind.INTERNAL,
            name=text(name_of(draft, with_content=self.with_content), STATUS_MESSAGE_BYTES_MAX),
            # The end of a session shows all of it: two instants would show nothing.
            start_ns=min(draft.began_ns or draft.start_ns, draft.start_ns),
            end_ns=draft.end_ns,
            status=StatusCode.ERROR if draft.error_type else StatusCode.UNSET,
            status_message=self._status_message(source),
            attributes=values.finished(
                [content.truncated for content in source.contents], cut_short=draft.event.truncated
            ),
            links=tuple(Link(link.trace_id, link.span_id, {c.LINK: link.kind}) for link in draft.links),
            resource=self._resource_of(draft),
            scope_name=c.SCOPE_NAME,
        )

    def _resource_of(self, draft: Draft) -> dict[str, str | int]:
        """Return what produced the span: the client's process, derived, so that a span sent again is the same span."""
        event = draft.event
        process = f"{self._resource.get(c.HOST_NAME, '')} {event.session_id} {event.pid}"
        made: dict[str, str | int] = {c.SERVICE_INSTANCE_ID: _instance_id(process), **self._resource}
        if event.pid:
            made[c.PROCESS_PID] = event.pid
        if version := _client_version(draft):
            made[c.SERVICE_VERSION] = version
        if event.session_id == c.DOCTOR:
            made[c.SERVICE_NAME] = c.DOCTOR
        return made

    def _payload(self, source: SpanSource) -> Iterator[tuple[str, Any]]:
        fields = [(key, value) for key, value in source.opener.payload.items() if key not in _NAMED]
        if source.draft.role is not Role.CHAT and (level := _effort(source.opener.payload)):
            yield "effort", level
        for key, value in fields[:PAYLOAD_KEYS_MAX]:
            if value in (None, "", [], {}) or _repeats(source.draft, key):
                continue
            if self.with_content or is_told(source.draft.event.name, key, value):
                yield key, value

    def _status_message(self, source: SpanSource) -> str:
        if not source.draft.error_type or not self.with_content:
            return ""
        if isinstance(failure := source.opener.payload.get("failure"), dict):
            error = failure.get("message")
        else:
            error = (source.closer.payload.get("error") if source.closer else None) or source.response
        return text(refusal_reason(error), STATUS_MESSAGE_BYTES_MAX) if isinstance(error, str) else ""


def name_of(draft: Draft, *, with_content: bool = True) -> str:
    """Return the name of a draft's span. Without content nothing but a word is taken for a name."""

    def named(name: str, otherwise: str) -> str:
        return name if name and (with_content or is_word(name)) else otherwise

    if isinstance(draft.event, ModelCall):
        return f"{c.OPERATION_CHAT} {named(draft.event.model, '')}".rstrip()
    match draft.role:
        case Role.TURN:
            return f"{c.OPERATION_INVOKE_AGENT} {c.SERVICE_NAME_VALUE}"
        case Role.TOOL:
            return f"{c.OPERATION_EXECUTE_TOOL} {named(draft.hook_event.tool_name, 'tool')}"
        case Role.SUBAGENT:
            return f"{c.OPERATION_INVOKE_AGENT} {named(draft.hook_event.agent_type, 'subagent')}"
        case Role.COMPACT:
            return "compact"
        case Role.SESSION:
            return f"session {named(draft.hook_event.source, 'start')}"
        case _:
            return f"hook {named(draft.event.name, 'event')}"


def _identity(draft: Draft, summary: Summary) -> Iterator[tuple[str, Any]]:
    event = draft.event
    if draft.role is not Role.CHAT and not draft.without_opener:
        yield c.HOOK_EVENT, event.name
    yield c.SESSION_ID, event.session_id
    yield c.SUMMARY, summary.text
    yield c.SUMMARY_SOURCE, summary.source
    optional: dict[str, Any] = {
        c.SUMMARY_MODEL: summary.model,
        c.PROMPT_ID: event.prompt_id,
        c.SOURCE_APP: event.source_app,
        c.AGENT_ID: event.agent_id,
        c.CLOSED_BY: draft.closed_by,
        # Core conventions, error.type: few values, and `_OTHER` for what is none of them.
        c.ERROR_TYPE: draft.error_type and word_or(draft.error_type, OTHER),
        c.INTERRUPTED: draft.interrupted,
        c.LATE: draft.late,
        c.LAST_SEEN: draft.last_seen,
    }
    yield from ((key, value) for key, value in optional.items() if value)
    yield from _links(draft)
    if draft.wait_ms is not None:
        yield c.TOOL_WAIT_MS, draft.wait_ms
    if draft.role is Role.TOOL and draft.closer and draft.closer.duration_ms >= 0:
        yield c.TOOL_EXECUTION_MS, draft.closer.duration_ms


@lru_cache(64)
def _instance_id(process: str) -> str:
    """Return an id that no other process has; the same at any time."""
    return str(uuid5(NAMESPACE_OID, process))


def _links(draft: Draft) -> Iterator[tuple[str, str]]:
    """Return the traces that links lead to, by kind. Jaeger shows links without their attributes."""
    for link in draft.links:
        if link.trace_id != draft.trace_id:
            yield c.LINK_PREFIX + link.kind, link.trace_id


def _genai(draft: Draft, payload: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(draft.event, ModelCall):
        yield from _model_call(draft.event, payload)
        if draft.event.agent_id and draft.context and draft.context.agent_type:
            yield c.AGENT_NAME, draft.context.agent_type
        if draft.compacted:
            yield c.CONVERSATION_COMPACTED, True
        return
    event = draft.event
    match draft.role:
        case Role.TURN:
            yield c.OPERATION_NAME, c.OPERATION_INVOKE_AGENT
            yield c.PROVIDER_NAME, PROVIDER
            yield c.AGENT_NAME, c.SERVICE_NAME_VALUE
            if version := _client_version(draft):
                yield c.AGENT_VERSION, version
            if draft.model:
                yield c.REQUEST_MODEL, draft.model
            yield c.CONVERSATION_ID, event.session_id
        case Role.SUBAGENT:
            yield c.OPERATION_NAME, c.OPERATION_INVOKE_AGENT
            yield c.PROVIDER_NAME, PROVIDER
            yield c.AGENT_NAME, event.agent_type or "subagent"
            yield c.CONVERSATION_ID, event.session_id
        case Role.TOOL:
            yield c.OPERATION_NAME, c.OPERATION_EXECUTE_TOOL
            yield c.TOOL_NAME, event.tool_name
            yield c.TOOL_TYPE, "function"
            yield c.TOOL_CALL_ID, event.tool_use_id
            yield c.CONVERSATION_ID, event.session_id
            if event.agent_type:
                yield c.AGENT_NAME, event.agent_type
            if event.tool_name.startswith("mcp__"):
                # MCP conventions: with the call already traced, its attributes stand on the execute_tool span.
                yield c.MCP_METHOD_NAME, "tools/call"
        case _ if event.handler is Handler.CALL:
            # A call without an id has no span of its own: this instant is all there is of it.
            yield c.TOOL_NAME, event.tool_name


def _model_call(call: ModelCall, payload: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield c.OPERATION_NAME, c.OPERATION_CHAT
    yield c.PROVIDER_NAME, PROVIDER
    yield c.CONVERSATION_ID, call.session_id
    if level := _effort(payload):
        yield c.REQUEST_REASONING_LEVEL, level
    if request_id := payload.get("request_id"):
        yield c.REQUEST_ID, request_id
    if resend_count := payload.get("resend_count"):
        yield c.HTTP_RESEND_COUNT, resend_count
    if isinstance(failure := payload.get("failure"), dict):
        yield from _failed_request(failure)
    else:
        yield from _response(call, payload)


def _failed_request(failure: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return what is known of a request without an answer; which model it was for, no record says."""
    if status := failure.get("status"):
        yield c.HTTP_STATUS_CODE, status
    if (retry_ms := failure.get("retry_ms")) is not None:
        yield c.RETRY_MS, retry_ms


def _response(call: ModelCall, payload: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield c.REQUEST_MODEL, payload.get("requested_model") or call.model
    yield c.RESPONSE_MODEL, call.model
    # Calls that an earlier version took in have their message id as their digest.
    if response_id := payload.get("response_id", call.digest if payload else ""):
        yield c.RESPONSE_ID, response_id
    if reason := payload.get("stop_reason"):
        yield c.RESPONSE_FINISH_REASONS, (str(reason),)
    usage = Usage.of(payload.get("usage"))
    # Anthropic's own input_tokens leave the cached ones out; the conventions' do not (GenAI, Anthropic refinement).
    yield c.USAGE_INPUT_TOKENS, usage.input + usage.cache_read + usage.cache_write
    yield c.USAGE_OUTPUT_TOKENS, usage.output
    yield c.USAGE_CACHE_READ_TOKENS, usage.cache_read
    yield c.USAGE_CACHE_WRITE_TOKENS, usage.cache_write
    yield c.USAGE_CACHE_CREATION_TOKENS, usage.cache_write
    if usage.reasoning:
        yield c.USAGE_REASONING_TOKENS, usage.reasoning
    if (cost := cost_usd(call.model, usage)) is not None:
        yield c.COST_USD, cost


def _content(source: SpanSource) -> Iterator[tuple[str, Any]]:
    """Return what holds content: arguments and results on the tool's span alone, messages on the agents'."""
    draft, payload = source.draft, source.opener.payload
    if directory := payload.get("cwd"):
        yield c.PROCESS_WORKING_DIRECTORY, directory
    if mode := payload.get("permission_mode"):
        yield c.PERMISSION_MODE, mode
    yield from _messages(source)
    if isinstance(draft.event, ModelCall):
        return
    handler, tool_input = draft.event.handler, payload.get("tool_input")
    # The call's own span alone has the call's file: a file is touched once.
    if path := _file_path(tool_input if draft.role is Role.TOOL and isinstance(tool_input, dict) else payload):
        yield c.FILE_PATH, path
        if operation := tool_row(draft.event.tool_name).file_operation:
            yield c.FILE_OPERATION, operation
    if draft.role is Role.TOOL:
        yield from _outcome(source)
    if tool_input is not None and draft.role is Role.TOOL:
        yield c.TOOL_CALL_ARGUMENTS, _structure(tool_input)
    elif handler is Handler.PERMISSION and tool_input is not None:
        # It is no span of the conventions: their names on it would make it a second call.
        yield c.PAYLOAD_PREFIX + "tool_input", _structure(tool_input)
    elif handler is Handler.CALL and tool_input is not None:
        # A call without an id has no span of its own to look at.
        yield c.TOOL_CALL_ARGUMENTS, _structure(tool_input)


def _outcome(source: SpanSource) -> Iterator[tuple[str, Any]]:
    if source.response is not None:
        yield c.TOOL_CALL_RESULT, _structure(source.response)
    if source.closer and (code := exit_code(source.closer.payload.get("error"))) is not None:
        yield c.PROCESS_EXIT_CODE, code


def _messages(source: SpanSource) -> Iterator[tuple[str, Any]]:
    payload = source.opener.payload
    if source.draft.role is Role.CHAT and (blocks := list_of(payload.get("blocks"))):
        parts = [_part(block) for block in blocks if isinstance(block, dict)]
        yield c.OUTPUT_MESSAGES, [{"role": "assistant", "parts": parts, "finish_reason": _finish_reason(payload)}]
    if source.draft.role in {Role.TURN, Role.SUBAGENT}:
        if isinstance(prompt := payload.get("prompt"), str):
            yield c.INPUT_MESSAGES, _message("user", prompt)
        last = source.closer.payload.get("last_assistant_message") if source.closer else None
        if isinstance(last, str):
            yield c.OUTPUT_MESSAGES, _message("assistant", last, finish_reason=STOP)


def _repeats(draft: Draft, key: str) -> bool:
    """Whether a field of the payload stands on this span under a convention's name already."""
    by_role = {Role.TURN: {"prompt"}, Role.TOOL: {"tool_name"}, Role.SUBAGENT: {"agent_type"}}
    return key in by_role.get(draft.role, ())


def _structure(value: object) -> object:
    # A text stays as it is: JSON of it would only add quotes. None marks what JSON would call null.
    return value if isinstance(value, str | dict | list) else orjson.dumps(value).decode()


def _message(role: str, content: str, **more: str) -> list[dict[str, Any]]:
    # GenAI conventions, message JSON schemas: a message has a role and parts, one of the model a finish reason, too.
    return [{"role": role, "parts": [{"type": "text", "content": content}], **more}]


def _finish_reason(payload: Mapping[str, Any]) -> str:
    """Return why the model stopped, in the words of the conventions' schema; its own where that has none."""
    reason = str(payload.get("stop_reason") or "")
    return _FINISH_REASONS.get(reason, reason)


def _effort(payload: Mapping[str, Any]) -> str:
    effort = payload.get("effort")
    return str(effort.get("level") or "") if isinstance(effort, dict) else ""


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    match block.get("type"):
        case "text":
            return {"type": "text", "content": block.get("text")}
        case "tool_use":
            part = {"type": "tool_call", "id": block.get("id"), "name": block.get("name")}
            return part | ({"arguments": block["input"]} if "input" in block else {})
        case "thinking":
            return {"type": "reasoning", "content": block.get("thinking")}
        case other:
            return {"type": str(other)}


def _file_path(holder: Mapping[str, Any]) -> str:
    paths = (holder.get(key) for key in ("file_path", "notebook_path"))
    return next((path for path in paths if isinstance(path, str)), "")


def _client_version(draft: Draft) -> str:
    """Return the version of the client that made the span, empty where it is not known."""
    found = _VERSION.search(draft.event.client or (draft.context.client if draft.context else ""))
    return found[1].replace("-", ".") if found else ""
