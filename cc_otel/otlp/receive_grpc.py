"""
OTLP in, over gRPC: a TraceService that answers by the OTLP specification's rules (1.11, OTLP/gRPC).

Success means that the sink has the spans for good. The one answer that makes a client give spans up for lost is a
code it may not retry, so nothing but a request that can never succeed gets one.
"""

import hmac
import logging
import os
import socket
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]  # stubs without py.typed
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from cc_otel.complaints import Complaints
from cc_otel.otlp.decode import NotARequest, decode
from cc_otel.otlp.destination import is_loopback, unix_target
from cc_otel.otlp.sink import RETRY_AFTER_S, ListenError, Outcome, Sink, Unavailable

log = logging.getLogger(__name__)

SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
EXPORT: Final = f"/{SERVICE}/Export"

MESSAGE_BYTES_MAX: Final = 64 << 20
"""After decompression (OTLP 1.11, Message size); gRPC refuses more by itself."""

BYTES_IN_FLIGHT_MAX: Final = 128 << 20
"""How much may be waiting for the sink; one request is always let in."""

WORKERS_MAX: Final = 32
"""How many requests wait at a time: more than a sink queues, so that the rest, and health, are answered at once."""

WAIT_S_MAX: Final = 30.0
"""How long a client without a deadline waits for the sink."""

MESSAGE_CHARS_MAX: Final = 1_000
"""Clients accept answers of 4 MiB, and logs want less."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """A status other than OK, with its details where clients look for them."""

    code: grpc.StatusCode
    message: str
    detail: RetryInfo | BadRequest

    def metadata(self) -> tuple[tuple[str, bytes], ...]:
        detail = AnyMessage()
        detail.Pack(self.detail)
        number: int = self.code.value[0]
        status = Status(code=number, message=self.message, details=[detail])
        # Go's clients and the specification read the status details, Python's exporter a key named by the type.
        by_type = f"{self.detail.DESCRIPTOR.full_name.lower()}-bin"
        return (
            ("grpc-status-details-bin", status.SerializeToString()),
            (by_type, self.detail.SerializeToString()),
        )


class TraceServer:
    """
    A `Receiver`: a TraceService and the standard health service on one address.

    ``listen`` is ``unix:/path``, with any path, or ``host:port``; port 0 takes a free one. With a ``token``, an export
    without ``authorization: Bearer <token>`` is UNAUTHENTICATED; health is told to anyone. Without one it listens on a
    socket or on loopback alone.
    """

    def __init__(self, listen: str, token: str | None = None) -> None:
        self._sink: Sink
        self._listen = listen
        self._token = token
        self._health = health.HealthServicer()
        self._pool = ThreadPoolExecutor(WORKERS_MAX, thread_name_prefix="otlp")
        self._server = grpc.server(
            self._pool,
            handlers=[_Handler(self._export, token)],
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                # Otherwise a second server on the same port is no error, and gets half of the spans.
                ("grpc.so_reuseport", 0),
            ],
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        # Only one thread at a time can run Python: with time cut into slices, all requests would be ready late, and
        # what they are handed on to would first have nothing to do and then everything.
        self._turn = threading.Lock()
        self._complaints = Complaints()
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self._bytes_in_flight = 0

    def start(self, sink: Sink) -> str:
        """See `Receiver`."""
        if self._token is not None and not (self._token.isascii() and self._token.isprintable()):
            raise ListenError("the token must be letters, digits and signs of ASCII: gRPC carries no others")
        if not self._token and _is_open(self._listen):
            raise ListenError(
                f"{self._listen} takes spans from other machines: set graph_token, or listen on 127.0.0.1"
            )
        self._sink = sink
        self.set_serving(serving=True)
        address = _bind(self._server, self._listen)
        self._server.start()
        return address

    def set_serving(self, *, serving: bool) -> None:
        """See `Receiver`."""
        status = health_pb2.HealthCheckResponse
        for service in ("", SERVICE):
            self._health.set(service, status.SERVING if serving else status.NOT_SERVING)

    def answers(self) -> Mapping[str, int]:
        """See `Receiver`."""
        with self._lock:
            return dict(self._answers)

    def stop(self, grace_s: float) -> None:
        """See `Receiver`."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _export(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        answer = self._answer(data, min(context.time_remaining(), WAIT_S_MAX))
        if isinstance(answer, _Failure):
            context.set_trailing_metadata(answer.metadata())
            context.abort(answer.code, answer.message)
        return answer.SerializeToString()

    def _answer(self, data: bytes, timeout_s: float) -> ExportTraceServiceResponse | _Failure:
        try:
            outcome = self._outcome(data, timeout_s)
        except NotARequest as error:
            self._count("INVALID_ARGUMENT")
            detail = BadRequest(field_violations=[BadRequest.FieldViolation(description=str(error))])
            return _Failure(grpc.StatusCode.INVALID_ARGUMENT, str(error), detail)
        except Unavailable as error:
            self._count("UNAVAILABLE")
            return _unavailable(str(error), error.retry_after_s)
        except Exception as error:
            # The seam: gRPC would answer UNKNOWN, and the client would drop spans because of our mistake.
            if self._complaints.due(type(error).__name__):
                log.exception("an export failed")
            self._count("failed")
            return _unavailable("internal error, see the log", RETRY_AFTER_S)
        response = ExportTraceServiceResponse()
        if outcome.rejected_spans or outcome.message:
            response.partial_success.rejected_spans = outcome.rejected_spans
            response.partial_success.error_message = outcome.message[:MESSAGE_CHARS_MAX]
        self._count("partial" if outcome.rejected_spans else "ok")
        return response

    def _outcome(self, data: bytes, timeout_s: float) -> Outcome:
        with self._room_for(len(data)):
            with self._turn:
                promise = self._sink.take(decode(data))
            try:
                return promise.result(timeout_s)
            except TimeoutError:
                promise.cancel()
                raise Unavailable(f"not stored within {timeout_s:.0f} s") from None

    @contextmanager
    def _room_for(self, size_bytes: int) -> Iterator[None]:
        with self._lock:
            if self._bytes_in_flight and self._bytes_in_flight + size_bytes > BYTES_IN_FLIGHT_MAX:
                raise Unavailable(f"{self._bytes_in_flight} bytes are waiting to be stored")
            self._bytes_in_flight += size_bytes
        try:
            yield
        finally:
            with self._lock:
                self._bytes_in_flight -= size_bytes

    def _count(self, answer: str) -> None:
        with self._lock:
            self._answers[answer] += 1


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    """Routes Export, as bytes: what cannot be parsed is ours to answer, and gRPC would say INTERNAL."""

    def __init__(self, export: Callable[[bytes, grpc.ServicerContext], bytes], token: str | None) -> None:
        self._export = grpc.unary_unary_rpc_method_handler(export)
        # Refused before the message is read.
        self._refusal = grpc.stream_unary_rpc_method_handler(_refuse)
        self._credentials = None if token is None else f"Bearer {token}".encode()

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """See grpc.GenericRpcHandler."""
        if details.method != EXPORT:
            return None
        if self._credentials is None:
            return self._export
        given = str(dict(details.invocation_metadata).get("authorization", ""))
        return self._export if hmac.compare_digest(given.encode(), self._credentials) else self._refusal


def _refuse(requests: Iterator[bytes], context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "authorization: Bearer <token> is missing or wrong")


def _unavailable(message: str, retry_after_s: float) -> _Failure:
    delay = Duration()
    delay.FromNanoseconds(round(retry_after_s * 1e9))
    return _Failure(grpc.StatusCode.UNAVAILABLE, message[:MESSAGE_CHARS_MAX], RetryInfo(retry_delay=delay))


def _bind(server: grpc.Server, listen: str) -> str:
    if listen.startswith("unix:"):
        path = Path(listen.removeprefix("unix:"))
        _make_way(path)
        # Closed to others from its first moment; directories that another thread makes meanwhile still work.
        mask = os.umask(0o077)
        try:
            _add_port(server, unix_target(str(path)))
        finally:
            os.umask(mask)
        path.chmod(0o600)
        return f"unix:{path}"
    host, colon, _ = listen.rpartition(":")
    if not colon:
        raise ListenError(f"cannot listen on {listen!r}: give unix:/path or host:port")
    return f"{host}:{_add_port(server, listen)}"


def _is_open(listen: str) -> bool:
    """Whether others than this machine may reach an address; what is none is refused elsewhere."""
    host, colon, _ = listen.rpartition(":")
    # gRPC takes an IPv6 address in brackets alone, and knows schemes of its own: what has another form is not trusted.
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return bool(colon) and not listen.startswith("unix:") and not is_loopback(bare)


def _add_port(server: grpc.Server, address: str) -> int:
    try:
        port: int = server.add_insecure_port(address)
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {address}: is it taken? ({error})") from error
    return port


def _make_way(path: Path) -> None:
    """Remove the socket that a dead server left; raise ListenError if the path is in use or cannot be used."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
                return
            raise ListenError(f"cannot listen on {path}: it is a file, not a socket; move it away") from None
        except OSError as error:
            raise ListenError(f"cannot listen on {path}: {error}; a shorter path, or host:port, may do") from error
    # gRPC itself would take the path from the server that is alive.
    raise ListenError(f"cannot listen on {path}: another server does")
