"""
From our `Span` to bytes, by way of the SDK's ``ReadableSpan`` and the OTLP exporters' own encoder.

A span is encoded once and kept as bytes; a request is framed around those bytes without changing them, so a span that
is sent again is byte for byte the one sent before (docs/decisions/0005-own-sender.md).
"""

import base64
import json
import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from google.protobuf.json_format import MessageToDict
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
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
from cc_otel.otlp.values import text_of, value_of
from cc_otel.span import Attributes, EncodedSpan, Kind, Link, Span, SpanEvent, StatusCode, span_id_of, trace_id_of

COUNT_MAX: Final = 128
"""How many attributes, events and links a span keeps, each: the SDK's default (OTel specification, Span Limits)."""

_UINT64_MAX: Final = (1 << 64) - 1
_TRACE_ID: Final = re.compile("(?!0{32})[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile("(?!0{16})[0-9a-fA-F]{16}")
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
# OTLP lets a receiver read an unspecified kind as internal, and the SDK has no unspecified one.
_KINDS: Final = {kind: SpanKind.INTERNAL if kind is Kind.UNSPECIFIED else SpanKind[kind.name] for kind in Kind}
_STATUS_CODES: Final = {code: SdkStatusCode[code.name] for code in StatusCode}
_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")

_Item = TypeVar("_Item")


class _Resource(Resource):
    """A resource hashed by identity: the SDK's hash serializes all of it to JSON, once for every span."""

    __hash__ = object.__hash__


def encode(span: Span) -> EncodedSpan:
    """
    Return a span encoded for the wire; equal spans have equal bytes. Never raises.

    Values that the wire or its readers cannot carry are replaced (``values``), times out of range by the nearest, an
    invalid id by one derived from its text. Attributes, events and links beyond ``COUNT_MAX`` are dropped from the end,
    since ours come first, and counted in ``dropped_attributes_count`` and its like.
    """
    envelope = encode_spans([readable(span)]).resource_spans[0]
    message = envelope.scope_spans[0].spans[0]
    span_id, trace_id = message.span_id.hex(), message.trace_id.hex()
    span_bytes = message.SerializeToString(deterministic=True)
    envelope.scope_spans[0].ClearField("spans")
    return EncodedSpan(trace_id, span_id, envelope.SerializeToString(deterministic=True), span_bytes)


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


def request(batch: Iterable[EncodedSpan]) -> bytes:
    """
    Return spans framed as one serialized ``ExportTraceServiceRequest``, merging equal envelopes in order of appearance.

    The bytes of every span are in it unchanged.
    """
    groups: dict[bytes, list[bytes]] = {}
    for encoded in batch:
        groups.setdefault(encoded.resource, []).append(encoded.span)
    return b"".join(
        _field(ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER, _filled(envelope, spans))
        for envelope, spans in groups.items()
    )


def to_json(batch: Iterable[EncodedSpan]) -> str:
    """Return the same request as OTLP/JSON, one line of ASCII (OTLP 1.11, JSON Protobuf Encoding)."""
    message = ExportTraceServiceRequest.FromString(request(batch))
    document = MessageToDict(message, use_integers_for_enums=True)
    for envelope in document.get("resourceSpans", ()):
        for span in envelope["scopeSpans"][0]["spans"]:
            for identified in (span, *span.get("links", ())):
                # Ids are hexadecimal; protobuf's own JSON mapping uses base64.
                identified.update({key: _hex(identified[key]) for key in _ID_FIELDS if key in identified})
    # ASCII only: U+2028 and its like end a line for some readers.
    return json.dumps(document, separators=(",", ":"))


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


def _filled(envelope: bytes, spans: Iterable[bytes]) -> bytes:
    shell = ResourceSpans.FromString(envelope)
    scope_spans = shell.scope_spans[0].SerializeToString(deterministic=True)
    shell.ClearField("scope_spans")
    body = scope_spans + b"".join(_field(ScopeSpans.SPANS_FIELD_NUMBER, span) for span in spans)
    return shell.SerializeToString(deterministic=True) + _field(ResourceSpans.SCOPE_SPANS_FIELD_NUMBER, body)


def _field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field (protobuf encoding, wire type 2): how a message contains another."""
    head, rest = bytearray([number << 3 | 2]), len(payload)
    while rest > 0x7F:
        head.append(rest & 0x7F | 0x80)
        rest >>= 7
    head.append(rest)
    return bytes(head) + payload


def _hex(base64_text: str) -> str:
    return base64.b64decode(base64_text).hex()
