"""
OTLP in: the bytes of an ExportTraceServiceRequest become our Spans, from any producer.

What a span says is kept as it came. A request is divided where it is large, and read span by span where protobuf
refuses it: one bad byte costs at most the span it is in.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from cc_otel.otlp.values import attributes_in
from cc_otel.otlp.wire import LENGTH, Malformed, fields, head, messages, others, repaired
from cc_otel.span import Attributes, Kind, Link, Span, SpanEvent, StatusCode

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

SLICE_SPANS_MAX: Final = 512
"""How many spans a slice holds."""

SLICE_BYTES_MAX: Final = 1 << 20
"""How many bytes protobuf parses at a time, but for a larger span: its objects take five to ten times as much."""

_RESOURCE_SPANS: Final = ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER
_SCOPE_SPANS: Final = ResourceSpans.SCOPE_SPANS_FIELD_NUMBER
_SPANS: Final = ScopeSpans.SPANS_FIELD_NUMBER
_KINDS: Final = {int(kind): kind for kind in Kind}
_STATUS_CODES: Final = {int(code): code for code in StatusCode}
# What identifies a span; none of it is text that could be bad.
_IDENTITY: Final = frozenset(
    trace_pb2.Span.DESCRIPTOR.fields_by_name[name].number
    for name in ("trace_id", "span_id", "parent_span_id", "start_time_unix_nano", "end_time_unix_nano")
)

_M = TypeVar("_M", bound=Message)

_Envelope = tuple[Attributes, str, str, Attributes, str, int, str, int]
"""What a span shares with others, in the order of `Span`'s fields from ``resource`` on."""

_Found = tuple[_Envelope, trace_pb2.Span, str | None]
"""A span's message with what it shares, and what was wrong with its bytes: None, `_REPAIRED`, or why it is rejected."""

_REPAIRED: Final = ""
_Outer = Callable[[int], list[bytes]]
_Piece = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A span that can never be stored, as far as it could be read, and why."""

    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """
    The spans of a request or of a slice of it, and those that were rejected.

    ``size_bytes`` is what they took on the wire; the first slice counts for all that was parsed with it. ``repaired``
    counts spans that came with text that is not UTF-8, or with values nested too deeply, and were changed for that.
    """

    spans: tuple[Span, ...]
    rejections: tuple[Rejection, ...] = ()
    size_bytes: int = field(default=0, compare=False)
    repaired: int = 0


class NotARequest(ValueError):
    """The bytes are not an ExportTraceServiceRequest; sending them again would not help."""


def decode(data: bytes) -> Decoded:
    """
    Return the spans of an ExportTraceServiceRequest. Raises NotARequest if the bytes are none.

    A span whose trace or span id is not 16 or 8 bytes, or all zeros, is rejected ("receiver may ignore such
    spans", opentelemetry.proto.trace.v1.Span); everything else about a span is accepted: times of zero, an end before
    the start, kinds and statuses that are newer than we are.
    """
    parts = list(slices(data))
    return Decoded(
        tuple(chain.from_iterable(part.spans for part in parts)),
        tuple(chain.from_iterable(part.rejections for part in parts)),
        len(data),
        sum(part.repaired for part in parts),
    )


def slices(data: bytes | bytearray) -> Iterator[Decoded]:
    """
    Return what `decode` does, slice by slice, each decoded when it is asked for.

    Raises NotARequest: at once where the outer framing shows it, while iterating where only a slice does.
    """
    pieces: deque[_Piece] = deque([lambda: bytes(data)])
    try:
        if len(data) > SLICE_BYTES_MAX:
            pieces = deque(_pieces(data, 0, len(data), _LEVELS))
    except Malformed as error:
        raise NotARequest(f"not an ExportTraceServiceRequest: {error}") from error
    return _slices_of_all(pieces)


def _slices_of_all(pieces: deque[_Piece]) -> Iterator[Decoded]:
    # Taken out one by one: with the last one, which may be a span as large as the request, the request is freed.
    while pieces:
        yield from _slices_of(pieces.popleft()())


_LEVELS: Final = (_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS)


def _pieces(
    data: bytes | bytearray, start: int, end: int, levels: Sequence[int], outer: _Outer = lambda _: []
) -> Iterator[_Piece]:
    """
    Divide the message at ``data[start:end]`` into requests of at most `SLICE_BYTES_MAX`, or of one span.

    They are made when they are called, after all of them are known: what spans share may stand behind them, and all
    pieces together would take the memory of the request again.
    """
    number, *inner = levels
    shared = bytearray()
    run_start = run_end = start

    def within(size_bytes: int) -> list[bytes]:
        """Return what goes before a message of that size in this one."""
        before = [bytes(shared), head(number, size_bytes)]
        return [*outer(sum(map(len, before)) + size_bytes), *before]

    for each, wire_type, part_start, value, part_end in fields(data, start, end):
        if each != number or wire_type != LENGTH:
            shared.extend(data[part_start:part_end])
            continue
        if part_start == run_end and part_end - run_start <= SLICE_BYTES_MAX:
            run_end = part_end
            continue
        yield from _piece(data, run_start, run_end, shared, outer)
        run_start, run_end = part_start, part_end
        if inner and part_end - part_start > SLICE_BYTES_MAX:
            yield from _pieces(data, value, part_end, inner, within)
            run_start = part_end
    yield from _piece(data, run_start, run_end, shared, outer)


def _piece(data: bytes | bytearray, start: int, end: int, shared: bytearray, outer: _Outer) -> Iterator[_Piece]:
    if start < end:
        yield lambda: b"".join((*outer(len(shared) + end - start), shared, memoryview(data)[start:end]))


def _slices_of(piece: bytes) -> Iterator[Decoded]:
    spans: list[Span] = []
    rejections: list[Rejection] = []
    size_bytes, repairs = len(piece), 0
    found = _found_in(piece)
    del piece
    for envelope, message, fault in found:
        span = _span(message, envelope)
        reason = fault or _why_not(message)
        if reason is None:
            spans.append(span)
        else:
            rejections.append(Rejection(span, reason))
        repairs += fault == _REPAIRED
        if len(spans) + len(rejections) == SLICE_SPANS_MAX:
            yield Decoded(tuple(spans), tuple(rejections), size_bytes, repairs)
            spans, rejections, size_bytes, repairs = [], [], 0, 0
    if spans or rejections:
        yield Decoded(tuple(spans), tuple(rejections), size_bytes, repairs)


def _found_in(piece: bytes) -> Iterable[_Found]:
    try:
        request = ExportTraceServiceRequest.FromString(piece)
    except DecodeError:
        try:
            return list(_found_one_by_one(piece))
        except Malformed as error:
            raise NotARequest(f"not an ExportTraceServiceRequest: {error}") from error
    return (
        (envelope, message, None)
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for envelope in [_envelope(of_resource, of_scope)]
        for message in of_scope.spans
    )


def _found_one_by_one(piece: bytes) -> Iterator[_Found]:
    """Parse each span for itself. Raises Malformed where the framing around spans is broken."""
    for of_resource in messages(piece, _RESOURCE_SPANS):
        resource, resource_fault = _mended(ResourceSpans, others(of_resource, _SCOPE_SPANS))
        for of_scope in messages(of_resource, _SCOPE_SPANS):
            scope, scope_fault = _mended(ScopeSpans, others(of_scope, _SPANS))
            envelope = _envelope(resource or ResourceSpans(), scope or ScopeSpans())
            shared = None if resource_fault is scope_fault is None else _REPAIRED
            for data in messages(of_scope, _SPANS):
                message, fault = _mended(trace_pb2.Span, data)
                yield envelope, message or _identity(data), shared if fault is None else fault


def _mended(kind: type[_M], data: bytes) -> tuple[_M | None, str | None]:
    """Return a message and what was wrong with it: None, `_REPAIRED`, or, with no message, why it is beyond repair."""
    try:
        return kind.FromString(data), None
    except DecodeError:
        try:
            return kind.FromString(repaired(data, cast(Descriptor, kind.DESCRIPTOR))), _REPAIRED
        except (DecodeError, Malformed, RecursionError) as error:
            return None, f"not an {kind.DESCRIPTOR.full_name}: {error}"


def _identity(data: bytes) -> trace_pb2.Span:
    """Return a span with what could be read of its identity."""
    span = trace_pb2.Span()
    with suppress(Malformed, DecodeError):
        for number, _, start, _, end in fields(data):
            if number in _IDENTITY:
                span.MergeFromString(data[start:end])
    return span


def _envelope(of_resource: ResourceSpans, of_scope: ScopeSpans) -> _Envelope:
    resource, scope = of_resource.resource, of_scope.scope
    return (
        attributes_in(resource.attributes),
        scope.name,
        scope.version,
        attributes_in(scope.attributes),
        of_scope.schema_url,
        scope.dropped_attributes_count,
        of_resource.schema_url,
        resource.dropped_attributes_count,
    )


def _span(message: trace_pb2.Span, envelope: _Envelope) -> Span:
    parent_id = message.parent_span_id
    code, status_message = StatusCode.UNSET, ""
    # Most spans have no status, and asking costs less than reading an empty one.
    if message.HasField("status"):
        code, status_message = _STATUS_CODES.get(message.status.code, code), message.status.message
    # By position: by name it takes twice as long, for every span there is.
    return Span(
        message.trace_id.hex(),
        message.span_id.hex(),
        message.name,
        message.start_time_unix_nano,
        message.end_time_unix_nano,
        # An invalid parent leaves a root: what the span itself says is worth more than its place.
        parent_id.hex() if _is_id(parent_id, SPAN_ID_BYTES) else None,
        _KINDS.get(message.kind, Kind.UNSPECIFIED),
        code,
        status_message,
        attributes_in(message.attributes),
        tuple(_links(message.links)) if message.links else (),
        tuple(_events(message.events)) if message.events else (),
        *envelope,
        message.trace_state,
        message.flags,
        message.dropped_attributes_count,
        message.dropped_events_count,
        message.dropped_links_count,
    )


def _why_not(message: trace_pb2.Span) -> str | None:
    if not _is_id(message.trace_id, TRACE_ID_BYTES):
        return f"invalid trace id {message.trace_id.hex()!r}: 16 bytes, not all zero, were expected"
    if not _is_id(message.span_id, SPAN_ID_BYTES):
        return f"invalid span id {message.span_id.hex()!r}: 8 bytes, not all zero, were expected"
    return None


def _is_id(data: bytes, size_bytes: int) -> bool:
    return len(data) == size_bytes and any(data)


def _links(found: Iterable[trace_pb2.Span.Link]) -> Iterable[Link]:
    # A link without valid ids leads nowhere.
    for link in found:
        if _is_id(link.trace_id, TRACE_ID_BYTES) and _is_id(link.span_id, SPAN_ID_BYTES):
            yield Link(
                link.trace_id.hex(),
                link.span_id.hex(),
                attributes_in(link.attributes),
                link.trace_state,
                link.flags,
                link.dropped_attributes_count,
            )


def _events(found: Iterable[trace_pb2.Span.Event]) -> Iterable[SpanEvent]:
    for event in found:
        yield SpanEvent(
            event.name, event.time_unix_nano, attributes_in(event.attributes), event.dropped_attributes_count
        )
