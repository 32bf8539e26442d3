"""Spans: their vertices, and the edges from their parents and to the spans they link to."""

from collections.abc import Iterable
from math import isfinite
from typing import Final

from cc_otel import conventions as c
from cc_otel.graph.mapping.errors import error_key
from cc_otel.graph.mapping.reading import LABEL_CHARS_MAX, Reading
from cc_otel.graph.mapping.values import safe, text
from cc_otel.graph.model import LINKS_TO, PARENT_OF, SPANS
from cc_otel.graph.store import Document, Edge, Json
from cc_otel.span import Kind, Link, Span, SpanEvent, StatusCode

_NS_PER_MS: Final = 1_000_000
_PAYLOAD_COMMAND: Final = c.PAYLOAD_PREFIX + "command"
_FACTS: Final = (
    ("outcome", c.TOOL_OUTCOME),
    ("command_class", c.COMMAND_CLASS),
    ("program", c.COMMAND_PROGRAM),
    ("repository", c.VCS_REPOSITORY),
    ("agent_id", c.AGENT_ID),
)
"""Fields of a document that are one attribute."""
_SPAN_KINDS: Final = {kind: kind.name for kind in Kind}
_STATUSES: Final = {code: code.name for code in StatusCode}


def parent(reading: Reading, key: str, along: Document) -> Iterable[Edge]:
    """Return the edge from the span's parent, if it names one."""
    span = reading.span
    if not (parent_id := parent_of(span)):
        return ()
    source = f"{SPANS}/{span.trace_id}-{parent_id}"
    return (Edge(PARENT_OF, key, source, f"{SPANS}/{key}", {"label": "parent of", **along}),)


def links(reading: Reading, key: str, along: Document) -> Iterable[Edge]:
    """Return an edge for each link of the span."""
    return [_link_edge(number, link, key, along) for number, link in enumerate(reading.span.links)]


def _link_edge(number: int, link: Link, key: str, along: Document) -> Edge:
    label = text(link.attributes, c.LINK) or "links to"
    target = f"{SPANS}/{link.trace_id}-{link.span_id}"
    return Edge(LINKS_TO, f"{key}.{number}", f"{SPANS}/{key}", target, {"label": label, **along})


def parent_of(span: Span) -> str | None:
    """Return the id of the span's parent. A span that calls itself its parent is a root: a tree has no loops."""
    return None if span.parent_id == span.span_id else span.parent_id


def document(reading: Reading, resource: Json) -> dict[str, Json]:
    """Return the span's document, but for its expiry. ``resource`` is the span's, as JSON."""
    span, attributes = reading.span, reading.span.attributes
    summary = text(attributes, c.SUMMARY)
    duration_ms = max(0, span.end_ns - span.start_ns) / _NS_PER_MS
    made: dict[str, Json] = {
        "label": (summary or span.name)[:LABEL_CHARS_MAX],
        "kind": reading.kind,
        "name": span.name,
        "status": _STATUSES[span.status],
        "session_id": reading.session_id or None,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": parent_of(span),
        "start_ms": span.start_ns / _NS_PER_MS,
        "end_ms": span.end_ns / _NS_PER_MS,
        "duration_ms": duration_ms,
        "size": duration_ms,
        # In text, because a number of this size is not exact in JavaScript and AQL (2^53).
        "start_ns": str(span.start_ns),
        "end_ns": str(span.end_ns),
        "span_kind": _SPAN_KINDS[span.kind],
        "attributes": safe(attributes),
        "resource": resource,
    }
    if summary:
        made["summary"] = summary
    if reading.tool:
        made["tool"] = reading.tool
    if reading.usage:
        made |= reading.usage
    if command := text(reading.arguments, "command") or text(attributes, _PAYLOAD_COMMAND):
        made["command"] = command
    _add_told(made, reading)
    return made


def _add_told(made: dict[str, Json], reading: Reading) -> None:
    """Add the fields that a document has only where there is something to say. One by one: it runs for every span."""
    span = reading.span
    for name, attribute in _FACTS:
        if (fact := span.attributes.get(attribute)) and isinstance(fact, str):
            made[name] = fact
    if isinstance(wait_ms := span.attributes.get(c.TOOL_WAIT_MS), int | float) and isfinite(wait_ms):
        made["wait_ms"] = wait_ms
    if own := error_key(span):
        made["error_key"] = own
    if error_type := text(span.attributes, c.ERROR_TYPE):
        made["error_type"] = error_type
    if span.status_message:
        made["status_message"] = span.status_message
    if service := text(span.resource, c.SERVICE_NAME):
        made["service"] = service
    if span.scope_name:
        made["scope"] = span.scope_name
    if reading.dialect:
        made["dialect"] = reading.dialect
    if span.links:
        made["links"] = [_link(link) for link in span.links]
    if span.events:
        made["events"] = [_event(event) for event in span.events]
    _add_envelope(made, span)


def _add_envelope(made: dict[str, Json], span: Span) -> None:
    if span.scope_version:
        made["scope_version"] = span.scope_version
    if span.scope_schema_url:
        made["scope_schema_url"] = span.scope_schema_url
    if span.resource_schema_url:
        made["resource_schema_url"] = span.resource_schema_url
    if span.trace_state:
        made["trace_state"] = span.trace_state
    if span.flags:
        made["flags"] = span.flags
    if span.scope_attributes:
        made["scope_attributes"] = safe(span.scope_attributes)
    if (
        span.dropped_attributes
        or span.dropped_events
        or span.dropped_links
        or span.resource_dropped_attributes
        or span.scope_dropped_attributes
    ):
        made["dropped"] = _dropped(span)


def _dropped(span: Span) -> dict[str, Json]:
    """Return how much the producer left out, of what there is any."""
    counts = {
        "attributes": span.dropped_attributes,
        "events": span.dropped_events,
        "links": span.dropped_links,
        "resource_attributes": span.resource_dropped_attributes,
        "scope_attributes": span.scope_dropped_attributes,
    }
    return {name: count for name, count in counts.items() if count}


def _link(link: Link) -> Json:
    return {
        "trace_id": link.trace_id,
        "span_id": link.span_id,
        "attributes": safe(link.attributes),
        **({"trace_state": link.trace_state} if link.trace_state else {}),
        **({"flags": link.flags} if link.flags else {}),
        **({"dropped_attributes": link.dropped_attributes} if link.dropped_attributes else {}),
    }


def _event(event: SpanEvent) -> Json:
    return {
        "name": event.name,
        "time_ns": str(event.time_ns),
        "attributes": safe(event.attributes),
        **({"dropped_attributes": event.dropped_attributes} if event.dropped_attributes else {}),
    }
