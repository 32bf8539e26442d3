"""
Untyped JSON in, `HookEvent` out: the one place that reads what Claude Code passes to its hooks.

Everything is read from the redacted payload. A field of a wrong type counts as absent.
"""

import json
import re
import reprlib
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

import orjson

from cc_otel.claude_code.event_table import row_of
from cc_otel.claude_code.refusals import is_denial, refusal_class
from cc_otel.claude_code.tools import tool_row
from cc_otel.event import DENIED, NO_PLUGIN, PROMPT_EVENT, Call, HookEvent, ModelCall, Observation, Occurrence
from cc_otel.json_values import list_of, object_of, text_in
from cc_otel.text import whole_characters

Payload = Mapping[str, Any]

NAME_LENGTH_MAX: Final = 512
"""Longest id or name kept, characters. Real ones have at most 60."""

_NOTIFIED: Final = re.compile(r"<tool-use-id>([^<\s]{1,200})</tool-use-id>")
_MODEL_IN: Final = {"SessionStart": "model", "PostModelSwitch": "to_model"}
"""Which field of which event names the model that the session uses from then on."""
_EXIT_CODE: Final = re.compile(r"\AExit code (-?\d{1,10})\b")


class Unreadable(Exception):
    """The payload cannot become an event; the text says why."""


def parse(data: bytes) -> tuple[dict[str, Any], bool]:
    """
    Read a payload: the JSON object, and whether it is whole.

    Of an object that was cut in the middle, the members that are whole are kept.

    Raises:
        Unreadable: not a JSON object, nor the beginning of one.

    """
    if not data.strip():
        raise Unreadable("empty")
    try:
        value = json_value(data)
    except ValueError:
        members = _whole_members(data)
        if not members:
            raise Unreadable("not JSON") from None
        return members, False
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    if not isinstance(value, dict):
        raise Unreadable(f"a JSON {type(value).__name__}, not an object")
    return value, True


def json_value(data: bytes) -> Any:
    """
    Read any JSON that the client wrote, in a hook's payload or a transcript's record.

    Half a character (a lone surrogate) becomes U+FFFD.

    Raises:
        ValueError: not JSON.
        RecursionError: nested too deeply.

    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # Lone surrogates, NaN and a byte-order mark are real on this wire, and the standard library reads them.
        return _without_surrogates(json.loads(data.decode("utf-8-sig", "replace")))


def _without_surrogates(value: Any) -> Any:
    # Half a character has no UTF-8 form: neither SQLite nor protobuf would take it.
    return json.loads(whole_characters(json.dumps(value, ensure_ascii=False)))


def _whole_members(data: bytes) -> dict[str, Any]:
    text = data.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    members: dict[str, Any] = {}
    position = 1 if text.startswith("{") else len(text)
    decoder = json.JSONDecoder(strict=False)
    try:
        while position < len(text):
            key, position = decoder.raw_decode(text, _skip(text, position, ", \t\r\n"))
            value, position = decoder.raw_decode(text, _skip(text, position, ": \t\r\n"))
            position = _skip(text, position, " \t\r\n")
            # What is not followed by a comma or the brace may go on in what is missing, like 0.5 cut after 0.
            if not isinstance(key, str) or text[position : position + 1] not in {",", "}"}:
                break
            members |= _without_surrogates({key: value})
    except (ValueError, RecursionError):
        pass
    return members


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def read(
    payload: Payload,
    variables: Mapping[str, str],
    *,
    clock_ns: int,
    digest: str,
    truncated: bool = False,
) -> HookEvent:
    """
    Read an event from its redacted payload and the hook's recorded variables.

    ``digest`` is that of the payload's bytes as they came. Fields of a wrong type count as absent.

    Raises:
        Unreadable: it names no session, or no event.

    """
    name = text_of(payload, "hook_event_name")
    session_id = text_of(payload, "session_id")
    if not session_id:
        raise Unreadable("no session_id")
    if not name:
        raise Unreadable("no hook_event_name")
    tool_name = text_of(payload, "tool_name")
    tool_input = object_of(payload.get("tool_input"))
    response = object_of(payload.get("tool_response")) if name == "PostToolUse" else {}
    error = payload.get("error")
    source = text_of(payload, "source")
    row = row_of(name, source)
    launch = _launch(tool_name, tool_input) if name == "PreToolUse" else ("", "", False)
    return HookEvent(
        name=name[:NAME_LENGTH_MAX],
        anchor=row.anchor,
        handler=row.handler,
        clock_ns=clock_ns,
        session_id=session_id,
        digest=digest,
        pid=_pid(variables.get("CLAUDE_PID", "")),
        plugin_root=variables.get("CLAUDE_PLUGIN_ROOT", NO_PLUGIN),
        entrypoint=variables.get("CLAUDE_CODE_ENTRYPOINT", ""),
        trace_parent=variables.get("TRACEPARENT", ""),
        client=variables.get("AI_AGENT", ""),
        source_app=variables.get("CC_OTEL_SOURCE_APP", ""),
        transcript_path=text_in(payload.get("transcript_path")),
        prompt_id=text_of(payload, "prompt_id"),
        agent_id=text_of(payload, "agent_id"),
        agent_type=text_of(payload, "agent_type"),
        tool_use_id=text_of(payload, "tool_use_id"),
        tool_name=tool_name,
        input_digest=_digest(payload.get("tool_input")) if name in {"PreToolUse", "PermissionRequest"} else "",
        duration_ms=_positive(payload.get("duration_ms")),
        source=source,
        subagent_type=launch[0],
        agent_name=launch[1],
        launches_many=launch[2],
        launched_agent_id=text_of(response, "agentId") or text_of(response, "agent_id"),
        transcript_folder=text_in(response.get("transcriptDir")).rstrip("/"),
        tasks_running=bool(list_of(payload.get("background_tasks"))),
        calls=tuple(_calls(payload.get("tool_calls"))) if name == "PostToolBatch" else (),
        error_type=_error_type(name, error),
        interrupted=name == "PostToolUseFailure" and payload.get("is_interrupt") is True,
        notified_by=_notified_by(name, payload.get("prompt")),
        truncated=truncated,
        agent_folder=text_in(payload.get("agent_transcript_path")).rpartition("/")[0],
        model=text_of(payload, _MODEL_IN.get(name, "")),
    )


def text_of(payload: Payload, key: str) -> str:
    """Return a text of the payload, at most `NAME_LENGTH_MAX` characters; empty where it is absent or no text."""
    value = payload.get(key)
    return value[:NAME_LENGTH_MAX] if isinstance(value, str) else ""


def exit_code(error: object) -> int | None:
    """Return the exit code that a failed Bash call's error text begins with, if it does."""
    found = _EXIT_CODE.match(error) if isinstance(error, str) else None
    return int(found[1]) if found else None


def _pid(text: str) -> int:
    # Linux and macOS stay far below this.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return -1.0
    # A day is longer than any tool call; an int may be too large for a float.
    return float(value) if 0 <= value <= 86_400_000 else -1.0


def _digest(value: object) -> str:
    try:
        data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Nested too deeply, or a number too large: its beginning sets it apart from most others.
        data = reprlib.repr(value).encode("utf-8", "replace")
    return blake2b(data, digest_size=8).hexdigest()


def _launch(tool_name: str, tool_input: Payload) -> tuple[str, str, bool]:
    """Return the type and the name of the subagent that a call asks for, and whether it may launch several."""
    row = tool_row(tool_name)
    if not row.launches:
        return "", "", False
    return text_of(tool_input, "subagent_type") or row.launches, text_of(tool_input, "name"), row.launches_many


def _calls(calls: object) -> Iterable[Call]:
    for call in list_of(calls):
        if isinstance(call, dict) and (tool_use_id := text_of(call, "tool_use_id")):
            response = call.get("tool_response")
            yield Call(tool_use_id, is_denial(response), text_of(call, "tool_name"), refusal_class(response))


def _error_type(name: str, error: object) -> str:
    """Return a low-cardinality class of failure (core conventions 1.44, Recording errors)."""
    match name:
        case "PermissionDenied":
            return DENIED
        case "StopFailure":
            return error[:64] if isinstance(error, str) and error else "unknown"
        case "PostToolUseFailure":
            if isinstance(error, str) and "timed out after" in error[:500]:
                return "timeout"
            return "exit_code" if exit_code(error) is not None else "tool_error"
        case _:
            return ""


def _notified_by(name: str, prompt: object) -> str:
    if name != PROMPT_EVENT or not isinstance(prompt, str) or not prompt.startswith("<task-notification>"):
        return ""
    found = _NOTIFIED.search(prompt[:4096])
    return found[1] if found else ""


def event_of(fields: bytes, event_id: int) -> HookEvent | ModelCall:
    """Return a hook event or a model call as the journal keeps it."""
    return _event_of(orjson.loads(fields), event_id)


def input_of(fields: bytes, event_id: int) -> Occurrence:
    """Return an input of the assembler as the journal keeps it: an event, a model call or an observation."""
    stored = orjson.loads(fields)
    return Observation.from_stored(stored) if "cause" in stored else _event_of(stored, event_id)


def _event_of(stored: dict[str, Any], event_id: int) -> HookEvent | ModelCall:
    if stored.get("ended_ns"):
        return ModelCall.from_stored(stored, event_id)
    row = row_of(stored["name"], stored.get("source", ""))
    return HookEvent.from_stored(stored, event_id, row.anchor, row.handler)
