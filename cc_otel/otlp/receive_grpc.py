"""
OTLP in, over gRPC: a TraceService that answers by the OTLP specification's rules (1.11, OTLP/gRPC).

Success means that the sink has the spans for good. The one answer that makes a client give spans up for lost is a
code it may not retry, so nothing but a request that can never succeed gets one.
"""

import asyncio
import hmac
import logging
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]  # stubs without py.typed
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from cc_otel.complaints import Complaints
from cc_otel.otlp.admission import Admission, Crowded, Ticket
from cc_otel.otlp.decode import NotARequest
from cc_otel.otlp.feeder import Feeder, Job
from cc_otel.otlp.health import Health
from cc_otel.otlp.http2 import Call, Connection, Metadata
from cc_otel.otlp.listen import BACKLOG_MAX, bind, is_open, unlink
from cc_otel.otlp.sink import RETRY_AFTER_S, ListenError, Outcome, Sink, Unavailable

log = logging.getLogger(__name__)

SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
EXPORT: Final = f"/{SERVICE}/Export"

MESSAGE_BYTES_MAX: Final = 64 << 20
"""After decompression (OTLP 1.11, Message size)."""

CONNECTIONS_MAX: Final = 256
"""How many clients are connected; a further one takes the place of the one that has been silent for longest."""

BEGIN_S: Final = 10.0
"""How long a client has to begin a message, and to end it beside the time that its size takes."""

BYTES_PER_S_MIN: Final = 1 << 20
"""How slowly a message may arrive: while it does, its memory is nobody else's."""

WAIT_S_MAX: Final = 30.0
"""How long a client without a deadline waits, for memory and for the sink each."""

MESSAGE_CHARS_MAX: Final = 1_000
"""Clients accept answers of 4 MiB, and logs want less."""

CHECK_S: Final = 1.0

INFLATED_BYTES: Final = 2 << 20
"""What a compressed message is let in with, beside its own size; a larger one waits again."""

_INFLATE_BYTES: Final = 1 << 18
_REPAIRED: Final = "%d spans came with text that is not UTF-8, or nested too deeply, and were repaired (from %s)"
_OK, _INVALID, _EXHAUSTED, _UNIMPLEMENTED, _UNAVAILABLE, _UNAUTHENTICATED = 0, 3, 8, 12, 14, 16
_NAMES: Final = {
    _INVALID: "INVALID_ARGUMENT",
    _EXHAUSTED: "RESOURCE_EXHAUSTED",
    _UNIMPLEMENTED: "UNIMPLEMENTED",
    _UNAVAILABLE: "UNAVAILABLE",
}
# Both of zlib's formats, told apart by their heads.
_ANY_FORMAT: Final = zlib.MAX_WBITS | 32


class _Refused(Exception):
    """A message that is never accepted."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class TraceServer:
    """
    A `Receiver`: a TraceService and the standard health service on one address.

    ``listen`` is ``unix:/path``, with any path, or ``host:port``; port 0 takes a free one. With a ``token``, an export
    without ``authorization: Bearer <token>`` is UNAUTHENTICATED; health checks need none. Without one it listens on a
    socket or on loopback alone.

    All calls are served by one thread, which only waits; decoding and writing have theirs, so that health is answered
    whatever they do.
    """

    def __init__(self, listen: str, token: str | None = None) -> None:
        self._listen = listen
        self._token = token
        self._credentials = None if token is None else f"Bearer {token}".encode()
        self._health = Health(SERVICE)
        self._admission = Admission()
        self._connections: set[Connection] = set()
        self._complaints = Complaints()
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="otlp-io", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._ticking: asyncio.Task[None]
        self._feeder: Feeder

    def start(self, sink: Sink) -> str:
        """See `Receiver`."""
        if self._token is not None and not (self._token.isascii() and self._token.isprintable()):
            raise ListenError("the token must be letters, digits and signs of ASCII: gRPC carries no others")
        if not self._token and is_open(self._listen):
            raise ListenError(
                f"{self._listen} takes spans from other machines: set graph_token, or listen on 127.0.0.1"
            )
        sockets, address = bind(self._listen)
        self._feeder = Feeder(sink)
        self._feeder.start()
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(sockets), self._loop).result()
        return address

    def set_serving(self, *, serving: bool) -> None:
        """See `Receiver`."""
        self._loop.call_soon_threadsafe(self._health.set, serving)

    def answers(self) -> Mapping[str, int]:
        """See `Receiver`."""
        with self._lock:
            return dict(self._answers)

    def stop(self, grace_s: float) -> None:
        """See `Receiver`."""
        if self._thread.ident is not None:
            asyncio.run_coroutine_threadsafe(self._close(grace_s), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._feeder.stop()
        self._loop.close()

    async def _open(self, sockets: list[socket.socket]) -> None:
        for each in sockets:
            self._servers.append(await self._loop.create_server(self._connection, sock=each, backlog=BACKLOG_MAX))
        self._ticking = self._loop.create_task(self._check_connections())

    async def _close(self, grace_s: float) -> None:
        self._ticking.cancel()
        self._health.close()
        for server in self._servers:
            server.close()
        unlink(self._listen)
        for connection in self._connections:
            connection.refuse_calls()
        deadline_s = time.monotonic() + grace_s
        while any(connection.calls for connection in self._connections) and time.monotonic() < deadline_s:
            await asyncio.sleep(0.01)
        for connection in tuple(self._connections):
            connection.close()
        # Their calls are cancelled in the next rounds.
        while self._connections and time.monotonic() < deadline_s + 1.0:
            await asyncio.sleep(0.001)
        await self._loop.shutdown_default_executor()

    async def _check_connections(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            for connection in tuple(self._connections):
                connection.check(time.monotonic())

    def _connection(self) -> Connection:
        return Connection(self._serve, self._welcome, self._connections.discard, self._note_error)

    def _welcome(self, connection: Connection) -> None:
        if len(self._connections) >= CONNECTIONS_MAX:
            self._complain("connections", "%d clients are connected: the most silent is disconnected", CONNECTIONS_MAX)
            silent = min(self._connections, key=lambda each: (each.calls > 0, each.heard_s))
            self._connections.discard(silent)
            silent.close()
        self._connections.add(connection)

    def _note_error(self, connection: Connection, error: str) -> None:
        self._complain(
            "protocol", "a client that does not speak HTTP/2 is disconnected: %s (%s)", error, connection.peer
        )

    async def _serve(self, call: Call) -> None:
        if call.path != EXPORT:
            if not await self._health.serve(call):
                call.finish(_UNIMPLEMENTED, "Method not found!")
        elif not self._is_authorized(call):
            self._complain("token", "an export without the right token is refused (from %s)", call.peer)
            call.finish(_UNAUTHENTICATED, "authorization: Bearer <token> is missing or wrong")
        else:
            await self._export(call)

    def _is_authorized(self, call: Call) -> bool:
        given = call.headers.get("authorization", "").encode("latin-1")
        return self._credentials is None or hmac.compare_digest(given, self._credentials)

    async def _export(self, call: Call) -> None:
        try:
            outcome = await self._outcome(call)
        except NotARequest as error:
            violation = BadRequest.FieldViolation(description=str(error))
            self._fail(call, _INVALID, str(error), BadRequest(field_violations=[violation]))
        except _Refused as error:
            self._fail(call, error.code, str(error))
        except Unavailable as error:
            self._fail(call, _UNAVAILABLE, str(error), _retry_info(error.retry_after_s))
        except asyncio.CancelledError:
            # Its client has gone, or stopped waiting: that is what it is for the spans.
            self._count("UNAVAILABLE")
            raise
        except Exception as error:
            # The seam: an answer that may not be retried would make the client drop spans because of our mistake.
            if self._complaints.due(type(error).__name__):
                log.exception("an export failed")
            self._count("failed")
            message = "internal error, see the log"
            call.finish(_UNAVAILABLE, message, _details(_UNAVAILABLE, message, _retry_info(RETRY_AFTER_S)))
        else:
            self._count("partial" if outcome.rejected_spans else "ok")
            call.send(_response(outcome))
            call.finish()

    def _fail(self, call: Call, code: int, message: str, detail: RetryInfo | BadRequest | None = None) -> None:
        self._complain(_NAMES[code], "exports are answered with %s: %s (from %s)", _NAMES[code], message, call.peer)
        self._count(_NAMES[code])
        message = message[:MESSAGE_CHARS_MAX]
        call.finish(code, message, () if detail is None else _details(code, message, detail))

    async def _outcome(self, call: Call) -> Outcome:
        job = await self._receive(call)
        wait_s = _left_s(call)
        try:
            return await self._result(job.outcome, wait_s)
        except TimeoutError:
            raise Unavailable(f"not stored within {wait_s:.0f} s") from None
        finally:
            job.abandon()
            if job.repaired:
                self._complain("repaired", _REPAIRED, job.repaired, call.peer)

    async def _result(self, outcome: Future[Outcome], timeout_s: float) -> Outcome:
        done = asyncio.Event()
        outcome.add_done_callback(lambda _: self._soon(done.set))
        # Not asyncio.wrap_future: to stop waiting would cancel the outcome.
        async with asyncio.timeout(timeout_s):
            await done.wait()
        return outcome.result()

    async def _receive(self, call: Call) -> Job:
        """Read the message, as there is memory for it, and pass it on."""
        tickets: list[Ticket] = []
        try:
            data = await self._message(call, tickets)
        except BaseException:
            _release(tickets)
            raise
        return self._feeder.submit(data, lambda: self._soon(lambda: _release(tickets)))

    async def _message(self, call: Call, tickets: list[Ticket]) -> bytearray:
        try:
            async with asyncio.timeout(BEGIN_S):
                compressed, size_bytes = await call.prefix()
            _check_size(size_bytes)
            tickets.append(await self._admitted(call, size_bytes + INFLATED_BYTES * compressed))
            async with asyncio.timeout(BEGIN_S + size_bytes / BYTES_PER_S_MIN):
                data = await call.message(size_bytes)
        except EOFError as error:
            raise NotARequest(f"not an ExportTraceServiceRequest: {error}") from None
        except TimeoutError:
            raise Unavailable("the message did not arrive in time") from None
        return await self._inflated(call, data, tickets) if compressed else data

    async def _inflated(self, call: Call, data: bytearray, tickets: list[Ticket]) -> bytearray:
        encoding = call.headers.get("grpc-encoding", "identity")
        if encoding not in ("gzip", "deflate"):
            raise _Refused(_UNIMPLEMENTED, f"compressed with {encoding}: gzip, deflate and identity are accepted")
        size_bytes, limit_bytes = len(data), INFLATED_BYTES
        inflated = await asyncio.to_thread(_inflate, data, limit_bytes)
        if inflated is None:
            tickets[0].shrink(size_bytes)
            tickets.append(await self._admitted(call, MESSAGE_BYTES_MAX))
            inflated = await asyncio.to_thread(_inflate, data, MESSAGE_BYTES_MAX)
        if inflated is None:
            raise _too_large(f"more than {MESSAGE_BYTES_MAX}")
        tickets[-1].shrink(len(inflated))
        return inflated

    async def _admitted(self, call: Call, size_bytes: int) -> Ticket:
        admitted = asyncio.Event()
        try:
            ticket = self._admission.request(size_bytes, admitted.set)
        except Crowded as error:
            raise Unavailable(str(error)) from None
        try:
            async with asyncio.timeout(_left_s(call)):
                await admitted.wait()
        except TimeoutError:
            ticket.release()
            raise Unavailable(f"{self._admission.used_bytes} bytes are waiting to be stored") from None
        except BaseException:
            ticket.release()
            raise
        return ticket

    def _soon(self, act: Callable[[], object]) -> None:
        """Do something in the thread of the calls, from any other."""
        # After the stop nobody waits for it.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act)

    def _complain(self, kind: str, message: str, *arguments: object) -> None:
        if self._complaints.due(kind):
            log.warning(message, *arguments)

    def _count(self, answer: str) -> None:
        with self._lock:
            self._answers[answer] += 1


def _check_size(size_bytes: int) -> None:
    if size_bytes > MESSAGE_BYTES_MAX:
        raise _too_large(str(size_bytes))


def _too_large(size: str) -> _Refused:
    # The words of gRPC's own servers, by which clients know that a smaller request may do.
    return _Refused(_EXHAUSTED, f"Received message larger than max ({size} vs. {MESSAGE_BYTES_MAX})")


def _left_s(call: Call) -> float:
    """Return how long a call may still wait, s."""
    return WAIT_S_MAX if call.deadline_s is None else max(call.deadline_s - time.monotonic(), 0.0)


def _release(tickets: Iterable[Ticket]) -> None:
    for ticket in tickets:
        ticket.release()


def _inflate(data: bytearray, bytes_max: int) -> bytearray | None:
    """Return a message without its compression; None if it is larger. Raises NotARequest if it is damaged."""
    inflater, inflated = zlib.decompressobj(_ANY_FORMAT), bytearray()
    try:
        for start in range(0, len(data), _INFLATE_BYTES):
            piece = bytes(data[start : start + _INFLATE_BYTES])
            while piece and not inflater.eof:
                inflated += inflater.decompress(piece, _INFLATE_BYTES)
                piece = inflater.unconsumed_tail
                if len(inflated) > bytes_max:
                    return None
    except zlib.error as error:
        raise NotARequest(f"not an ExportTraceServiceRequest: {error}") from error
    if not inflater.eof:
        raise NotARequest("not an ExportTraceServiceRequest: the compressed message ends early")
    return inflated


def _response(outcome: Outcome) -> bytes:
    response = ExportTraceServiceResponse()
    if outcome.rejected_spans or outcome.message:
        response.partial_success.rejected_spans = outcome.rejected_spans
        response.partial_success.error_message = outcome.message[:MESSAGE_CHARS_MAX]
    return response.SerializeToString()


def _retry_info(retry_after_s: float) -> RetryInfo:
    delay = Duration()
    delay.FromNanoseconds(round(retry_after_s * 1e9))
    return RetryInfo(retry_delay=delay)


def _details(code: int, message: str, detail: RetryInfo | BadRequest) -> Metadata:
    packed = AnyMessage()
    packed.Pack(detail)
    status = Status(code=code, message=message, details=[packed])
    # Go's clients and the specification read the status details, Python's exporter a key named by the type.
    by_type = f"{detail.DESCRIPTOR.full_name.lower()}-bin"
    return (("grpc-status-details-bin", status.SerializeToString()), (by_type, detail.SerializeToString()))
