"""OTLP in: any producer's bytes become Spans, or reasons."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cc_otel.otlp.decode import Decoded, NotARequest, Rejection, decode
from cc_otel.otlp.encode import encode, request
from cc_otel.span import AttributeValue, Kind, Link, Span, SpanEvent, StatusCode

TRACE = bytes(range(16))
SPAN = bytes(range(8))


def message(**fields: object) -> trace_pb2.Span:
    """Make a span message with valid ids."""
    made = trace_pb2.Span(trace_id=TRACE, span_id=SPAN)
    made.MergeFrom(trace_pb2.Span(**fields))  # type: ignore[arg-type]  # one for each field, checked when it runs
    return made


def bytes_of(*messages: trace_pb2.Span, resource: Sequence[KeyValue] = ()) -> bytes:
    """Make a request that holds the spans."""
    scope_spans = trace_pb2.ScopeSpans(scope=InstrumentationScope(name="lib", version="1.2"), spans=messages)
    envelope = trace_pb2.ResourceSpans(resource=Resource(attributes=resource), scope_spans=[scope_spans])
    return ExportTraceServiceRequest(resource_spans=[envelope]).SerializeToString()


def only(data: bytes) -> Span:
    """Decode a request that holds one span that is fine."""
    decoded = decode(data)
    (span,) = decoded.spans

    assert decoded.rejections == ()

    return span


BARE = Span(TRACE.hex(), SPAN.hex(), "", 0, 0, kind=Kind.UNSPECIFIED, scope_name="lib", scope_version="1.2")


def test_everything_a_span_can_say() -> None:
    """Each field of a span stands in the Span's field of the same meaning."""
    text = KeyValue(key="k", value=AnyValue(string_value="v"))
    told = message(
        parent_span_id=b"parentid",
        name="GET /",
        kind=trace_pb2.Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1_800_000_000_000_000_001,
        end_time_unix_nano=1_800_000_000_000_000_002,
        attributes=[text],
        events=[trace_pb2.Span.Event(name="e", time_unix_nano=3, attributes=[text])],
        links=[trace_pb2.Span.Link(trace_id=b"l" * 16, span_id=b"l" * 8, attributes=[text])],
        status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message="broken"),
    )

    assert only(bytes_of(told, resource=[text])) == Span(
        trace_id="000102030405060708090a0b0c0d0e0f",
        span_id="0001020304050607",
        parent_id="706172656e746964",
        name="GET /",
        start_ns=1_800_000_000_000_000_001,
        end_ns=1_800_000_000_000_000_002,
        kind=Kind.SERVER,
        status=StatusCode.ERROR,
        status_message="broken",
        attributes={"k": "v"},
        links=(Link("6c" * 16, "6c" * 8, {"k": "v"}),),
        events=(SpanEvent("e", 3, {"k": "v"}),),
        resource={"k": "v"},
        scope_name="lib",
        scope_version="1.2",
    )


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        (AnyValue(string_value="text"), "text"),
        (AnyValue(string_value=""), ""),
        (AnyValue(string_value="nul\x00 é 🧵"), "nul\x00 é 🧵"),
        (AnyValue(bool_value=False), False),
        (AnyValue(bool_value=True), True),
        (AnyValue(int_value=0), 0),
        (AnyValue(int_value=-(2**63)), -(2**63)),
        (AnyValue(double_value=0.1), 0.1),
        (AnyValue(bytes_value=b""), b""),
        (AnyValue(bytes_value=b"\x00\xff"), b"\x00\xff"),
        (AnyValue(), None),
        (AnyValue(string_value_strindex=3), None),
        (AnyValue(array_value=ArrayValue()), []),
        (
            AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(), AnyValue(string_value="x")])),
            [1, None, "x"],
        ),
        (AnyValue(kvlist_value=KeyValueList()), {}),
        (
            AnyValue(
                kvlist_value=KeyValueList(
                    values=[
                        KeyValue(
                            key="list", value=AnyValue(array_value=ArrayValue(values=[AnyValue(bytes_value=b"b")]))
                        ),
                        KeyValue(key="empty"),
                        KeyValue(key="", value=AnyValue(double_value=1)),
                    ]
                )
            ),
            {"list": [b"b"], "empty": None, "": 1.0},
        ),
    ],
    ids=str,
)
def test_every_kind_of_value(value: AnyValue, decoded: AttributeValue) -> None:
    """An attribute's value keeps its kind, at any depth."""
    told = message(attributes=[KeyValue(key="k", value=value)])

    assert only(bytes_of(told)) == replace(BARE, attributes={"k": decoded})


def test_a_value_of_nan() -> None:
    """A number that is none is taken as it comes."""
    told = only(bytes_of(message(attributes=[KeyValue(key="k", value=AnyValue(double_value=float("nan")))])))

    assert repr(told.attributes) == "{'k': nan}"


@pytest.mark.parametrize(
    ("told", "span"),
    [
        (message(), BARE),
        (message(start_time_unix_nano=2, end_time_unix_nano=1), replace(BARE, start_ns=2, end_ns=1)),
        (
            message(start_time_unix_nano=2**64 - 1, end_time_unix_nano=2**64 - 1),
            replace(BARE, start_ns=2**64 - 1, end_ns=2**64 - 1),
        ),
        (message(kind=17), BARE),
        (message(status=trace_pb2.Status.FromString(b"\x18\x09")), BARE),
        (message(parent_span_id=bytes(8)), BARE),
        (message(parent_span_id=b"short"), BARE),
        (message(links=[trace_pb2.Span.Link(trace_id=TRACE), trace_pb2.Span.Link(span_id=SPAN)]), BARE),
    ],
    ids=str,
)
def test_odd_but_whole(told: trace_pb2.Span, span: Span) -> None:
    """Odd times, numbers from the future, and references that lead nowhere do not cost the span."""
    assert only(bytes_of(told)) == span


@pytest.mark.parametrize(
    ("trace_id", "span_id", "reason"),
    [
        (b"", SPAN, "invalid trace id '': 16 bytes, not all zero, were expected"),
        (bytes(16), SPAN, f"invalid trace id '{'00' * 16}': 16 bytes, not all zero, were expected"),
        (SPAN, SPAN, "invalid trace id '0001020304050607': 16 bytes, not all zero, were expected"),
        (TRACE, b"", "invalid span id '': 8 bytes, not all zero, were expected"),
        (TRACE, bytes(8), "invalid span id '0000000000000000': 8 bytes, not all zero, were expected"),
        (TRACE, TRACE, f"invalid span id '{TRACE.hex()}': 8 bytes, not all zero, were expected"),
    ],
)
def test_a_span_that_cannot_be_told_from_others(trace_id: bytes, span_id: bytes, reason: str) -> None:
    """A span with an invalid id is set aside with the reason, and the spans beside it go on."""
    nobody = trace_pb2.Span(trace_id=trace_id, span_id=span_id, name="nobody")

    assert decode(bytes_of(message(), nobody, message(name="after"))) == Decoded(
        (BARE, replace(BARE, name="after")),
        (Rejection(replace(BARE, trace_id=trace_id.hex(), span_id=span_id.hex(), name="nobody"), reason),),
    )


def test_no_bytes() -> None:
    """An empty request is a request without spans."""
    assert decode(b"") == Decoded((), ())


@pytest.mark.parametrize("data", [b"\xff", b"{}", b'{"resourceSpans": []}', bytes_of(message(name="x"))[:-1]])
def test_not_a_request(data: bytes) -> None:
    """Bytes that are no request are told apart from a request that is odd."""
    with pytest.raises(NotARequest):
        decode(data)


def test_text_that_is_not_utf8() -> None:
    """A text that is not UTF-8, which protobuf does not allow, makes the bytes no request."""
    data = bytes_of(message(name="xyzzy")).replace(b"xyzzy", b"\xff\xfe\xfd\xfc\xfb")
    with pytest.raises(NotARequest):
        decode(data)


def test_what_we_send_comes_back() -> None:
    """A span that we encoded is the same span when it is decoded."""
    sent = Span(
        "12" * 16,
        "34" * 8,
        "execute_tool Bash",
        1_800_000_000_000_000_000,
        1_800_000_000_000_000_001,
        parent_id="56" * 8,
        status=StatusCode.ERROR,
        status_message="exit 1",
        attributes={"s": "é", "n": 1, "f": 0.5, "b": True, "none": None, "list": [1, "x"], "map": {"k": [None]}},
        links=(Link("78" * 16, "9a" * 8, {"cc_otel.link": "session"}),),
        resource={"service.name": "claude-code"},
        scope_name="cc_otel",
    )

    assert replace(only(request([encode(sent)])), scope_version="") == sent


def test_what_the_sdk_sends() -> None:
    """Spans of the OpenTelemetry SDK are decoded with their ids, parents, events and resource."""
    finished = InMemorySpanExporter()
    provider = TracerProvider(resource=SdkResource({"service.name": "foreign"}))
    provider.add_span_processor(SimpleSpanProcessor(finished))
    tracer = provider.get_tracer("lib", "1.0")
    with tracer.start_as_current_span("outer", attributes={"deep": {"list": [1, {"x": b"y"}]}}) as outer:
        with tracer.start_as_current_span("inner"):
            pass
        outer.add_event("happened", {"k": "v"})
    provider.shutdown()
    inner, outer_span = decode(encode_spans(finished.get_finished_spans()).SerializeToString()).spans

    assert (inner.name, inner.parent_id, inner.trace_id) == ("inner", outer_span.span_id, outer_span.trace_id)
    assert (outer_span.name, outer_span.parent_id, outer_span.attributes, outer_span.resource) == (
        "outer",
        None,
        {"deep": {"list": [1, {"x": b"y"}]}},
        {"service.name": "foreign"},
    )
    assert [(event.name, event.attributes) for event in outer_span.events] == [("happened", {"k": "v"})]


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Whatever bytes come, they are spans, rejections, or no request: never another error."""
    try:
        decoded = decode(data)
    except NotARequest:
        return
    assert all(len(span.trace_id) == 32 and len(span.span_id) == 16 for span in decoded.spans)


@given(position=st.integers(0, 400), value=st.integers(0, 255))
def test_any_damaged_request(position: int, value: int) -> None:
    """A request with a byte changed is spans, rejections, or no request: never another error."""
    data = bytearray(bytes_of(message(name="x" * 50), message(attributes=[KeyValue(key="k")]), message(name="y")))
    data[position % len(data)] = value
    try:
        decoded = decode(bytes(data))
    except NotARequest:
        return
    assert all(len(span.trace_id) == 32 and len(span.span_id) == 16 for span in decoded.spans)
