"""The TraceService by the OTLP specification's rules, through real channels."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import grpc
import h2.config
import h2.connection
import h2.events
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]  # stubs without py.typed
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from cc_otel.otlp.decode import Decoded
from cc_otel.otlp.destination import Destination
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.receive_grpc import (
    CONNECTIONS_MAX,
    EXPORT,
    MESSAGE_BYTES_MAX,
    SERVICE,
    TraceServer,
)
from cc_otel.otlp.sink import ListenError, Outcome, Unavailable
from cc_otel.otlp.transport import Delivered, connect
from cc_otel.span import Span

WAIT_S: Final = 30.0
ONE: Final = request([encode(Span("1" * 32, "2" * 16, "one", 1, 2))])

Take = Callable[[Decoded], Outcome]


class Sink:
    """A sink that does what a test tells it, and remembers."""

    def __init__(self) -> None:
        self.taken: list[Decoded] = []
        self.act: Take = lambda request: Outcome()
        self.pool = ThreadPoolExecutor()

    def take(self, request: Decoded) -> Future[Outcome]:
        """See `cc_otel.otlp.sink.Sink`."""
        self.taken.append(request)
        return self.pool.submit(self.act, request)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Yield a sink that takes everything."""
    made = Sink()
    yield made
    made.pool.shutdown()


@contextmanager
def serving(sink: Sink, listen: str, token: str | None = None) -> Iterator[tuple[TraceServer, str]]:
    """Run a server; it stops with the block."""
    server = TraceServer(listen, token)
    address = server.start(sink)
    try:
        yield server, address
    finally:
        server.stop(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder whose path is short enough for a socket in it, on every system."""
    with TemporaryDirectory(prefix="cc-otel-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, sink: Sink, folder: Path) -> Iterator[tuple[TraceServer, str]]:
    """Run a server on a free port, and on a socket."""
    listen = "127.0.0.1:0" if request.param == "tcp" else f"unix:{folder}/otlp.sock"
    with serving(sink, listen) as running:
        yield running


@contextmanager
def channel(address: str) -> Iterator[grpc.Channel]:
    """Open a channel that sends messages of any size."""
    options = [("grpc.default_authority", "localhost"), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options) as opened:
        yield opened


def export(
    address: str,
    data: bytes,
    compression: grpc.Compression | None = None,
    metadata: Sequence[tuple[str, str]] = (),
    timeout_s: float | None = WAIT_S,
) -> ExportTraceServiceResponse:
    """Send a request's bytes."""
    with channel(address) as opened:
        call = opened.unary_unary(EXPORT, None, ExportTraceServiceResponse.FromString)
        answer: ExportTraceServiceResponse = call(
            data, timeout=timeout_s, metadata=tuple(metadata), compression=compression
        )
        return answer


def failure(address: str, data: bytes, timeout_s: float | None = WAIT_S) -> grpc.RpcError:
    """Send a request's bytes, and answer how that failed."""
    with pytest.raises(grpc.RpcError) as raised:
        export(address, data, timeout_s=timeout_s)
    return raised.value


def details(error: grpc.RpcError) -> dict[str, bytes]:
    """Return the binary trailing metadata of an error."""
    return {item.key: item.value for item in error.trailing_metadata() or () if item.key.endswith("-bin")}


def health(address: str, service: str = "") -> str:
    """Ask the health service."""
    with channel(address) as opened:
        answer = health_pb2_grpc.HealthStub(opened).Check(
            health_pb2.HealthCheckRequest(service=service), timeout=WAIT_S
        )
    name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return name


def _is_healthy(address: str) -> bool:
    try:
        return health(address) == "SERVING"
    except grpc.RpcError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class TestSuccess:
    """OTLP 1.11, Full Success and Partial Success."""

    def test_full(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """On full success the answer says nothing, partial_success is unset, and the sink has the spans."""
        answer = export(server[1], ONE)

        assert (answer, answer.HasField("partial_success")) == (ExportTraceServiceResponse(), False)
        assert [(span.name, span.span_id) for span in sink.taken[0].spans] == [("one", "2" * 16)]

    def test_empty(self, server: tuple[TraceServer, str]) -> None:
        """A request without spans is a success."""
        assert export(server[1], b"") == ExportTraceServiceResponse()

    def test_gzip(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """A compressed request is read like any other."""
        export(server[1], ONE, compression=grpc.Compression.Gzip)

        assert [span.name for span in sink.taken[0].spans] == ["one"]

    def test_partial(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """Rejected spans are counted in partial_success with a message, under status OK."""
        sink.act = lambda request: Outcome(2, "no room for these")
        answer = export(server[1], ONE)

        assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (
            2,
            "no room for these",
        )

    def test_warning(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """A message without rejected spans is a warning."""
        sink.act = lambda request: Outcome(0, "this is odd")
        answer = export(server[1], ONE)

        assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (0, "this is odd")

    def test_long_message(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """A message is cut, because clients do not accept answers of any size."""
        sink.act = lambda request: Outcome(1, "é" * 10_000_000)

        assert export(server[1], ONE).partial_success.error_message == "é" * 1_000


class TestFailure:
    """OTLP 1.11, Failures: retryable or not, and when to come back."""

    def test_unavailable(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """A sink that cannot now is UNAVAILABLE, and says when to come back in both places clients look."""

        def act(request: Decoded) -> Outcome:
            raise Unavailable("the disk is full", retry_after_s=2.5)

        sink.act = act
        error = failure(server[1], ONE)
        status = Status.FromString(details(error)["grpc-status-details-bin"])
        retry = RetryInfo.FromString(details(error)["google.rpc.retryinfo-bin"])
        unpacked = RetryInfo()

        assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "the disk is full")
        assert (status.code, status.message) == (14, "the disk is full")
        assert status.details[0].Unpack(unpacked)
        assert (unpacked, retry.retry_delay.ToMilliseconds()) == (retry, 2_500)

    def test_mistake_of_ours(
        self, server: tuple[TraceServer, str], sink: Sink, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An exception that nobody expected is UNAVAILABLE too, counted, and logged once a minute."""

        def act(request: Decoded) -> Outcome:
            raise KeyError("bug")

        sink.act = act
        errors = [failure(server[1], ONE), failure(server[1], ONE)]

        assert [(error.code(), error.details()) for error in errors] == [
            (grpc.StatusCode.UNAVAILABLE, "internal error, see the log")
        ] * 2
        assert set(details(errors[0])) == {"grpc-status-details-bin", "google.rpc.retryinfo-bin"}
        assert server[0].answers() == {"failed": 2}
        assert [record.exc_text.splitlines()[-1] for record in caplog.records if record.exc_text] == ["KeyError: 'bug'"]

    def test_out_of_time(self, folder: Path) -> None:
        """What is not stored within the client's time is given up; the client hears a code that it may retry."""

        class Never(Sink):
            promise: Future[Outcome] = Future()

            def take(self, request: Decoded) -> Future[Outcome]:
                return self.promise

        sink = Never()
        with serving(sink, f"unix:{folder}/otlp.sock") as (server, address):
            error = failure(address, ONE, timeout_s=0.3)
            wait_for(lambda: server.answers() == {"UNAVAILABLE": 1})

        assert error.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
        assert sink.promise.cancelled()

    @pytest.mark.parametrize("data", [b"\xff\xff", b'{"resourceSpans": []}', ONE[:-1]])
    def test_not_a_request(self, server: tuple[TraceServer, str], sink: Sink, data: bytes) -> None:
        """Bytes that are no request are INVALID_ARGUMENT with BadRequest, which no client may retry."""
        error = failure(server[1], data)
        status = Status.FromString(details(error)["grpc-status-details-bin"])

        assert (error.code(), status.code, sink.taken) == (grpc.StatusCode.INVALID_ARGUMENT, 3, [])
        assert status.details[0].Is(BadRequest.DESCRIPTOR)

    def test_rejections_reach_the_sink(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """What was set aside while decoding is the sink's to keep and to count."""
        told = ExportTraceServiceRequest.FromString(ONE)
        told.resource_spans[0].scope_spans[0].spans.add(name="nobody")
        sink.act = lambda request: Outcome(len(request.rejections), request.rejections[0].reason)
        answer = export(server[1], told.SerializeToString())

        assert answer.partial_success.rejected_spans == 1
        assert ([s.name for s in sink.taken[0].spans], [r.span.name for r in sink.taken[0].rejections]) == (
            ["one"],
            ["nobody"],
        )

    def test_unknown_method(self, server: tuple[TraceServer, str]) -> None:
        """Any other method is UNIMPLEMENTED."""
        with channel(server[1]) as opened, pytest.raises(grpc.RpcError) as raised:
            opened.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export", None, None)(
                b"", timeout=WAIT_S
            )

        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


class TestSize:
    """OTLP 1.11, Message size: 64 MiB after decompression."""

    @pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
    def test_up_to_the_limit(self, server: tuple[TraceServer, str], sink: Sink, compression: grpc.Compression) -> None:
        """A request of just under 64 MiB is taken, compressed or not."""
        data = _request_of(MESSAGE_BYTES_MAX)
        export(server[1], data, compression=compression)

        assert (len(data), len(sink.taken[0].spans)) == (MESSAGE_BYTES_MAX, 1)

    @pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
    def test_over_the_limit(self, server: tuple[TraceServer, str], sink: Sink, compression: grpc.Compression) -> None:
        """One byte more is RESOURCE_EXHAUSTED without RetryInfo, however small on the wire: not to be retried."""
        with pytest.raises(grpc.RpcError) as raised:
            export(server[1], _request_of(MESSAGE_BYTES_MAX + 1), compression=compression)

        assert (raised.value.code(), details(raised.value), sink.taken) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            {},
            [],
        )

    @pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
    def test_ordinary_ones_beside_large_ones(
        self, server: tuple[TraceServer, str], sink: Sink, compression: grpc.Compression
    ) -> None:
        """While a large request is stored and others wait for its memory, ordinary ones are served between slices."""
        go_on = threading.Event()

        def act(request: Decoded) -> Outcome:
            # As a disk does, it takes a slice after the other, until the test has seen what it wants to see.
            go_on.wait(0.05 if len(request.spans) > 1 or request.spans[0].name == "" else 0)
            return Outcome()

        sink.act = act
        sink.pool = ThreadPoolExecutor(1)
        with ThreadPoolExecutor(8) as pool:
            large = [_request_of((32 << 20) + size, spans=100) for size in range(4)]
            sent = [pool.submit(export, server[1], each, compression) for each in large]
            wait_for(lambda: len(sink.taken) >= 2)
            meanwhile = [export(server[1], ONE), health(server[1])]
            unfinished = sum(not each.done() for each in sent)
            go_on.set()
            answers = [each.result() for each in sent]

        assert (meanwhile, answers) == ([ExportTraceServiceResponse(), "SERVING"], [ExportTraceServiceResponse()] * 4)
        assert unfinished == 4

    def test_memory_that_does_not_become_free(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request that waits for memory for as long as its client would is UNAVAILABLE, with when to come back."""

        class Never(Sink):
            def take(self, request: Decoded) -> Future[Outcome]:
                self.taken.append(request)
                return Future()

        sink = Never()
        large = _request_of(MESSAGE_BYTES_MAX - 10, spans=3)
        with serving(sink, f"unix:{folder}/otlp.sock") as (_, address), ThreadPoolExecutor() as pool:
            first = pool.submit(failure, address, large, 3.0)
            wait_for(lambda: len(sink.taken) == 1)
            monkeypatch.setattr("cc_otel.otlp.receive_grpc.WAIT_S_MAX", 0.2)
            error = failure(address, large, None)
            first.result(WAIT_S)

        assert (error.code(), set(details(error))) == (
            grpc.StatusCode.UNAVAILABLE,
            {"grpc-status-details-bin", "google.rpc.retryinfo-bin"},
        )
        assert "bytes are waiting to be stored" in (error.details() or "")

    def test_a_large_request_that_comes_again(self, folder: Path) -> None:
        """A large request whose client stopped waiting is stored all the same, and answered at once when it returns."""
        sink = Sink()
        go_on = threading.Event()

        def act(request: Decoded) -> Outcome:
            go_on.wait(WAIT_S)
            return Outcome(1, "odd")

        sink.act = act
        large = _request_of(8 << 20, spans=100)
        with serving(sink, f"unix:{folder}/otlp.sock") as (server, address):
            error = failure(address, large, timeout_s=0.5)
            wait_for(lambda: server.answers() == {"UNAVAILABLE": 1})
            go_on.set()
            answer = export(address, large)
            spans = sum(len(each.spans) for each in sink.taken)
            again = export(address, large)

        assert error.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
        assert (spans, sum(len(each.spans) for each in sink.taken)) == (100, 100)
        assert (answer, answer.partial_success.rejected_spans) == (again, len(sink.taken))

    def test_in_slices(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """A large request reaches the sink in parts, and its answer counts what was rejected of all of them."""
        sink.act = lambda request: Outcome(1, f"no room in {len(request.spans)}")
        answer = export(server[1], _request_of(4 << 20, spans=2000))

        assert (len(sink.taken) > 3, sum(len(each.spans) for each in sink.taken)) == (True, 2000)
        assert answer.partial_success.rejected_spans == len(sink.taken)
        assert answer.partial_success.error_message.startswith("no room in ")


class TestSlowClients:
    """Clients that do not send what they announce."""

    @pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\1\0", b"\0\x03\0\0\0half"])
    def test_calls_whose_message_does_not_come(self, folder: Path, sink: Sink, sent: bytes) -> None:
        """Any number of calls that never send their message, or half of it, keep neither exports nor health waiting."""
        with serving(sink, f"unix:{folder}/otlp.sock") as (_, address), socket.socket(socket.AF_UNIX) as hostile:
            hostile.connect(address.removeprefix("unix:"))
            client = h2.connection.H2Connection()
            client.initiate_connection()
            for stream_id in range(1, 2 * 100, 2):
                client.send_headers(stream_id, EXPORT_HEADERS)
                client.send_data(stream_id, sent)
            hostile.sendall(client.data_to_send())
            wait_for(lambda: len(hostile.recv(1 << 16)) > 0)
            answers = [export(address, ONE) for _ in range(3)]
            healthy = health(address)

        assert (answers, healthy) == ([ExportTraceServiceResponse()] * 3, "SERVING")

    @pytest.mark.parametrize("sent", [b"", b"\0\0\0\1\0half"])
    def test_have_a_deadline(
        self, sink: Sink, sent: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A message that does not arrive in time ends its call with a code to be retried, and a line in the log."""
        monkeypatch.setattr("cc_otel.otlp.receive_grpc.BEGIN_S", 0.1)
        with serving(sink, "127.0.0.1:0") as (server, address):
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port)), WAIT_S) as hostile:
                client = h2.connection.H2Connection()
                client.initiate_connection()
                client.send_headers(1, EXPORT_HEADERS)
                client.send_data(1, sent)
                hostile.sendall(client.data_to_send())
                headers = trailers_of(hostile, client)
                peer = ":".join(map(str, hostile.getsockname()))
            answers = server.answers()

        assert (headers[b"grpc-status"], headers[b"grpc-message"]) == (b"14", b"the message did not arrive in time")
        assert answers == {"UNAVAILABLE": 1}
        assert [record.getMessage() for record in caplog.records] == [
            f"exports are answered with UNAVAILABLE: the message did not arrive in time (from {peer})"
        ]

    def test_clients_that_say_nothing(self, folder: Path, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
        """Connections have a limit; the one that was silent for longest makes way, and the log says so."""
        with serving(sink, f"unix:{folder}/otlp.sock") as (_, address), ExitStack() as stack:
            for _ in range(CONNECTIONS_MAX + 20):
                silent = stack.enter_context(socket.socket(socket.AF_UNIX))
                silent.connect(address.removeprefix("unix:"))
            answers = export(address, ONE), health(address)

        assert answers == (ExportTraceServiceResponse(), "SERVING")
        assert "256 clients are connected: the most silent is disconnected" in caplog.text

    def test_clients_that_are_gone(self, folder: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
        """A client that does not answer when it is asked whether it is there is disconnected."""
        for name, value in (("http2.SILENCE_S", 0.0), ("http2.PING_S", 0.0), ("receive_grpc.CHECK_S", 0.01)):
            monkeypatch.setattr(f"cc_otel.otlp.{name}", value)
        with serving(sink, f"unix:{folder}/otlp.sock") as (_, address), socket.socket(socket.AF_UNIX) as silent:
            silent.settimeout(WAIT_S)
            silent.connect(address.removeprefix("unix:"))
            with suppress(ConnectionResetError):
                while silent.recv(1 << 16):
                    pass

    def test_a_client_that_cancels_all_the_time(self, folder: Path, sink: Sink) -> None:
        """A client that begins calls and cancels them, over and over, is disconnected."""
        with serving(sink, f"unix:{folder}/otlp.sock") as (_, address), socket.socket(socket.AF_UNIX) as hostile:
            hostile.settimeout(WAIT_S)
            hostile.connect(address.removeprefix("unix:"))
            client = h2.connection.H2Connection()
            client.initiate_connection()
            for stream_id in range(1, 2 * 400, 2):
                client.send_headers(stream_id, EXPORT_HEADERS)
                client.reset_stream(stream_id)
            with suppress(ConnectionResetError, BrokenPipeError):
                hostile.sendall(client.data_to_send())
                while hostile.recv(1 << 16):
                    pass
            answer = export(address, ONE)

        assert answer == ExportTraceServiceResponse()

    @pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\0" * 300, b"\0" * 10_000])
    def test_clients_that_speak_something_else(self, folder: Path, sink: Sink, data: bytes) -> None:
        """What is not HTTP/2 is disconnected, and others are served."""
        with serving(sink, f"unix:{folder}/otlp.sock") as (_, address), socket.socket(socket.AF_UNIX) as other:
            other.settimeout(WAIT_S)
            other.connect(address.removeprefix("unix:"))
            with suppress(ConnectionResetError):
                other.sendall(data)
                while other.recv(1 << 16):
                    pass
            answer = export(address, ONE)

        assert answer == ExportTraceServiceResponse()


class TestToken:
    """Listening beyond this machine asks for a token."""

    @pytest.mark.parametrize(
        "metadata",
        [(), (("authorization", "Bearer wrong"),), (("authorization", "secret"),), (("authorization", "bearer"),)],
        ids=str,
    )
    def test_without_it(self, sink: Sink, metadata: Sequence[tuple[str, str]]) -> None:
        """An export without the right token is UNAUTHENTICATED and never seen by the sink."""
        with serving(sink, "127.0.0.1:0", "secret") as (_, address), pytest.raises(grpc.RpcError) as raised:
            export(address, ONE, metadata=metadata)

        assert (raised.value.code(), sink.taken) == (grpc.StatusCode.UNAUTHENTICATED, [])

    def test_with_it(self, sink: Sink) -> None:
        """An export with the token is taken; a health check needs none."""
        with serving(sink, "127.0.0.1:0", "secret") as (_, address):
            answer = export(address, ONE, metadata=[("authorization", "Bearer secret")])

            assert (answer, len(sink.taken), health(address)) == (ExportTraceServiceResponse(), 1, "SERVING")

    def test_that_is_not_set_at_the_client(self, sink: Sink, folder: Path) -> None:
        """Where no token is asked for, one that is empty but for its scheme is none: so the Collector sends it."""
        with serving(sink, f"unix:{folder}/otlp.sock") as (_, address), socket.socket(socket.AF_UNIX) as other:
            other.settimeout(WAIT_S)
            other.connect(address.removeprefix("unix:"))
            config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
            client = h2.connection.H2Connection(config)
            client.initiate_connection()
            client.send_headers(1, [*EXPORT_HEADERS, ("authorization", "Bearer ")])
            client.send_data(1, b"\0\0\0\0\0", end_stream=True)
            other.sendall(client.data_to_send())
            headers = trailers_of(other, client)

        assert headers[b"grpc-status"] == b"0"

    def test_that_no_client_could_send(self, sink: Sink) -> None:
        """A token that gRPC does not carry is an error at the start, not one at every export."""
        with pytest.raises(ListenError, match="letters, digits and signs of ASCII"):
            TraceServer("127.0.0.1:0", "sécret").start(sink)

    # Addresses kept for documentation (RFC 5737, RFC 3849): nothing would come of listening on them.
    @pytest.mark.parametrize("listen", ["192.0.2.1:0", "[2001:db8::1]:0", "ipv4:192.0.2.1:0"])
    @pytest.mark.parametrize("token", [None, ""])
    def test_beyond_loopback(self, sink: Sink, listen: str, token: str | None) -> None:
        """Where other machines could send, nothing listens without a token, and what to do is said."""
        with pytest.raises(ListenError, match=r"set graph_token, or listen on 127\.0\.0\.1"):
            TraceServer(listen, token).start(sink)

    @pytest.mark.parametrize("listen", ["localhost:0", "[::1]:0"])
    def test_on_loopback(self, sink: Sink, listen: str) -> None:
        """Loopback, in each of its forms, needs no token."""
        with serving(sink, listen) as (_, address):
            assert export(address, ONE) == ExportTraceServiceResponse()


class TestHealth:
    """The standard gRPC health service."""

    def test_follows_the_sink(self, server: tuple[TraceServer, str]) -> None:
        """Health tells what it is told, for the whole server and for the trace service."""
        before = [health(server[1], service) for service in ("", SERVICE)]
        server[0].set_serving(serving=False)
        meanwhile = [health(server[1], service) for service in ("", SERVICE)]
        server[0].set_serving(serving=True)

        assert (before, meanwhile, health(server[1])) == (["SERVING"] * 2, ["NOT_SERVING"] * 2, "SERVING")

    def test_of_another_service(self, server: tuple[TraceServer, str]) -> None:
        """A service that is not here is NOT_FOUND."""
        with pytest.raises(grpc.RpcError) as raised:
            health(server[1], "another.Service")

        assert raised.value.code() == grpc.StatusCode.NOT_FOUND


class TestAddress:
    """What it listens on."""

    def test_a_free_port(self, sink: Sink) -> None:
        """Port 0 takes a free port, which the answer names."""
        with serving(sink, "127.0.0.1:0") as (_, address):
            host, _, port = address.rpartition(":")

            assert (host, int(port) > 0, export(address, ONE)) == ("127.0.0.1", True, ExportTraceServiceResponse())

    def test_a_port_that_is_taken(self, sink: Sink) -> None:
        """A port that is taken is an error that names it, by another server of ours as well."""
        with (
            serving(sink, "127.0.0.1:0") as (_, address),
            pytest.raises(ListenError, match=f"on {address}: is it taken"),
        ):
            TraceServer(address).start(sink)

    @pytest.mark.parametrize("listen", ["", "4317", "otlp.sock"])
    def test_no_address(self, sink: Sink, listen: str) -> None:
        """What is no address is an error that says what one is."""
        with pytest.raises(ListenError, match="write unix:/path or host:port"):
            TraceServer(listen).start(sink)

    def test_a_socket_of_its_owner(self, sink: Sink, folder: Path) -> None:
        """The socket is 0600, and the process's umask is as before."""
        path = folder / "otlp.sock"
        mask = os.umask(0o022)
        with serving(sink, f"unix:{path}") as (_, address):
            mode = path.stat().st_mode & 0o777
            mask_now = os.umask(mask)

        assert (address, oct(mode), mask_now) == (f"unix:{path}", "0o600", 0o022)

    @pytest.mark.parametrize("name", ["a#b", "a?b", "a%41b", "a%b", "a b", "ü", "a[1]:2", "\udcff"])
    def test_a_socket_with_any_path(self, sink: Sink, folder: Path, name: str) -> None:
        """A path is taken as it is, by both sides, whatever it would mean in a URI."""
        try:
            (folder / name).mkdir()
        except OSError:
            pytest.skip("this file system takes UTF-8 alone")
        path = folder / name / "otlp.sock"
        with serving(sink, f"unix:{path}") as (_, address):
            transport = connect(Destination(address))
            outcome = transport.export(ONE, WAIT_S)
            transport.close()
            listening = path.is_socket()

        assert (outcome, listening, len(sink.taken)) == (Delivered(), True, 1)

    def test_a_socket_of_the_dead(self, sink: Sink, folder: Path) -> None:
        """A socket that a dead server left is replaced."""
        path = folder / "otlp.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with serving(sink, f"unix:{path}") as (_, address):
            assert export(address, ONE) == ExportTraceServiceResponse()

    def test_a_socket_of_the_living(self, sink: Sink, folder: Path) -> None:
        """The socket of a server that is alive is an error, and stays that server's."""
        listen = f"unix:{folder}/otlp.sock"
        with serving(sink, listen) as (_, address):
            with pytest.raises(ListenError, match=r"otlp\.sock: another server does"):
                TraceServer(listen).start(Sink())

            assert (export(address, ONE), len(sink.taken)) == (ExportTraceServiceResponse(), 1)

    def test_a_file_in_the_way(self, sink: Sink, folder: Path) -> None:
        """A file that is no socket is an error, and stays."""
        path = folder / "otlp.sock"
        path.write_text("mine")
        with pytest.raises(ListenError, match="it is a file, not a socket"):
            TraceServer(f"unix:{path}").start(sink)

        assert path.read_text() == "mine"

    def test_a_path_that_is_too_long(self, sink: Sink, folder: Path) -> None:
        """A path longer than the system's limit is an error that says so."""
        with pytest.raises(ListenError, match="path too long; a shorter path, or host:port, may do"):
            TraceServer(f"unix:{folder}/{'x' * 200}.sock").start(sink)

    def test_a_folder_that_is_not_there(self, sink: Sink, folder: Path) -> None:
        """A socket in a folder that does not exist is an error."""
        with pytest.raises(ListenError, match=r"none/otlp\.sock"):
            TraceServer(f"unix:{folder}/none/otlp.sock").start(sink)


class TestStop:
    """A graceful stop."""

    def test_finishes_what_it_accepted(self, sink: Sink, folder: Path) -> None:
        """A request that is being stored when the stop comes gets its answer; a later one gets a code to retry."""
        go_on = threading.Event()

        def act(request: Decoded) -> Outcome:
            go_on.wait(WAIT_S)
            return Outcome(0, "finished")

        sink.act = act
        server = TraceServer(f"unix:{folder}/otlp.sock")
        address = server.start(sink)
        with ThreadPoolExecutor() as pool:
            sent = pool.submit(export, address, ONE)
            wait_for(lambda: len(sink.taken) == 1)
            stopped = pool.submit(server.stop, WAIT_S)
            wait_for(lambda: not _is_healthy(address))
            late = failure(address, ONE)
            go_on.set()
            stopped.result(WAIT_S)

            assert sent.result(WAIT_S).partial_success.error_message == "finished"
        assert (late.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}, len(sink.taken)) == (True, 1)

    def test_leaves_no_socket(self, sink: Sink, folder: Path) -> None:
        """After the stop the next server listens on the same address."""
        listen = f"unix:{folder}/otlp.sock"
        for _ in range(3):
            with serving(sink, listen) as (_, address):
                export(address, ONE)

        assert len(sink.taken) == 3


class TestForeignClient:
    """The OpenTelemetry SDK's own exporter as the client."""

    @pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
    def test_sdk_exporter(self, server: tuple[TraceServer, str], sink: Sink, compression: grpc.Compression) -> None:
        """Spans of an instrumented program arrive with its exporter's success."""
        exporter = OTLPSpanExporter(server[1], insecure=True, compression=compression)
        provider = TracerProvider(resource=Resource({"service.name": "foreign"}))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        with provider.get_tracer("lib").start_as_current_span("work", attributes={"deep": {"x": [1, None]}}):
            pass
        provider.shutdown()
        (span,) = sink.taken[0].spans

        assert (span.name, span.attributes, span.resource) == (
            "work",
            {"deep": {"x": [1, None]}},
            {"service.name": "foreign"},
        )

    def test_sdk_exporter_comes_back(self, server: tuple[TraceServer, str], sink: Sink) -> None:
        """The exporter reads our RetryInfo: told to come back at once, it does, within its own time limit."""
        refusals = [Unavailable("not yet", 0.01), Unavailable("not yet", 0.01)]

        def act(request: Decoded) -> Outcome:
            if refusals:
                raise refusals.pop()
            return Outcome()

        sink.act = act
        exporter = OTLPSpanExporter(server[1], insecure=True)
        provider = TracerProvider(resource=Resource({}))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("lib").start_span("work").end()
        provider.shutdown()

        assert [[span.name for span in each.spans] for each in sink.taken] == [["work"]] * 3
        assert server[0].answers() == {"UNAVAILABLE": 2, "ok": 1}


def _request_of(size_bytes: int, spans: int = 1) -> bytes:
    """Make a request of exactly that size where it has one span, else of about that size."""
    told = ExportTraceServiceRequest()
    scope_spans = told.resource_spans.add().scope_spans.add()
    for number in range(spans):
        span = scope_spans.spans.add(trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8, "big"))
        span.attributes.add(key="k").value.string_value = "x" * (size_bytes // spans)
    # The length of lengths: each of the five enclosing messages tells its own in as many bytes at this size.
    value = scope_spans.spans[-1].attributes[0].value
    value.string_value = value.string_value[: len(value.string_value) - max(told.ByteSize() - size_bytes, 0)]
    return told.SerializeToString()


EXPORT_HEADERS: Final = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", EXPORT),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


def trailers_of(connection: socket.socket, client: h2.connection.H2Connection) -> dict[bytes, bytes]:
    """Read until a call has ended; answer its headers."""
    while data := connection.recv(1 << 16):
        for event in client.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived) and event.stream_ended:
                return dict(event.headers)
        connection.sendall(client.data_to_send())
    raise EOFError
