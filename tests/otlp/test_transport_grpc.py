"""OTLP over gRPC against a real server: what is sent, and what every answer means."""

import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult

from cc_otel import __version__
from cc_otel.otlp.convert import encode, readable, request
from cc_otel.otlp.destination import Destination
from cc_otel.otlp.transport import UNREADABLE, Delivered, Outcome, Poison, Refused, Retry, Transport, connect
from cc_otel.span import Span
from tests.otlp.receivers import (
    SUCCESS,
    TLS,
    WAIT_S,
    GrpcAnswer,
    fail,
    grpc_receiver,
    parcels_of,
    partial_success,
    relay,
    retry_info,
    silent_port,
    spans_in,
    status_details,
    succeed,
)

REQUEST = request(parcels_of(3))
PATIENT_S = 30.0

RETRIED = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
)
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)


def export(transport: Transport, timeout_s: float = PATIENT_S) -> Outcome:
    """Send the three spans and close the connection."""
    try:
        return transport.export(REQUEST, timeout_s)
    finally:
        transport.close()


def local(port: int) -> Transport:
    """Connect to a receiver without encryption."""
    return connect(Destination(f"http://127.0.0.1:{port}"))


def outcome_of(answer: GrpcAnswer) -> Outcome:
    """Get one answer from a real receiver."""
    with grpc_receiver() as receiver:
        receiver.script.append(answer)
        return export(local(receiver.port))


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

    assert Retry("UNAVAILABLE: later", expected_s) == outcome_of(fail(code, "later", trailing))


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

    assert Retry(f"RESOURCE_EXHAUSTED: {details}", 4.0) == actual


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

    assert Retry("UNKNOWN: Exception calling application: by accident") == outcome_of(crash)


def test_a_server_without_a_trace_service_refuses() -> None:
    """A server that does not know the service takes nothing until somebody changes the settings."""
    with grpc_receiver(service="metrics.v1.MetricsService") as receiver:
        actual = export(local(receiver.port))

    assert Refused("UNIMPLEMENTED: Method not found!") == actual


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
    assert expected == outcome_of(succeed(answer))


def test_the_bytes_are_sent_as_they_are() -> None:
    """The receiver gets the very bytes of the request, with the headers and a name of ours."""
    with grpc_receiver() as receiver:
        destination = Destination(f"http://127.0.0.1:{receiver.port}", headers={"Authorization": "Bearer s3cret"})
        outcome = export(connect(destination))

    assert Delivered() == outcome
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
        transport = local(receiver.port)
        assert Delivered() == transport.export(request(map(encode, spans)), PATIENT_S)
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

    assert Delivered() == outcome
    assert [large] == receiver.requests
    assert 0 < between.sent_bytes < 1 << 16


@pytest.mark.parametrize("form", ["unix:{path}", "unix://{path}"])
def test_a_unix_socket_is_spoken_to(tmp_path: Path, form: str) -> None:
    """``unix:/path`` and ``unix:///path`` reach a receiver on that socket."""
    path = tmp_path / "otlp.sock"
    with grpc_receiver(f"unix:{path}") as receiver:
        outcome = export(connect(Destination(form.format(path=path))))

    assert Delivered() == outcome
    assert receiver.requests == [REQUEST]


def server_credentials(*, mutual: bool = False) -> grpc.ServerCredentials:
    """Make a receiver prove itself, and ask its clients to."""
    pair = ((TLS / "receiver.key").read_bytes(), (TLS / "receiver.pem").read_bytes())
    if not mutual:
        return grpc.ssl_server_credentials([pair])
    return grpc.ssl_server_credentials([pair], (TLS / "client.pem").read_bytes(), require_client_auth=True)


def test_tls_delivers_to_the_receiver_that_is_trusted() -> None:
    """With ``https`` and the receiver's certificate, spans go over an encrypted connection."""
    with grpc_receiver(credentials=server_credentials()) as receiver:
        outcome = export(connect(Destination(f"https://localhost:{receiver.port}", certificate=TLS / "receiver.pem")))

    assert Delivered() == outcome


def test_tls_sends_nothing_to_a_stranger() -> None:
    """A receiver that another certificate vouches for gets no span, and the attempt is made again later."""
    with grpc_receiver(credentials=server_credentials()) as receiver:
        actual = export(connect(Destination(f"https://localhost:{receiver.port}", certificate=TLS / "stranger.pem")))

    assert isinstance(actual, Retry), actual
    assert "CERTIFICATE_VERIFY_FAILED" in actual.reason
    assert receiver.requests == []


def test_a_receiver_may_ask_for_our_certificate() -> None:
    """A client certificate and its key are shown to a receiver that asks; without them it takes nothing."""
    with grpc_receiver(credentials=server_credentials(mutual=True)) as receiver:
        endpoint = f"https://localhost:{receiver.port}"
        known = Destination(
            endpoint,
            certificate=TLS / "receiver.pem",
            client_key=TLS / "client.key",
            client_certificate=TLS / "client.pem",
        )
        unknown = Destination(endpoint, certificate=TLS / "receiver.pem")
        outcomes = export(connect(known)), export(connect(unknown))

    assert Delivered() == outcomes[0]
    assert isinstance(outcomes[1], Retry), outcomes[1]


def test_nobody_there_is_tried_again(unused_port: int) -> None:
    """A refused connection is tried again later."""
    actual = export(local(unused_port))

    assert isinstance(actual, Retry), actual
    assert "Connection refused" in actual.reason


def test_a_socket_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    """A Unix socket that does not exist yet is tried again later."""
    actual = export(connect(Destination(f"unix:{tmp_path}/none.sock")))

    assert isinstance(actual, Retry), actual
    assert actual.reason.startswith("UNAVAILABLE")


def test_a_receiver_that_never_answers_is_left_at_the_deadline() -> None:
    """A call ends at its deadline, with a server that hangs in the call and with one that never says a word."""
    release = threading.Event()

    def hang(context: grpc.ServicerContext) -> bytes:
        release.wait(WAIT_S)
        return SUCCESS

    with grpc_receiver() as receiver, silent_port() as port:
        receiver.script.append(hang)
        outcomes = export(local(receiver.port), 0.2), export(local(port), 0.2)
        release.set()

    for actual in outcomes:
        assert isinstance(actual, Retry), actual
        assert actual.reason.startswith(("DEADLINE_EXCEEDED", "UNAVAILABLE"))


def test_a_connection_that_is_reset_is_made_again() -> None:
    """A connection that breaks off fails one attempt; the next is made over a new one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        transport = local(port)

        def reset() -> None:
            connection, _ = listener.accept()
            # Linger for no time: the close is a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        thread = threading.Thread(target=reset)
        thread.start()
        broken = transport.export(REQUEST, PATIENT_S)
        thread.join(WAIT_S)
    with grpc_receiver(f"127.0.0.1:{port}"):
        mended = export(transport)

    assert isinstance(broken, Retry), broken
    assert Delivered() == mended


def test_a_connection_that_is_dead_is_replaced() -> None:
    """After a deadline the next attempt takes a new connection: the old one may lead nowhere, and nobody would say."""
    with grpc_receiver() as receiver, relay(receiver.port) as between:
        transport = local(between.port)
        before = transport.export(REQUEST, PATIENT_S)
        between.freeze()
        frozen = transport.export(REQUEST, 0.3)
        after = export(transport)

    assert Delivered() == before
    assert isinstance(frozen, Retry), frozen
    assert Delivered() == after
    assert between.connections == 2


def test_a_receiver_that_comes_back_is_found_at_once(unused_port: int) -> None:
    """However often it was away, the first attempt after a receiver's return reaches it: no waiting of gRPC's own."""
    transport = local(unused_port)
    for _ in range(10):
        assert isinstance(transport.export(REQUEST, PATIENT_S), Retry)
    for _ in range(3):
        with grpc_receiver(f"127.0.0.1:{unused_port}") as receiver:
            assert Delivered() == transport.export(REQUEST, PATIENT_S)
            assert receiver.requests == [REQUEST]
        assert isinstance(transport.export(REQUEST, PATIENT_S), Retry)
    transport.close()


def test_a_proxy_does_not_stand_before_this_machine(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
    """A proxy in the environment is not asked for a receiver on the loopback interface."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with grpc_receiver() as receiver:
        outcome = export(local(receiver.port))

    assert Delivered() == outcome


def test_closing_ends_a_call_under_way() -> None:
    """A transport that is closed from another thread lets go of the call it waits for."""
    entered, release = threading.Event(), threading.Event()

    def hang(context: grpc.ServicerContext) -> bytes:
        entered.set()
        release.wait(WAIT_S)
        return SUCCESS

    outcomes: list[Outcome] = []
    with grpc_receiver() as receiver:
        receiver.script.append(hang)
        transport = local(receiver.port)
        thread = threading.Thread(target=lambda: outcomes.append(transport.export(REQUEST, 10 * WAIT_S)))
        thread.start()
        assert entered.wait(WAIT_S)
        transport.close()
        thread.join(WAIT_S)
        release.set()

    assert [Retry("CANCELLED: Channel closed!")] == outcomes


def test_closing_at_any_moment_is_an_outcome() -> None:
    """A transport that is closed again and again while it sends delivers or says that it did not."""
    stop = threading.Event()
    with grpc_receiver() as receiver:
        transport = local(receiver.port)

        def close() -> None:
            while not stop.wait(0.001):
                transport.close()

        thread = threading.Thread(target=close)
        thread.start()
        kinds = {type(transport.export(REQUEST, PATIENT_S)) for _ in range(300)}
        stop.set()
        thread.join(WAIT_S)
        transport.close()

    assert kinds <= {Delivered, Retry}


def test_failing_for_long_costs_no_threads() -> None:
    """A receiver that is away for many attempts leaves no threads behind."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = local(port)
    transport.export(REQUEST, PATIENT_S)
    before = threading.active_count()
    for _ in range(50):
        transport.export(REQUEST, PATIENT_S)

    deadline = time.monotonic() + WAIT_S
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before
