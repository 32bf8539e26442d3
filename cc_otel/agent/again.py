"""What was salvaged of a journal, delivered after all: spans as they are, events as the hook would record them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson

from cc_otel.claude_code.payload import event_of
from cc_otel.event import NO_PLUGIN, HookEvent
from cc_otel.json_values import object_of
from cc_otel.otlp.destination import Destination
from cc_otel.otlp.encode import request
from cc_otel.otlp.send import SPANS_MAX
from cc_otel.otlp.transport import Delivered, connect
from cc_otel.span import EncodedSpan

_VARIABLES: Final = {
    "CLAUDE_CODE_ENTRYPOINT": "entrypoint",
    "TRACEPARENT": "trace_parent",
    "AI_AGENT": "client",
    "CC_OTEL_SOURCE_APP": "source_app",
}


def recorded_again(
    events: Sequence[tuple[bytes, bytes]],
) -> Iterator[tuple[bytes, Mapping[str, str], int]]:
    """Yield the payload, the variables and the clock (ns) of each event that can be read."""
    for fields, content in events:
        try:
            event = event_of(fields, 0)
            payload = object_of(orjson.loads(content)).get("payload")
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        if isinstance(event, HookEvent) and isinstance(payload, dict) and payload.get("hook_event_name"):
            yield orjson.dumps(payload), _variables(event), event.clock_ns


def _variables(event: HookEvent) -> dict[str, str]:
    found = {name: str(getattr(event, field)) for name, field in _VARIABLES.items() if getattr(event, field)}
    if event.pid:
        found["CLAUDE_PID"] = str(event.pid)
    if event.plugin_root != NO_PLUGIN:
        found["CLAUDE_PLUGIN_ROOT"] = event.plugin_root
    return found


def deliver(spans: Sequence[EncodedSpan], destination: Destination) -> str:
    """Send spans. Return what went wrong, an empty text where nothing did."""
    transport = connect(destination)
    try:
        for start in range(0, len(spans), SPANS_MAX):
            result = transport.export(request(spans[start : start + SPANS_MAX]), destination.timeout_s)
            if not isinstance(result, Delivered):
                return result.reason
            if result.rejected_spans:
                return f"{result.rejected_spans} spans were rejected: {result.message}"
    finally:
        transport.close()
    return ""
