"""
OTLP in: the bytes of an ExportTraceServiceRequest become our Spans, whoever sent them.

What a span says is kept as it came; only a span that cannot be told from others is set aside.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from cc_otel.span import AttributeValue, Kind, Link, Span, SpanEvent, StatusCode

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

_KINDS: Final = {int(kind): kind for kind in Kind}
_STATUS_CODES: Final = {int(code): code for code in StatusCode}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A span that can never be stored, as far as it could be read, and why."""

    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """One request's spans, and those that were set aside."""

    spans: tuple[Span, ...]
    rejections: tuple[Rejection, ...] = ()


class NotARequest(ValueError):
    """The bytes are not an ExportTraceServiceRequest; sending them again would not help."""


def decode(data: bytes) -> Decoded:
    """
    Read the bytes of an ExportTraceServiceRequest; raise NotARequest where they are none.

    A span whose trace or span id is not 16 or 8 bytes, or all zeros, is rejected ("receiver may ignore such
    spans", opentelemetry.proto.trace.v1.Span); everything else about a span is taken as it comes: times of zero,
    an end before the start, numbers of kinds and statuses that came after us.
    """
    try:
        request = ExportTraceServiceRequest.FromString(data)
    except DecodeError as error:
        raise NotARequest(f"not an ExportTraceServiceRequest: {error}") from error
    spans: list[Span] = []
    rejections: list[Rejection] = []
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            scope = of_scope.scope.name, of_scope.scope.version
            for message in of_scope.spans:
                span = _span(message, resource, scope)
                reason = _why_not(message)
                if reason is None:
                    spans.append(span)
                else:
                    rejections.append(Rejection(span, reason))
    return Decoded(tuple(spans), tuple(rejections))


def _span(message: trace_pb2.Span, resource: dict[str, AttributeValue], scope: tuple[str, str]) -> Span:
    parent_id = message.parent_span_id
    code, status_message = StatusCode.UNSET, ""
    # Most spans have none, and asking costs less than reading an empty one.
    if message.HasField("status"):
        code, status_message = _STATUS_CODES.get(message.status.code, code), message.status.message
    # By position: with names it takes twice as long, for every span there is.
    return Span(
        message.trace_id.hex(),
        message.span_id.hex(),
        message.name,
        message.start_time_unix_nano,
        message.end_time_unix_nano,
        # A parent that cannot be one leaves a root: what the span itself says is worth more than its place.
        parent_id.hex() if _is_id(parent_id, SPAN_ID_BYTES) else None,
        _KINDS.get(message.kind, Kind.UNSPECIFIED),
        code,
        status_message,
        _attributes(message.attributes),
        tuple(_links(message.links)) if message.links else (),
        tuple(_events(message.events)) if message.events else (),
        resource,
        *scope,
    )


def _why_not(message: trace_pb2.Span) -> str | None:
    if not _is_id(message.trace_id, TRACE_ID_BYTES):
        return f"invalid trace id {message.trace_id.hex()!r}: 16 bytes, not all zero, were expected"
    if not _is_id(message.span_id, SPAN_ID_BYTES):
        return f"invalid span id {message.span_id.hex()!r}: 8 bytes, not all zero, were expected"
    return None


def _is_id(data: bytes, size_bytes: int) -> bool:
    return len(data) == size_bytes and any(data)


def _links(messages: Iterable[trace_pb2.Span.Link]) -> Iterable[Link]:
    # A link without valid ids leads nowhere.
    for link in messages:
        if _is_id(link.trace_id, TRACE_ID_BYTES) and _is_id(link.span_id, SPAN_ID_BYTES):
            yield Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))


def _events(messages: Iterable[trace_pb2.Span.Event]) -> Iterable[SpanEvent]:
    for event in messages:
        yield SpanEvent(event.name, event.time_unix_nano, _attributes(event.attributes))


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    # Nearly every value is a text that says something; asking for that first saves asking what it is.
    return {pair.key: (value := pair.value).string_value or _value(value) for pair in pairs}


def _value(value: AnyValue) -> AttributeValue:
    which = value.WhichOneof("value")
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if which == "array_value":
        return [_value(item) for item in value.array_value.values]
    if which in _SCALARS:
        scalar: str | bool | int | float | bytes = getattr(value, which)
        return scalar
    # Empty, or an index into a dictionary that only the profiles signal has.
    return None


_SCALARS: Final = frozenset({"string_value", "bool_value", "int_value", "double_value", "bytes_value"})
