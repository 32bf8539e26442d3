"""What the first dashboard's clients send and read: one event a span, as its messages had them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cc_otel.graph.store import GraphStore, Json, Query
from cc_otel.json_values import object_of, text_in
from cc_otel.ui.stream import Hub, Socket

FIRST_EVENTS: Final = 50
"""How many events a client is sent when it comes."""

SEEN_MAX: Final = 10_000
"""Of how many spans it is remembered that they were sent while they were open."""

_TYPES: Final = {
    "turn": "UserPromptSubmit",
    "tool": "PreToolUse",
    "subagent": "SubagentStart",
    "session": "SessionStart",
    "compact": "PreCompact",
    "chat": "ModelCall",
}


class NotAnEvent(ValueError):
    """A body is no event; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Received:
    """An event as it was posted: what the hook would have recorded of it."""

    payload: bytes
    variables: Mapping[str, str]
    clock_ns: int | None


def received(body: bytes) -> Received:
    """
    Return the event that a body holds: ``{source_app, session_id, hook_event_type, payload, timestamp?, …}``.

    Raises:
        NotAnEvent: it holds none.

    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnEvent("the body is no JSON") from None
    if not isinstance(fields, dict):
        raise NotAnEvent("the body is no JSON object")
    if not isinstance(payload := fields.get("payload", {}), dict):
        raise NotAnEvent("payload is no JSON object")
    named = {"session_id": text_in(fields.get("session_id")), "hook_event_name": text_in(fields.get("hook_event_type"))}
    named = {name: value for name, value in named.items() if value}
    if not (named | payload).get("session_id"):
        raise NotAnEvent("session_id is missing")
    if not (named | payload).get("hook_event_name"):
        raise NotAnEvent("hook_event_type is missing")
    said = {name: fields[name] for name in ("chat", "summary") if fields.get(name)}
    source = text_in(fields.get("source_app")).replace("\0", "")
    at_ms = fields.get("timestamp")
    return Received(
        json.dumps(named | said | payload).encode(),
        {"CC_OTEL_SOURCE_APP": source} if source else {},
        int(at_ms * 1_000_000) if isinstance(at_ms, int | float) and 1 < at_ms < 2**43 else None,
    )


def event_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """Return a span as an event of the first dashboard."""
    name = text_in(span.get("name"))
    hook = name.removeprefix("hook ") if span.get("kind") == "hook" else ""
    payload = {"tool_name": span.get("tool"), "tool_input": {"command": span.get("command")}}
    return {
        "id": f"{span['trace_id']}-{span['span_id']}",
        "source_app": span.get("service") or "claude-code",
        "session_id": span.get("session_id"),
        "hook_event_type": hook or _TYPES.get(text_in(span.get("kind")), name),
        "payload": payload if span.get("tool") else object_of(None),
        "summary": span.get("label") or span.get("summary"),
        "timestamp": int(span["start_ms"]),
    }


def newest(store: GraphStore) -> list[dict[str, Any]]:
    """Return the newest events, the oldest of them first."""
    return [event_of(row) for row in store.query(Query("spans", {"limit": FIRST_EVENTS}))][::-1]


async def serve_events(socket: Socket, hub: Hub, first: Sequence[Mapping[str, Json]]) -> None:
    """Send ``{"type": "initial", "data": [events]}``, then ``{"type": "event", "data": event}`` as they happen."""
    async with hub.listening() as (listener, _):
        seen = dict.fromkeys(str(it["id"]) for it in first)
        await socket.send_plain({"type": "initial", "data": first})
        while not listener.dropped:
            await listener.news.wait()
            rows, opened, _ = listener.take()
            for event in _unseen(seen, [*(it.to_json() for it in opened or ()), *rows]):
                await socket.send_plain({"type": "event", "data": event})
        await socket.drop(f"too slow: {listener.dropped}")


def _unseen(seen: dict[str, None], spans: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return the events that were not sent yet: a span is one when it opens, and none again when it is delivered."""
    for event in sorted(map(event_of, spans), key=lambda it: it["timestamp"]):
        if event["id"] not in seen:
            seen[event["id"]] = None
            yield event
    while len(seen) > SEEN_MAX:
        del seen[next(iter(seen))]
