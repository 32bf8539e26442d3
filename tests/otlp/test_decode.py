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

from cc_otel.otlp.decode import SLICE_BYTES_MAX, SLICE_SPANS_MAX, Decoded, NotARequest, Rejection, decode, slices
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.wire import TOO_DEEP, framed, messages, others
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
        trace_state="k=v",
        flags=0x301,
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        parent_span_id=b"parentid",
        name="GET /",
        kind=trace_pb2.Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1_800_000_000_000_000_001,
        end_time_unix_nano=1_800_000_000_000_000_002,
        attributes=[text],
        events=[trace_pb2.Span.Event(name="e", time_unix_nano=3, attributes=[text], dropped_attributes_count=4)],
        links=[
            trace_pb2.Span.Link(
                trace_id=b"l" * 16,
                span_id=b"l" * 8,
                attributes=[text],
                trace_state="l=1",
                flags=0x100,
                dropped_attributes_count=5,
            )
        ],
        status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message="broken"),
    )

    scope = InstrumentationScope(name="lib", version="1.2", attributes=[text], dropped_attributes_count=6)
    envelope = trace_pb2.ResourceSpans(
        resource=Resource(attributes=[text], dropped_attributes_count=7),
        schema_url="https://resource",
        scope_spans=[trace_pb2.ScopeSpans(scope=scope, spans=[told], schema_url="https://scope")],
    )

    assert only(ExportTraceServiceRequest(resource_spans=[envelope]).SerializeToString()) == Span(
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
        links=(Link("6c" * 16, "6c" * 8, {"k": "v"}, "l=1", 0x100, 5),),
        events=(SpanEvent("e", 3, {"k": "v"}, 4),),
        resource={"k": "v"},
        scope_name="lib",
        scope_version="1.2",
        scope_attributes={"k": "v"},
        scope_schema_url="https://scope",
        scope_dropped_attributes=6,
        resource_schema_url="https://resource",
        resource_dropped_attributes=7,
        trace_state="k=v",
        flags=0x301,
        dropped_attributes=1,
        dropped_events=2,
        dropped_links=3,
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


def nested(depth: int, *, maps: bool) -> bytes:
    """Make the bytes of a value in that many lists or maps, deeper than the library would make one."""
    value = AnyValue(string_value="bottom").SerializeToString()
    for _ in range(depth):
        value = framed(6, framed(1, framed(1, b"k") + framed(2, value))) if maps else framed(5, framed(1, value))
    return value


def with_value(value: AnyValue) -> trace_pb2.Span:
    """Make a span with one attribute."""
    return message(name="odd", attributes=[KeyValue(key="k", value=value)])


BAD = "\ufffd\ufffd"


class TestWhatProtobufRefuses:
    """A request that the library refuses as a whole, although its framing is intact."""

    @pytest.mark.parametrize(
        ("told", "span"),
        [
            (message(name="xyz~~"), replace(BARE, name=f"xyz{BAD}")),
            (message(trace_state="~~"), replace(BARE, trace_state=BAD)),
            (message(status=trace_pb2.Status(message="~~")), replace(BARE, status_message=BAD)),
            (
                message(attributes=[KeyValue(key="~~", value=AnyValue(string_value="~~é"))]),
                replace(BARE, attributes={BAD: f"{BAD}é"}),
            ),
            (
                with_value(
                    AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="~~"), AnyValue(int_value=1)]))
                ),
                replace(BARE, name="odd", attributes={"k": [BAD, 1]}),
            ),
            (message(events=[trace_pb2.Span.Event(name="~~")]), replace(BARE, events=(SpanEvent(BAD, 0),))),
            (
                message(links=[trace_pb2.Span.Link(trace_id=TRACE, span_id=SPAN, trace_state="~~")]),
                replace(BARE, links=(Link(TRACE.hex(), SPAN.hex(), trace_state=BAD),)),
            ),
        ],
        ids=str,
    )
    def test_text_that_is_not_utf8(self, told: trace_pb2.Span, span: Span) -> None:
        """Text that is not UTF-8 is stored with U+FFFD, wherever it is, and the spans beside it as they are."""
        data = bytes_of(message(name="before"), told, message(name="after")).replace(b"~~", b"\xc3\xc3")

        assert decode(data) == Decoded((replace(BARE, name="before"), span, replace(BARE, name="after")), repaired=1)

    def test_bytes_that_are_no_text(self) -> None:
        """A value of bytes is not text and stays as it is, in a span that is repaired too."""
        value = AnyValue(array_value=ArrayValue(values=[AnyValue(bytes_value=b"\xff~~"), AnyValue(string_value="~~")]))
        data = bytes_of(with_value(value)).replace(b"~~", b"\xc3\xc3")

        assert only(data).attributes == {"k": [b"\xff\xc3\xc3", BAD]}

    def test_text_that_spans_share(self) -> None:
        """Text that is not UTF-8 in the resource or the scope costs none of their spans; each counts as repaired."""
        text = KeyValue(key="k", value=AnyValue(string_value="~~"))
        data = bytes_of(message(name="a"), message(name="b"), resource=[text]).replace(b"~~", b"\xc3\xc3")
        data = data.replace(b"lib", b"l\xff\xfe")

        decoded = decode(data)

        assert [(span.name, span.resource, span.scope_name) for span in decoded.spans] == [
            ("a", {"k": BAD}, f"l{BAD}"),
            ("b", {"k": BAD}, f"l{BAD}"),
        ]
        assert (decoded.repaired, decoded.rejections) == (2, ())

    @pytest.mark.parametrize("maps", [False, True])
    @pytest.mark.parametrize("depth", [48, 100, 5000])
    def test_a_value_that_is_nested_too_deeply(self, depth: int, maps: bool) -> None:
        """A value beyond protobuf's limit costs no span: what is too deep becomes text, or a note."""
        odd = message(name="odd").SerializeToString()
        odd += framed(9, framed(1, b"k") + framed(2, nested(depth, maps=maps)))
        data = framed(1, framed(2, framed(2, message(name="before").SerializeToString()) + framed(2, odd)))

        decoded = decode(data)
        text = repr(decoded.spans[1].attributes)

        assert ([span.name for span in decoded.spans], decoded.rejections) == (["before", "odd"], ())
        assert ("bottom" in text, TOO_DEEP in text) == (depth == 48, depth > 48)

    def test_a_span_whose_framing_is_broken(self) -> None:
        """A span that is no message is rejected with its reason, and the spans beside it are not."""
        odd = message(name="odd").SerializeToString() + b"\x4a\x7f"
        data = framed(1, framed(2, framed(2, odd) + framed(2, message(name="after").SerializeToString())))

        decoded = decode(data)

        assert [span.name for span in decoded.spans] == ["after"]
        assert [(each.span.span_id, each.reason) for each in decoded.rejections] == [
            (SPAN.hex(), "not an opentelemetry.proto.trace.v1.Span: field 9 at byte 33 does not fit")
        ]


class TestSlices:
    """A large request is decoded in parts."""

    def test_each_is_small(self) -> None:
        """Spans come in order, at most 512 in a slice, and the bytes of all slices are about those of the request."""
        data = bytes_of(*(message(name=f"{n}") for n in range(100_000)))
        sizes = [(len(part.spans), part.size_bytes) for part in slices(data)]
        names = [span.name for part in slices(data) for span in part.spans]

        assert names == [f"{n}" for n in range(100_000)]
        assert max(spans for spans, _ in sizes) == SLICE_SPANS_MAX
        assert max(size_bytes for _, size_bytes in sizes) <= SLICE_BYTES_MAX + 100
        assert len(data) <= sum(size_bytes for _, size_bytes in sizes) <= len(data) + 1000

    @pytest.mark.parametrize("envelopes", [1, 3, 5000])
    @pytest.mark.parametrize("scopes", [1, 3])
    def test_the_same_as_the_whole(self, envelopes: int, scopes: int) -> None:
        """However spans are grouped, and in whatever order the fields stand, slices say what the whole request says."""
        request = ExportTraceServiceRequest()
        for n in range(envelopes):
            envelope = request.resource_spans.add(schema_url=f"resource {n}")
            envelope.resource.attributes.append(KeyValue(key="n", value=AnyValue(int_value=n)))
            for m in range(scopes):
                scope = envelope.scope_spans.add(schema_url=f"scope {m}")
                scope.scope.name = f"{n} {m}"
                scope.spans.extend(
                    message(name=f"{n} {m} {k}", trace_state="x" * 200) for k in range(6000 // envelopes)
                )
        whole = request.SerializeToString()
        # The same fields with what is shared behind the spans, as protobuf allows.
        turned = b"".join(framed(1, _turned(part)) for part in messages(whole, 1))
        expected = [
            (span.name, {"n": n}, f"resource {n}", f"{n} {m}", f"scope {m}")
            for n, envelope in enumerate(request.resource_spans)
            for m, scope in enumerate(envelope.scope_spans)
            for span in scope.spans
        ]

        for data in (whole, turned):
            spans = [span for part in slices(data) for span in part.spans]
            actual = [
                (span.name, span.resource, span.resource_schema_url, span.scope_name, span.scope_schema_url)
                for span in spans
            ]

            assert actual == expected

    def test_a_span_larger_than_a_slice(self) -> None:
        """A span that is larger than a slice is a slice, with the spans around it in theirs."""
        data = bytes_of(message(name="before"), message(name="x" * (3 << 20)), message(name="after"))

        assert [[len(span.name) for span in part.spans] for part in slices(data)] == [[6], [3 << 20], [5]]

    def test_a_bad_byte_in_a_large_request(self) -> None:
        """One bad byte is found in the slice it is in."""
        data = bytes_of(*(message(name=f"{n:>200}") for n in range(20_000))).replace(b"    777", b"\xff\xff\xff\xff777")
        decoded = decode(data)

        assert (len(decoded.spans), decoded.rejections, decoded.repaired) == (20_000, (), 11)

    @pytest.mark.parametrize("cut", [1, 1000])
    def test_a_large_request_that_is_cut_off(self, cut: int) -> None:
        """A large request whose framing is broken is no request, before anything of it is decoded."""
        data = bytes_of(*(message(name=f"{n:>200}") for n in range(20_000)))[:-cut]
        with pytest.raises(NotARequest):
            slices(data)


def _turned(envelope: bytes) -> bytes:
    """Put spans before their scope, and scopes' spans before their resource."""
    spans_first = [
        b"".join(framed(2, span) for span in messages(scope, 2)) + others(scope, 2) for scope in messages(envelope, 2)
    ]
    return b"".join(framed(2, scope) for scope in spans_first) + others(envelope, 2)


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

    assert told_by_others_alone(only(request([encode(sent)]))) == sent


def told_by_others_alone(span: Span) -> Span:
    """Leave out what every encoded span has and no Span of ours says: our version, our schema, and flags."""
    links = tuple(replace(link, flags=0) for link in span.links)
    return replace(span, scope_version="", scope_schema_url="", resource_schema_url="", flags=0, links=links)


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
