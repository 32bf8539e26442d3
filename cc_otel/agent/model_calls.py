"""A model call of a transcript becomes an input of the journal: redacted, cut, and within the times that can be."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any, Final, cast

from cc_otel import event as events
from cc_otel.agent.describe import Content
from cc_otel.agent.redaction.redact import redact
from cc_otel.agent.truncation import fit
from cc_otel.claude_code.payload import Payload, event_of, text_of
from cc_otel.claude_code.transcript.chats import TranscriptCall
from cc_otel.claude_code.transcript.owners import DecidedCall
from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.json_values import Json, object_of

AHEAD_NS_MAX: Final = 60_000_000_000
"""How far ahead of our clock a call may say it was; beyond it, it happened now."""

CONTENT_BYTES_MAX: Final = 1 << 18
ASKED_MAX: Final = 64
ARGUMENTS_MAX: Final = 8
ARGUMENT_CHARS_MAX: Final = 256
"""How long an argument of a call may be to stand on the model call that asked for it, too."""


def arrival_of(decided: DecidedCall, session_id: str, pid: int, now_ns: int) -> JournalInput:
    """Return a model call as an input of the assembler."""
    call = decided.call
    # A file may say anything: a call of next year would wait to be assembled until then.
    latest_ns = now_ns + AHEAD_NS_MAX
    start_ns = call.start_ns if call.start_ns <= latest_ns else now_ns
    end_ns = max(start_ns, min(start_ns + call.end_ns - call.start_ns, latest_ns))
    redacted = redact(cast(Json, {"named": _named(call), "said": _said(call)}))
    # Redacting keeps the shape: an object stays one.
    safe = cast(Payload, redacted.value)
    names = object_of(safe["named"])
    fitted = fit(safe["said"], CONTENT_BYTES_MAX)
    event = events.ModelCall(
        clock_ns=start_ns,
        session_id=session_id,
        digest=decided.identity,
        pid=pid,
        prompt_id=text_of(names, "prompt_id"),
        agent_id=text_of(names, "agent_id"),
        model=text_of(names, "model"),
        ended_ns=max(end_ns, 1),
        error_type=text_of(names, "error_type"),
        asked_for=tuple(text_of({"id": name}, "id") for name in names["asked_for"]),
    )
    content = Content(cast(Payload, fitted.value), redacted.count, fitted.truncated)
    return JournalInput(
        InputKind.MODEL_CALL,
        session_id,
        start_ns,
        event.to_json(),
        digest=digest_of(session_id, decided.identity),
        content=content.to_json(),
    )


def digest_of(session_id: str, identity: str) -> str:
    """Return what the journal knows a call of a session by."""
    # A forked session's transcript begins with a copy of the other's: which is read first must not matter.
    return f"chat {session_id} {identity}"


def digests_of(decided: DecidedCall, session_id: str) -> set[str]:
    """Return all that the journal may know a call by: today's digests, and that of earlier versions."""
    earlier = decided.call.message_id or decided.call.uuid
    return {digest_of(session_id, name) for name in (decided.identity, *decided.aliases, earlier)}


def is_known(decided: DecidedCall, session_id: str, known: Mapping[str, JournalInput]) -> bool:
    """Whether a call is one of those that the journal knows, by their digests."""
    if any(digest_of(session_id, name) in known for name in (decided.identity, *decided.aliases)):
        return True
    # Earlier versions knew a call by its message id alone. Several may have that id: theirs was at the same time.
    call = decided.call
    earlier = known.get(digest_of(session_id, call.message_id)) if call.message_id else None
    if earlier is None:
        return False
    try:
        event = event_of(earlier.fields, earlier.id)
        if not isinstance(event, events.ModelCall):
            return False
        return event.clock_ns <= call.end_ns and call.start_ns <= event.ended_ns
    except (ValueError, KeyError, TypeError):
        # A damaged row: whenever it was, it may have been this one.
        return True


def _named(call: TranscriptCall) -> dict[str, Any]:
    return {
        "prompt_id": call.prompt_id,
        "agent_id": call.agent_id,
        "model": call.model,
        "error_type": call.failure.error_type if call.failure else "",
        "asked_for": [block.get("id") for block in call.blocks if block.get("type") == "tool_use"][:ASKED_MAX],
    }


def _with_short_arguments(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block of an answer, with the short ones of a call's arguments: the call's own span has them all."""
    if "input" not in block:
        return dict(block)
    short = {key: value for key, value in object_of(block["input"]).items() if _is_short(value)}
    return {**block, "input": dict(islice(short.items(), ARGUMENTS_MAX))}


def _is_short(value: object) -> bool:
    # Whole or not at all: of a text that was cut, redaction might no longer know a secret.
    return len(value) <= ARGUMENT_CHARS_MAX if isinstance(value, str) else isinstance(value, bool | int | float)


def _said(call: TranscriptCall) -> dict[str, Any]:
    return {
        "response_id": call.message_id,
        "requested_model": call.requested_model,
        "request_id": call.request_id,
        "stop_reason": call.stop_reason,
        "effort": {"level": call.effort} if call.effort else None,
        "usage": call.usage,
        "resend_count": call.resend_count,
        "failure": call.failure and asdict(call.failure),
        "blocks": [_with_short_arguments(block) for block in call.blocks],
    }
