"""What a span says, in whatever dialect: read once, for all that is made of it."""

from collections.abc import Mapping
from math import isfinite
from typing import Final, NamedTuple

import orjson

from cc_otel import conventions as c
from cc_otel.graph.mapping.dialects import AGENT, CONVENTIONS, OTHERS, OURS, Dialect, Names
from cc_otel.graph.mapping.values import text
from cc_otel.graph.store import Json
from cc_otel.span import Attributes, Span

LABEL_CHARS_MAX: Final = 120
"""A label is read in one glance, beside a node of a picture."""

_KINDS_OF_OPENER: Final = {"SessionStart": "session", "PreCompact": "compact"}
_NO_ARGUMENTS: Final[Mapping[str, Json]] = {}
_COUNT_MAX: Final = 2**53
"""No model counts so many tokens, and no store could hold many more: a span must not be refused for it."""


class Reading(NamedTuple):
    """A span with what it says; ``usage`` holds a model call's fields of the ``spans`` collection."""

    span: Span
    dialect: str
    kind: str
    tool: str
    session_id: str
    arguments: Mapping[str, Json]
    path: str
    operation: str
    usage: Mapping[str, Json]


def read(span: Span) -> Reading:
    """Return what the span says."""
    attributes = span.attributes
    dialect = _dialect_of(span)
    kind = _kind(span, dialect)
    tool = attributes.get(c.TOOL_NAME)
    if not isinstance(tool, str):
        tool = _first_text(attributes, dialect.names["tool"]) if kind == "tool" else ""
    arguments = _arguments(attributes, dialect) if tool or c.TOOL_CALL_ARGUMENTS in attributes else {}
    path = _path(attributes, dialect, kind, arguments)
    return Reading(
        span,
        "" if dialect is OURS else dialect.name,
        kind,
        tool,
        _first_text(attributes, dialect.names["session_id"]) or _first_text(span.resource, dialect.names["session_id"]),
        arguments,
        path,
        path and (text(attributes, c.FILE_OPERATION) or dialect.operations.get(tool, "touch")),
        _usage(attributes, dialect) if kind == "chat" else {},
    )


def _dialect_of(span: Span) -> Dialect:
    scope = span.scope_name
    if scope == c.SCOPE_NAME:
        return OURS
    attributes = span.attributes
    for dialect in OTHERS:
        if (scope and scope.startswith(dialect.scopes)) or any(mark in attributes for mark in dialect.marks):
            return dialect
    return CONVENTIONS


def _kind(span: Span, dialect: Dialect) -> str:
    """Return what the span is to a reader: turn, subagent, tool, chat, compact, session, hook or span."""
    attributes = span.attributes
    hook = text(attributes, c.HOOK_EVENT)
    for name, kinds in dialect.kinds.items():
        value = attributes.get(name)
        if isinstance(value, str) and (kind := kinds.get(value)):
            if kind == AGENT:
                return "turn" if hook == "UserPromptSubmit" or not (hook or span.parent_id) else "subagent"
            return kind
    # An event that opened something carries that thing's name; an instant is called after its hook.
    if hook and not span.name.startswith("hook "):
        return _KINDS_OF_OPENER.get(hook, "hook")
    return "hook" if hook else "span"


def _arguments(attributes: Attributes, dialect: Dialect) -> Mapping[str, Json]:
    # We send them as a JSON text; others may send a map (GenAI conventions, execute_tool).
    for name in dialect.names["arguments"]:
        arguments = attributes.get(name)
        if isinstance(arguments, str):
            try:
                arguments = orjson.loads(arguments)
            except orjson.JSONDecodeError:
                continue  # Cut at the size limit, or not JSON: it still stands among the attributes.
        if isinstance(arguments, dict):
            within = (arguments.get(inner) for inner in dialect.arguments_within)
            return next((found for found in within if isinstance(found, dict)), arguments)
    return _NO_ARGUMENTS


def _path(attributes: Attributes, dialect: Dialect, kind: str, arguments: Mapping[str, Json]) -> str:
    if kind == "hook" and c.TOOL_NAME not in attributes:
        return ""  # It repeats what its tool's span says.
    return (
        _first_text(attributes, dialect.names["path"])
        or text(arguments, "file_path")
        or text(arguments, "notebook_path")
    )


def _usage(attributes: Attributes, dialect: Dialect) -> dict[str, Json]:
    found: dict[str, Json] = {
        "model": _first_text(attributes, dialect.names["model"]) or None,
        "response_id": _first_text(attributes, dialect.names["response_id"]) or None,
        "input_tokens": _first_count(attributes, dialect.names["input_tokens"]),
        "output_tokens": _first_count(attributes, dialect.names["output_tokens"]),
        "cache_read_tokens": _first_count(attributes, dialect.names["cache_read_tokens"]),
        "cache_write_tokens": _first_count(attributes, dialect.names["cache_write_tokens"]),
        "cost_usd": _first_number(attributes, dialect.names["cost_usd"]),
    }
    if dialect.input_without_cache and isinstance(tokens := found["input_tokens"], int):
        cached = (found["cache_read_tokens"], found["cache_write_tokens"])
        found["input_tokens"] = tokens + sum(count for count in cached if isinstance(count, int))
    return {name: value for name, value in found.items() if value is not None}


def _first_text(attributes: Attributes, names: Names) -> str:
    for name in names:
        value = attributes.get(name)
        if value and isinstance(value, str):
            return value
    return ""


def _first_number(attributes: Attributes, names: Names) -> int | float | None:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            return value
    return None


def _first_count(attributes: Attributes, names: Names) -> int | None:
    value = _first_number(attributes, names)
    return None if value is None or abs(value) > _COUNT_MAX else round(value)
