"""Receivers on real sockets that answer as a test tells them, and a box of spans to send to them."""

import gzip
import socket
import ssl
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, NoReturn, Protocol

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # stubs without py.typed
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1 import trace_pb2

TLS: Final = Path(__file__).parent / "tls"
"""Certificates of nobody, made once with the openssl command: receiver, client, and a stranger. Valid 2020 to 2120."""
WAIT_S: Final = 30.0

SUCCESS: Final = ExportTraceServiceResponse().SerializeToString()


def spans_in(request: bytes) -> list[trace_pb2.Span]:
    """Read the spans of a request."""
    return [
        span
        for envelope in ExportTraceServiceRequest.FromString(request).resource_spans
        for scope_spans in envelope.scope_spans
        for span in scope_spans.spans
    ]


def partial_success(rejected: int, message: str) -> bytes:
    """Return a response that rejects some spans."""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


class GrpcAnswer(Protocol):
    """What a TraceService does with a call."""

    def __call__(self, context: grpc.ServicerContext) -> bytes:
        """Return, or abort."""


def succeed(answer: bytes = SUCCESS) -> GrpcAnswer:
    """Accept."""
    return lambda context: answer


def fail(code: grpc.StatusCode, details: str = "", trailing: Sequence[tuple[str, bytes]] = ()) -> GrpcAnswer:
    """Fail with a status."""

    def abort(context: grpc.ServicerContext) -> NoReturn:
        context.set_trailing_metadata(tuple(trailing))
        context.abort(code, details)
        raise AssertionError("abort raises")

    return abort


def retry_info(seconds: float) -> RetryInfo:
    """Tell when to come back."""
    delay = Duration()
    delay.FromMilliseconds(round(seconds * 1000))
    return RetryInfo(retry_delay=delay)


def status_details(code: grpc.StatusCode, *details: RetryInfo) -> tuple[str, bytes]:
    """Put details where gRPC has them."""
    status = Status(code=code.value[0], message="as the test says")
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return ("grpc-status-details-bin", status.SerializeToString())


class GrpcReceiver:
    """A TraceService that answers by ``script``, one call each, and with success when that is empty."""

    def __init__(
        self,
        address: str = "127.0.0.1:0",
        *,
        credentials: grpc.ServerCredentials | None = None,
        service: str = "trace.v1.TraceService",
    ) -> None:
        self.script: deque[GrpcAnswer] = deque()
        self.requests: list[bytes] = []
        self.headers: list[dict[str, str | bytes]] = []
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        handlers = {"Export": grpc.unary_unary_rpc_method_handler(self._export)}
        name = f"opentelemetry.proto.collector.{service}"
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        assert self.port
        self._server.start()

    def _export(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.requests.append(request)
        self.headers.append(dict(context.invocation_metadata()))
        answer = self.script.popleft() if self.script else succeed()
        return answer(context)

    def stop(self) -> None:
        """Stop at once."""
        self._server.stop(grace=None).wait(WAIT_S)


@contextmanager
def grpc_receiver(
    address: str = "127.0.0.1:0",
    *,
    credentials: grpc.ServerCredentials | None = None,
    service: str = "trace.v1.TraceService",
) -> Iterator[GrpcReceiver]:
    """Run a TraceService for as long as the block lasts."""
    receiver = GrpcReceiver(address, credentials=credentials, service=service)
    try:
        yield receiver
    finally:
        receiver.stop()


_DECOMPRESS: Final[Mapping[str | None, Callable[[bytes], bytes]]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}

HttpAnswer = Callable[[BaseHTTPRequestHandler], None]
"""What an HTTP receiver does with a request whose body was read."""


def reply(status: int = 200, body: bytes = SUCCESS, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """Reply with a status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Type": "application/x-protobuf"} | dict(headers or {})).items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if status != 204:
            handler.wfile.write(body)

    return answer


class HttpReceiver:
    """An HTTP server that answers POSTs by ``script``, one each, and with success when that is empty."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.script: deque[HttpAnswer] = deque()
        self.bodies: list[bytes] = []
        self.requests: list[bytes] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.clients: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(body)
                receiver.requests.append(_DECOMPRESS[self.headers["Content-Encoding"]](body))
                receiver.paths.append(self.path)
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                receiver.clients.append(self.client_address)
                answer = receiver.script.popleft() if receiver.script else reply()
                answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        return Handler

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join(WAIT_S)
        self._server.server_close()


@contextmanager
def http_receiver(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[HttpReceiver]:
    """Run an HTTP receiver for as long as the block lasts."""
    receiver = HttpReceiver(port, tls)
    try:
        yield receiver
    finally:
        receiver.stop()


@contextmanager
def silent_port() -> Iterator[int]:
    """Accept connections, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def relay(port: int) -> Iterator["Relay"]:
    """Stand between a sender and the receiver at ``port`` for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        between = Relay(listener, port)
        thread = threading.Thread(target=between.run)
        thread.start()
        try:
            yield between
        finally:
            between.close()
            thread.join(WAIT_S)


class Relay:
    """Passes bytes on, counts what is sent, and forgets connections when told: they stay open, and nothing moves."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        self.port: int = listener.getsockname()[1]
        self.sent_bytes = 0
        self.connections = 0
        self._listener = listener
        self._target = port
        self._open = True
        self._frozen = threading.Event()

    def run(self) -> None:
        """Accept connections until closed."""
        self._listener.settimeout(0.05)
        while self._open:
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            self._frozen = threading.Event()
            far = socket.create_connection(("127.0.0.1", self._target))
            for source, target, counted in ((near, far, True), (far, near, False)):
                threading.Thread(
                    target=self._pass_on, args=(source, target, self._frozen, counted), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, frozen: threading.Event, counted: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                self.sent_bytes += len(data) if counted else 0
                if not frozen.is_set():
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One end is gone; so is the other.
            source.close()
            target.close()

    def freeze(self) -> None:
        """Let nothing through the connection of now any more; later ones work."""
        self._frozen.set()

    def close(self) -> None:
        """Accept nothing more."""
        self._open = False
