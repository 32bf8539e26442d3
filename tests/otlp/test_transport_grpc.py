"""OTLP over gRPC against a real server: what is sent, and what every answer means."""

from collections.abc import Sequence

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult

from cc_otel import __version__
from cc_otel.otlp.destination import Destination
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.transport import UNREADABLE, Delivered, ExportResult, Poison, Refused, Retry, connect
from cc_otel.span import Span
from tests.otlp.receivers import (
    SUCCESS,
    GrpcAnswer,
    fail,
    grpc_receiver,
    partial_success,
    relay,
    retry_info,
    spans_in,
    status_details,
    succeed,
)
from tests.otlp.sdk import readable
from tests.otlp.senders import PATIENT_S, REQUEST, export, local_grpc

RETRIED = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.INTERNAL,
)
REFUSED = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
)


def outcome_of(answer: GrpcAnswer) -> ExportResult:
    """Get one answer from a real receiver."""
    with grpc_receiver() as receiver:
        receiver.script.append(answer)
        return export(local_grpc(receiver.port))


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_code_means_what_the_table_says(code: grpc.StatusCode) -> None:
    """A code is retried, refused, or poison by docs/delivery.md; the reason names the code and what was said."""
    expected_type = Retry if code in RETRIED else Refused if code in REFUSED else Poison

    assert expected_type(f"{code.name}: so it is") == outcome_of(fail(code, "so it is"))


@pytest.mark.parametrize(
    ("trailing", "expected_s"),
    [
        ([("google.rpc.retryinfo-bin", retry_info(2.5).SerializeToString())], 2.5),
        ([status_details(grpc.StatusCode.UNAVAILABLE, retry_info(7))], 7.0),
        ([status_details(grpc.StatusCode.UNAVAILABLE, retry_info(0))], 0.0),
        ([status_details(grpc.StatusCode.UNAVAILABLE)], None),
        ([("google.rpc.retryinfo-bin", b"\xff"), status_details(grpc.StatusCode.UNAVAILABLE, retry_info(3))], 3.0),
        ([("google.rpc.retryinfo-bin", b"\xff")], None),
    ],
)
def test_a_receiver_says_when_to_come_back(trailing: Sequence[tuple[str, bytes]], expected_s: float | None) -> None:
    """RetryInfo is found in the status details and in the SDK's own place; what is not one is passed over."""
    code = grpc.StatusCode.UNAVAILABLE

    assert outcome_of(fail(code, "later", trailing)) == Retry("UNAVAILABLE: later", expected_s)


@pytest.mark.parametrize(
    ("code", "details", "expected_type"),
    [
        # grpc C core, Go, Java, .NET, JavaScript; tonic (Rust); a proxy's HTTP 413 as grpc maps it.
        ("RESOURCE_EXHAUSTED", "Received message larger than max (5242880 vs. 4194304)", Poison),
        ("RESOURCE_EXHAUSTED", "SERVER: Received message larger than max (5 vs. 4)", Poison),
        ("RESOURCE_EXHAUSTED", "grpc: received message larger than max (5242880 vs. 4194304)", Poison),
        ("RESOURCE_EXHAUSTED", "grpc: received message after decompression larger than max (5 vs. 4)", Poison),
        ("RESOURCE_EXHAUSTED", "Decompressed message larger than max", Poison),
        ("RESOURCE_EXHAUSTED", "gRPC message exceeds maximum size 4194304: 5242880", Poison),
        ("RESOURCE_EXHAUSTED", "Received message exceeds the maximum configured message size.", Poison),
        ("OUT_OF_RANGE", "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes", Poison),
        ("UNKNOWN", "Received http2 header with status: 413", Poison),
        ("RESOURCE_EXHAUSTED", "the queue is too large for now", Retry),
        ("RESOURCE_EXHAUSTED", "sending queue is full", Retry),
        ("UNAVAILABLE", "Received message larger than max (5 vs. 4)", Retry),
        ("UNKNOWN", "Exception calling application: 413", Retry),
    ],
)
def test_a_message_too_large_is_told_from_a_receiver_that_is_full(
    code: str, details: str, expected_type: type[Poison | Retry]
) -> None:
    """What says that the message is too large is poison; everything else of such a code is tried again."""
    status = grpc.StatusCode[code]

    assert expected_type(f"{code}: {details}") == outcome_of(fail(status, details))


def test_a_receiver_that_says_when_to_come_back_is_believed() -> None:
    """RESOURCE_EXHAUSTED with RetryInfo is tried again, whatever its text looks like."""
    details = "message too large for now"
    trailing = [status_details(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_info(4))]

    actual = outcome_of(fail(grpc.StatusCode.RESOURCE_EXHAUSTED, details, trailing))

    assert actual == Retry(f"RESOURCE_EXHAUSTED: {details}", 4.0)


def test_a_real_limit_is_recognised() -> None:
    """The limit of 4 MiB that gRPC has by itself, plain or compressed, is poison."""
    large = request([encode(Span("1" * 32, "2" * 16, "n", 1, 2, attributes={"large": "x" * (5 << 20)}))])
    with grpc_receiver() as receiver:
        for compression in ("none", "gzip"):
            transport = connect(Destination(f"http://127.0.0.1:{receiver.port}", compression=compression))
            actual = transport.export(large, PATIENT_S)
            transport.close()

            assert isinstance(actual, Poison), actual


def test_an_exception_in_the_receiver_is_tried_again() -> None:
    """UNKNOWN, which is how a server answers that failed without meaning to, does not cost a span."""

    def crash(context: grpc.ServicerContext) -> bytes:
        raise ZeroDivisionError("by accident")

    assert outcome_of(crash) == Retry("UNKNOWN: Exception calling application: by accident")


def test_a_server_without_a_trace_service_refuses() -> None:
    """A server that does not know the service takes nothing until somebody changes the settings."""
    with grpc_receiver(service="metrics.v1.MetricsService") as receiver:
        actual = export(local_grpc(receiver.port))

    assert actual == Refused("UNIMPLEMENTED: Method not found!")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (SUCCESS, Delivered()),
        (partial_success(2, "two are\nbad"), Delivered(2, "two are bad")),
        (partial_success(0, "mind the quota"), Delivered(0, "mind the quota")),
        (partial_success(-1, ""), Delivered()),
        (b"\xff\xff", Delivered(message=UNREADABLE)),
        (partial_success(1, "x" * 1000), Delivered(1, "x" * 299 + "…")),
    ],
)
def test_success_comes_with_rejections_and_warnings(answer: bytes, expected: Delivered) -> None:
    """Rejected spans and a receiver's words are told, on one line and not too long."""
    assert outcome_of(succeed(answer)) == expected


def test_the_bytes_are_sent_as_they_are() -> None:
    """The receiver gets the very bytes of the request, with the headers and a name of ours."""
    with grpc_receiver() as receiver:
        destination = Destination(f"http://127.0.0.1:{receiver.port}", headers={"Authorization": "Bearer s3cret"})
        outcome = export(connect(destination))

    assert outcome == Delivered()
    assert receiver.requests == [REQUEST]
    (headers,) = receiver.headers
    assert headers["authorization"] == "Bearer s3cret"
    assert str(headers["user-agent"]).startswith(f"cc-otel/{__version__} ")


def test_the_sdk_sends_the_same_message() -> None:
    """The SDK's own exporter, given the same spans, sends a message equal to ours."""
    spans = [Span("1" * 32, f"{n + 1:016x}", f"span {n}", n, n + 1, attributes={"n": [n, {"k": n}]}) for n in range(3)]
    with grpc_receiver() as receiver:
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{receiver.port}")
        assert exporter.export([readable(span) for span in spans]) is SpanExportResult.SUCCESS
        exporter.shutdown()
        transport = local_grpc(receiver.port)
        assert transport.export(request(map(encode, spans)), PATIENT_S) == Delivered()
        transport.close()

    of_the_sdk, ours = (ExportTraceServiceRequest.FromString(sent) for sent in receiver.requests)
    assert of_the_sdk.resource_spans[0].resource == ours.resource_spans[0].resource
    assert spans_in(receiver.requests[0]) == spans_in(receiver.requests[1])


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compression_makes_less_of_it(compression: str) -> None:
    """With compression, much fewer bytes go over the wire, and the receiver gets the same."""
    large = request([encode(Span("1" * 32, "2" * 16, "n", 1, 2, attributes={"large": "x" * (1 << 20)}))])
    with grpc_receiver() as receiver, relay(receiver.port) as between:
        transport = connect(Destination(f"http://127.0.0.1:{between.port}", compression=compression))
        outcome = transport.export(large, PATIENT_S)
        transport.close()

    assert outcome == Delivered()
    assert [large] == receiver.requests
    assert 0 < between.sent_bytes < 1 << 16
