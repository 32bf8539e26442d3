"""Our span on the wire: what an exporter of the SDK would send, framed around bytes that never change."""

import math
import subprocess
import sys

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from cc_otel import __version__
from cc_otel.otlp.encode import COUNT_MAX, encode, request
from cc_otel.otlp.values import DEPTH_MAX
from cc_otel.span import (
    AttributeValue,
    EncodedSpan,
    Kind,
    Link,
    Span,
    SpanEvent,
    StatusCode,
    span_id_of,
    trace_id_of,
)
from tests.otlp.sdk import readable
from tests.otlp.senders import FULL

SCHEMA_URL = "https://opentelemetry.io/schemas/1.45.0"
PLAIN = Span("00" * 15 + "01", "00" * 7 + "02", "plain", 1, 2)


def message_of(encoded: EncodedSpan) -> trace_pb2.Span:
    """Read the span of a encoded back."""
    return trace_pb2.Span.FromString(encoded.span)


def key(name: str, value: AnyValue) -> KeyValue:
    """Name a value."""
    return KeyValue(key=name, value=value)


def text(value: str) -> AnyValue:
    """Return a string as OTLP has it."""
    return AnyValue(string_value=value)


def test_a_span_is_on_the_wire_whole() -> None:
    """Every field of a span, its resource and its scope stand where opentelemetry.proto puts them."""
    encoded = encode(FULL)

    expected = ExportTraceServiceRequest(
        resource_spans=[
            trace_pb2.ResourceSpans(
                resource=Resource(
                    attributes=[key("service.name", text("claude-code")), key("host.name", text("here"))]
                ),
                schema_url=SCHEMA_URL,
                scope_spans=[
                    trace_pb2.ScopeSpans(
                        scope=InstrumentationScope(name="cc_otel", version=__version__),
                        schema_url=SCHEMA_URL,
                        spans=[
                            trace_pb2.Span(
                                trace_id=bytes.fromhex("0123456789abcdef" * 2),
                                span_id=bytes.fromhex("fedcba9876543210"),
                                parent_span_id=bytes.fromhex("00000000000000ff"),
                                name="execute_tool Bash",
                                kind=trace_pb2.Span.SPAN_KIND_CLIENT,
                                start_time_unix_nano=1_764_000_000_000_000_000,
                                end_time_unix_nano=1_764_000_001_500_000_000,
                                status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message="exit 1"),
                                flags=trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK,
                                attributes=[
                                    key("text", text("naïve 🦀")),
                                    key("flag", AnyValue(bool_value=True)),
                                    key("count", AnyValue(int_value=-3)),
                                    key("share", AnyValue(double_value=0.5)),
                                    key("bytes", AnyValue(bytes_value=b"\x00\xff")),
                                    key("nothing", AnyValue()),
                                    key(
                                        "list",
                                        AnyValue(array_value=ArrayValue(values=[text("a"), AnyValue(int_value=1)])),
                                    ),
                                    key(
                                        "map",
                                        AnyValue(
                                            kvlist_value=KeyValueList(
                                                values=[
                                                    key(
                                                        "inner",
                                                        AnyValue(
                                                            kvlist_value=KeyValueList(
                                                                values=[key("deep", text("value"))]
                                                            )
                                                        ),
                                                    )
                                                ]
                                            )
                                        ),
                                    ),
                                ],
                                links=[
                                    trace_pb2.Span.Link(
                                        trace_id=b"\x0f" * 16,
                                        span_id=b"\xf0" * 8,
                                        attributes=[key("cc_otel.link", text("previous_turn"))],
                                        flags=trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK,
                                    )
                                ],
                                events=[
                                    trace_pb2.Span.Event(
                                        name="moment",
                                        time_unix_nano=1_764_000_000_500_000_000,
                                        attributes=[key("n", AnyValue(int_value=1))],
                                    )
                                ],
                            )
                        ],
                    )
                ],
            )
        ]
    )
    assert ExportTraceServiceRequest.FromString(request([encoded])) == expected
    assert (FULL.trace_id, FULL.span_id) == (encoded.trace_id, encoded.span_id)


@pytest.mark.parametrize("span", [PLAIN, FULL])
def test_what_is_sent_is_what_the_sdk_would_send(span: Span) -> None:
    """The message and the bytes of the span are those that the SDK's exporters make of the same ReadableSpan."""
    of_the_sdk = encode_spans([readable(span)])

    ours = request([encode(span)])

    assert of_the_sdk == ExportTraceServiceRequest.FromString(ours)
    assert of_the_sdk.resource_spans[0].scope_spans[0].spans[0].SerializeToString() in ours


def test_a_span_of_another_library_names_it_and_claims_no_schema() -> None:
    """A scope that is not ours keeps its name and version, and our schema is not said to be its."""
    span = Span("1" * 32, "2" * 16, "n", 1, 2, scope_name="other", scope_version="7")

    (envelope,) = ExportTraceServiceRequest.FromString(request([encode(span)])).resource_spans

    assert envelope.scope_spans[0].scope == InstrumentationScope(name="other", version="7")
    assert (envelope.schema_url, envelope.scope_spans[0].schema_url) == ("", "")


def test_equal_spans_give_equal_bytes_in_every_process() -> None:
    """Two processes with different hash seeds encode a span into the same bytes."""
    program = (
        "from tests.otlp.senders import FULL; from cc_otel.otlp.encode import encode;"
        " encoded = encode(FULL); print((encoded.resource + encoded.span).hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }

    encoded = encode(FULL)
    assert outputs == {(encoded.resource + encoded.span).hex()}


@pytest.mark.parametrize(("kind", "expected"), [(kind, max(kind, trace_pb2.Span.SPAN_KIND_INTERNAL)) for kind in Kind])
def test_a_kind_keeps_its_number(kind: Kind, expected: int) -> None:
    """Every kind goes out by its number; an unspecified one as internal, which OTLP lets receivers assume."""
    actual = message_of(encode(Span("1" * 32, "2" * 16, "n", 1, 2, kind=kind))).kind

    assert actual == expected


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (StatusCode.UNSET, "ignored", trace_pb2.Status()),
        (StatusCode.OK, "ignored", trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_OK)),
        (StatusCode.ERROR, "", trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR)),
        (StatusCode.ERROR, "\0!", trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message="\ufffd!")),
    ],
)
def test_only_an_error_says_why(status: StatusCode, message: str, expected: trace_pb2.Status) -> None:
    """A status has a message where it is an error, and nowhere else (OTel specification, Set Status)."""
    actual = message_of(encode(Span("1" * 32, "2" * 16, "n", 1, 2, status=status, status_message=message))).status

    assert actual == expected


@pytest.mark.parametrize("bad", ["", "xyz", "0" * 32, "0" * 16, "1" * 31, "-" + "1" * 31, " " * 32, "é" * 16, "\ud800"])
def test_an_id_that_is_none_is_derived_from_its_text(bad: str) -> None:
    """What is not an id becomes one, the same wherever it stands, so that children still find their parent."""
    parent = encode(Span(bad, bad, "parent", 1, 2))
    child = message_of(encode(Span(bad, "2" * 16, "child", 1, 2, parent_id=bad, links=(Link(bad, bad),))))

    trace_id, span_id = bytes.fromhex(trace_id_of(bad)), bytes.fromhex(span_id_of(bad))
    assert (trace_id.hex(), span_id.hex()) == (parent.trace_id, parent.span_id)
    assert (trace_id, span_id if bad else b"") == (child.trace_id, child.parent_span_id)
    assert (trace_id, span_id) == (child.links[0].trace_id, child.links[0].span_id)


def test_times_out_of_range_are_the_nearest_there_are() -> None:
    """A time before 1970 or beyond 64 bits is clamped, and never an error."""
    span = Span("1" * 32, "2" * 16, "n", -5, 2**70, events=(SpanEvent("e", 2**64),))

    message = message_of(encode(span))

    assert (
        message.start_time_unix_nano,
        message.end_time_unix_nano,
        message.events[0].time_unix_nano,
    ) == (0, 2**64 - 1, 2**64 - 1)


def test_what_is_too_many_is_left_out_from_the_end_and_counted() -> None:
    """The first 128 attributes, events and links are kept, ours coming first, and the rest are counted as dropped."""
    attributes = {f"key {n}": n for n in range(COUNT_MAX + 3)}
    span = Span(
        "1" * 32,
        "2" * 16,
        "n",
        1,
        2,
        attributes=attributes,
        links=tuple(Link("3" * 32, f"{n + 1:016x}", attributes) for n in range(COUNT_MAX + 2)),
        events=tuple(SpanEvent(f"event {n}", n, attributes) for n in range(COUNT_MAX + 1)),
    )

    message = message_of(encode(span))

    kept = [f"key {n}" for n in range(COUNT_MAX)]
    assert (kept, 3) == ([attribute.key for attribute in message.attributes], message.dropped_attributes_count)
    assert ([f"{n + 1:016x}" for n in range(COUNT_MAX)], 2) == (
        [link.span_id.hex() for link in message.links],
        message.dropped_links_count,
    )
    assert ([f"event {n}" for n in range(COUNT_MAX)], 1) == (
        [event.name for event in message.events],
        message.dropped_events_count,
    )
    assert {(len(link.attributes), link.dropped_attributes_count) for link in message.links} == {(COUNT_MAX, 3)}
    assert {(len(event.attributes), event.dropped_attributes_count) for event in message.events} == {(COUNT_MAX, 3)}


def test_exactly_as_many_as_are_kept_lose_nothing() -> None:
    """A span with 128 attributes has them all, and nothing is counted as dropped."""
    message = message_of(encode(Span("1" * 32, "2" * 16, "n", 1, 2, attributes=dict.fromkeys(map(str, range(128)), 1))))

    assert (len(message.attributes), message.dropped_attributes_count) == (128, 0)


def test_the_deepest_value_can_be_read_in_the_deepest_place() -> None:
    """Maps nested as deep as is kept, in a link, are within the nesting that protobuf's parsers accept."""
    value: AttributeValue = "core"
    for _ in range(DEPTH_MAX):
        value = {"k": value}
    span = Span("1" * 32, "2" * 16, "n", 1, 2, links=(Link("3" * 32, "4" * 16, {"deep": value}),))

    (envelope,) = ExportTraceServiceRequest.FromString(request([encode(span)])).resource_spans

    actual = envelope.scope_spans[0].spans[0].links[0].attributes[0].value
    for _ in range(DEPTH_MAX):
        actual = actual.kvlist_value.values[0].value
    assert text("core") == actual


def test_a_value_that_json_has_not_is_told_in_text() -> None:
    """A number that JSON has not is text on the wire, so that no reader has to choke on it."""
    message = message_of(encode(Span("1" * 32, "2" * 16, "n", 1, 2, attributes={"cost": math.nan, "tokens": 2**64})))

    assert [key("cost", text("NaN")), key("tokens", text("18446744073709551616"))] == list(message.attributes)


def test_encoding_needs_neither_grpc_nor_requests() -> None:
    """Encoding and choosing a transport load no network library; those wait until they are used."""
    program = (
        "import sys, cc_otel.otlp.encode, cc_otel.otlp.send, cc_otel.otlp.transport;"
        " print([name for name in ('grpc', 'requests') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output == "[]\n"
