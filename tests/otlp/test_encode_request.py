"""Requests framed around bytes that never change, as protobuf and as JSON; and spans that nobody should send."""

import base64
import json
from collections.abc import Mapping

from google.protobuf.json_format import Parse
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cc_otel.otlp.encode import encode, request, to_json
from cc_otel.span import (
    Attributes,
    AttributeValue,
    Kind,
    Link,
    Span,
    SpanEvent,
    StatusCode,
)
from tests.otlp.senders import FULL


def test_a_request_groups_equal_resources_and_keeps_the_order() -> None:
    """Spans of one resource and scope share an envelope; each keeps its bytes and its place among them."""
    resources: list[Attributes] = [{"host.name": "a"}, {"host.name": "b", "bytes": b"\xff"}]
    batch = [
        encode(Span("1" * 32, f"{n + 1:016x}", f"span {n}", n, n + 1, resource=resources[n % 2])) for n in range(6)
    ]

    sent = request(batch)

    message = ExportTraceServiceRequest.FromString(sent)
    assert [
        [span.name for scope_spans in envelope.scope_spans for span in scope_spans.spans]
        for envelope in message.resource_spans
    ] == [["span 0", "span 2", "span 4"], ["span 1", "span 3", "span 5"]]
    assert [encoded.span in sent for encoded in batch] == [True] * 6


def test_a_request_of_nothing_is_empty() -> None:
    """No spans make an empty request, without an empty envelope (OTLP 1.11, Empty Telemetry Envelopes)."""
    assert request([]) == b""
    assert to_json([]) == "{}"


def test_a_large_span_is_framed_right() -> None:
    """A span of more than 2 MiB, whose length needs four bytes, is read back whole."""
    span = Span("1" * 32, "2" * 16, "n", 1, 2, attributes={"large": "x" * (3 << 20)})

    (envelope,) = ExportTraceServiceRequest.FromString(request([encode(span)])).resource_spans

    assert span.attributes["large"] == envelope.scope_spans[0].spans[0].attributes[0].value.string_value


def test_json_is_one_line_by_the_rules_of_otlp() -> None:
    """OTLP/JSON: ids are hexadecimal, enums are numbers, 64-bit integers are strings, names are camelCase."""
    actual = to_json([encode(FULL), encode(Span("1" * 32, "2" * 16, "line\n\u2028end", 1, 2))])

    assert len(actual.splitlines()) == 1
    first, second = json.loads(actual)["resourceSpans"]
    expected = {
        "traceId": "0123456789abcdef" * 2,
        "spanId": "fedcba9876543210",
        "parentSpanId": "00000000000000ff",
        "flags": 256,
        "name": "execute_tool Bash",
        "kind": 3,
        "startTimeUnixNano": "1764000000000000000",
        "endTimeUnixNano": "1764000001500000000",
        "attributes": [
            {"key": "text", "value": {"stringValue": "naïve 🦀"}},
            {"key": "flag", "value": {"boolValue": True}},
            {"key": "count", "value": {"intValue": "-3"}},
            {"key": "share", "value": {"doubleValue": 0.5}},
            {"key": "bytes", "value": {"bytesValue": "AP8="}},
            {"key": "nothing", "value": {}},
            {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}},
            {
                "key": "map",
                "value": {
                    "kvlistValue": {
                        "values": [
                            {
                                "key": "inner",
                                "value": {
                                    "kvlistValue": {"values": [{"key": "deep", "value": {"stringValue": "value"}}]}
                                },
                            }
                        ]
                    }
                },
            },
        ],
        "links": [
            {
                "traceId": "0f" * 16,
                "spanId": "f0" * 8,
                "attributes": [{"key": "cc_otel.link", "value": {"stringValue": "previous_turn"}}],
                "flags": 256,
            }
        ],
        "events": [
            {
                "name": "moment",
                "timeUnixNano": "1764000000500000000",
                "attributes": [{"key": "n", "value": {"intValue": "1"}}],
            }
        ],
        "status": {"code": 2, "message": "exit 1"},
    }
    assert first["scopeSpans"][0]["spans"][0] == expected
    assert second["scopeSpans"][0]["spans"][0]["name"] == "line\n\u2028end"


def anything() -> st.SearchStrategy[AttributeValue]:
    """Return values of every kind, the odd ones of each among them."""
    texts = st.text(st.characters(exclude_categories=()), max_size=8)
    leaves: st.SearchStrategy[AttributeValue] = (
        st.none() | st.booleans() | st.integers() | st.integers(2**62, 2**70) | st.floats() | st.binary() | texts
    )
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


def spans() -> st.SearchStrategy[Span]:
    """Return spans that nobody should send."""
    texts = st.text(st.characters(exclude_categories=()), max_size=8)
    ids = texts | st.from_regex("[0-9a-f]{16}", fullmatch=True) | st.from_regex("[0-9A-F]{32}", fullmatch=True)
    attributes = st.dictionaries(texts, anything(), max_size=4)
    times = st.integers()
    return st.builds(
        Span,
        trace_id=ids,
        span_id=ids,
        name=texts,
        start_ns=times,
        end_ns=times,
        parent_id=st.none() | ids,
        kind=st.sampled_from(Kind),
        status=st.sampled_from(StatusCode),
        status_message=texts,
        attributes=attributes,
        links=st.lists(st.builds(Link, ids, ids, attributes), max_size=2).map(tuple),
        events=st.lists(st.builds(SpanEvent, texts, times, attributes), max_size=2).map(tuple),
        resource=attributes,
        scope_name=texts,
        scope_version=texts,
    )


def strings_in(value: object) -> list[str]:
    """Find all text in a JSON document, keys included."""
    if isinstance(value, Mapping):
        return [string for item in value.items() for part in item for string in strings_in(part)]
    if isinstance(value, list):
        return [string for item in value for string in strings_in(item)]
    return [value] if isinstance(value, str) else []


def by_base64(document: str) -> str:
    """Write ids as protobuf's own JSON mapping does."""
    loaded = json.loads(document)
    for envelope in loaded["resourceSpans"]:
        for span in envelope["scopeSpans"][0]["spans"]:
            for part in (span, *span.get("links", [])):
                for name in {"traceId", "spanId", "parentSpanId"} & part.keys():
                    part[name] = base64.b64encode(bytes.fromhex(part[name])).decode()
    return json.dumps(loaded)


@given(st.lists(spans(), min_size=1, max_size=4))
@settings(deadline=None)
def test_any_span_is_encoded_and_read_back(given_spans: list[Span]) -> None:
    """Whatever a span holds, it is encoded without an exception, sent byte for byte, and JSON says the same."""
    batch = [encode(span) for span in given_spans]

    sent = request(batch)
    document = to_json(batch)

    message = ExportTraceServiceRequest.FromString(sent)
    assert sorted(encoded.span for encoded in batch) == sorted(
        span.SerializeToString(deterministic=True)
        for envelope in message.resource_spans
        for scope_spans in envelope.scope_spans
        for span in scope_spans.spans
    )
    assert message == Parse(by_base64(document), ExportTraceServiceRequest())
    assert [string for string in strings_in(json.loads(document)) if "\0" in string] == []
