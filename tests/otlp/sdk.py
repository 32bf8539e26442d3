"""Our spans in the SDK's form, which any exporter of the SDK can send: what ours are held to."""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link as SdkLink
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status
from opentelemetry.trace.status import StatusCode as SdkStatusCode

from cc_otel import __version__
from cc_otel.conventions import SCHEMA_URL, SCOPE_NAME
from cc_otel.otlp.encode import COUNT_MAX
from cc_otel.otlp.values import text_of, value_of
from cc_otel.span import Attributes, Kind, Link, Span, SpanEvent, StatusCode, span_id_of, trace_id_of

_UINT64_MAX: Final = (1 << 64) - 1
_TRACE_ID: Final = re.compile("(?!0{32})[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile("(?!0{16})[0-9a-fA-F]{16}")
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_KINDS: Final = {kind: SpanKind.INTERNAL if kind is Kind.UNSPECIFIED else SpanKind[kind.name] for kind in Kind}
_STATUS_CODES: Final = {code: SdkStatusCode[code.name] for code in StatusCode}

_Item = TypeVar("_Item")


class _Resource(Resource):
    """A resource hashed by identity: the SDK's hash serializes all of it to JSON, once for every span."""

    __hash__ = object.__hash__


def readable(span: Span) -> ReadableSpan:
    """Return the SDK's form of a span, with every value made safe, which any exporter of the SDK can send."""
    failed = span.status is StatusCode.ERROR
    # With another status the SDK drops the description and warns (OTel specification, Set Status).
    status = Status(_STATUS_CODES[span.status], text_of(span.status_message) or None if failed else None)
    ours = not span.scope_name or span.scope_name == SCOPE_NAME
    schema_url = SCHEMA_URL if ours else None
    return ReadableSpan(
        name=text_of(span.name),
        context=_context(span.trace_id, span.span_id),
        parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
        # Resource.create() would add a random service.instance.id, and no two encodings would be equal.
        resource=_Resource({text_of(key): value_of(value) for key, value in span.resource.items()}, schema_url),
        attributes=_attributes(span.attributes),
        events=_first([_event(event) for event in span.events]),
        links=_first([_link(link) for link in span.links]),
        kind=_KINDS[span.kind],
        status=status,
        start_time=_time(span.start_ns),
        end_time=_time(span.end_ns),
        instrumentation_scope=InstrumentationScope(
            text_of(span.scope_name) or SCOPE_NAME,
            text_of(span.scope_version) or (__version__ if ours else ""),
            schema_url,
        ),
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    trace_digits = trace_id if _TRACE_ID.fullmatch(trace_id) else trace_id_of(trace_id)
    # The same text always gives the same id, so children still find a parent whose id is invalid.
    span_digits = span_id if _SPAN_ID.fullmatch(span_id) else span_id_of(span_id)
    return SpanContext(int(trace_digits, 16), int(span_digits, 16), is_remote=False, trace_flags=_SAMPLED)


def _attributes(attributes: Attributes) -> Attributes:
    kept = {text_of(key): value_of(value) for key, value in list(attributes.items())[:COUNT_MAX]}
    if len(attributes) <= COUNT_MAX:
        return kept
    # BoundedAttributes alone would drop the oldest, and ours come first; it only carries the count.
    bounded = BoundedAttributes(attributes=kept)
    bounded.dropped = len(attributes) - COUNT_MAX
    return bounded


def _first(items: Sequence[_Item]) -> Sequence[_Item]:
    if len(items) <= COUNT_MAX:
        return items
    bounded = BoundedList.from_seq(COUNT_MAX, items[:COUNT_MAX])
    bounded.dropped = len(items) - COUNT_MAX
    return bounded


def _event(event: SpanEvent) -> Event:
    return Event(text_of(event.name), _attributes(event.attributes), _time(event.time_ns))


def _link(link: Link) -> SdkLink:
    return SdkLink(_context(link.trace_id, link.span_id), _attributes(link.attributes))


def _time(time_ns: int) -> int:
    return min(max(time_ns, 0), _UINT64_MAX)
