"""
gRPC over HTTP/2, the receiving side: connections, calls, and their messages as they arrive.

A message's length is known after five bytes, and its client is held back by HTTP/2's flow control until there is memory
for the rest; grpc's own server reads messages whole, and keeps a thread for each (docs/decisions/0013-own-receiver.md).
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, cast
from urllib.parse import quote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from h2.settings import SettingCodes, Settings

WINDOW_BYTES: Final = 1 << 20
"""How far a connection, and a message that was let in, may be ahead of us; other messages 64 KiB, HTTP/2's default."""

STREAMS_MAX: Final = 100
"""How many calls a connection may have at a time."""

HEADER_BYTES_MAX: Final = 16 << 10

FRAME_BYTES_MAX: Final = 64 << 10
"""A frame costs the same whatever its size; clients that can send larger ones than HTTP/2's 16 KiB do."""

UNREAD_BYTES_MAX: Final = 1 << 20
"""How much of what we answer a client may leave unread before it is disconnected."""

RESETS_MAX: Final = 200
"""How many calls a connection may begin and cancel more than it completes: each costs us more than the client."""

SILENCE_S: Final = 60.0
PING_S: Final = 20.0
"""After how long without a byte a client is asked whether it is there, and how long it has to answer."""

_PREFIX_BYTES: Final = 5
_UNITS_S: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_GRPC: Final = ((":status", "200"), ("content-type", "application/grpc"))
_SETTINGS: Final = {
    SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_MAX,
    SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_BYTES_MAX,
    SettingCodes.MAX_FRAME_SIZE: FRAME_BYTES_MAX,
}
# A GOAWAY frame that refuses nothing yet: type 7, on stream 0, the highest stream id there is, NO_ERROR (RFC 9113 6.8).
_GOAWAY: Final = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00"

Metadata = Sequence[tuple[str, str | bytes]]


class Call:
    """A call: what its client has sent so far, and how to answer it."""

    def __init__(self, connection: "Connection", stream_id: int, headers: Mapping[str, str]) -> None:
        self.path = headers.get(":path", "")
        self.headers = headers
        self.deadline_s = _deadline_s(headers.get("grpc-timeout", ""))
        """When its client stops waiting, by the monotonic clock; None if it never does."""
        self.answered = False
        self._connection = connection
        self._stream_id = stream_id
        self._held = bytearray()
        self._ended = False
        self._changed = asyncio.Event()

    @property
    def peer(self) -> str:
        """The client's address."""
        return self._connection.peer

    def hold(self, data: bytes) -> None:
        """Take in what has arrived; it counts against the client's window until it is read."""
        self._held += data
        self._changed.set()

    def end(self) -> None:
        """Note that the client sends no more."""
        self._ended = True
        self._changed.set()

    async def prefix(self) -> tuple[bool, int]:
        """Return whether the message is compressed, and its length. Raises EOFError if there is no message."""
        data = bytearray()
        await self._read_into(data, _PREFIX_BYTES)
        return bool(data[0]), int.from_bytes(data[1:], "big")

    async def message(self, size_bytes: int) -> bytearray:
        """Return the message. Raises EOFError if the client ends before."""
        data = bytearray()
        self._connection.open_window(self._stream_id, min(size_bytes, WINDOW_BYTES))
        await self._read_into(data, size_bytes)
        return data

    async def _read_into(self, data: bytearray, size_bytes: int) -> None:
        while True:
            piece = self._held[: size_bytes - len(data)]
            if piece:
                data += piece
                del self._held[: len(piece)]
                self._connection.acknowledge(self._stream_id, len(piece))
            if len(data) == size_bytes:
                return
            if self._ended:
                raise EOFError(f"the message ended after {len(data)} of {size_bytes} bytes")
            self._changed.clear()
            await self._changed.wait()

    def drop(self) -> None:
        """Discard what was not read."""
        self._connection.acknowledge(self._stream_id, len(self._held))
        self._held.clear()

    def send(self, message: bytes) -> None:
        """Send a message."""
        head = () if self.answered else _GRPC
        self.answered = True
        self._connection.send(self._stream_id, head, b"\0" + len(message).to_bytes(4, "big") + message)

    def finish(self, status: int = 0, message: str = "", metadata: Metadata = ()) -> None:
        """End the call with a status."""
        trailers = [("grpc-status", str(status))]
        if message:
            trailers.append(("grpc-message", quote(message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")))
        for name, value in metadata:
            trailers.append((name, b64encode(value).decode().rstrip("=") if isinstance(value, bytes) else value))
        head = () if self.answered else _GRPC
        self.answered = True
        self._connection.finish(self._stream_id, (*head, *trailers), reset=not self._ended)


class Connection(asyncio.Protocol):
    """
    A client's connection. Each of its calls is handled by ``handle``, in a task that ends with the call.

    ``on_open`` and ``on_close`` are called at its beginning and its end, ``on_error`` where it breaks HTTP/2's rules.
    """

    def __init__(
        self,
        handle: Callable[[Call], Awaitable[None]],
        on_open: Callable[["Connection"], None],
        on_close: Callable[["Connection"], None],
        on_error: Callable[["Connection", str], None],
    ) -> None:
        self._handle = handle
        self._on_open = on_open
        self._on_close = on_close
        self._on_error = on_error
        # What h2 thinks of headers would end the connection: the Collector sends "Bearer " where no token is set.
        config = h2.config.H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False)
        self._h2 = h2.connection.H2Connection(config)
        # In the first frame, and in force before the client acknowledges it: gRPC sends large frames before it does.
        self._h2.local_settings = Settings(client=False, initial_values=_SETTINGS)
        self._h2.max_inbound_frame_size = FRAME_BYTES_MAX
        self._h2.decoder.max_header_list_size = HEADER_BYTES_MAX
        self._transport: asyncio.Transport
        self._calls: dict[int, tuple[Call, asyncio.Task[None]]] = {}
        self._resets = 0
        self._pinged_s: float | None = None
        self.heard_s = time.monotonic()
        """When something came from the client, by the monotonic clock."""
        self.peer = ""

    @property
    def calls(self) -> int:
        """How many calls are open."""
        return len(self._calls)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = ":".join(map(str, peer[:2])) if isinstance(peer, tuple) else "the socket"
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(WINDOW_BYTES - self._h2.inbound_flow_control_window)
        self._flush()
        self._on_open(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._on_close(self)
        for _, task in self._calls.values():
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard_s, self._pinged_s = time.monotonic(), None
        try:
            for event in self._h2.receive_data(data):
                self._note(event)
        except h2.exceptions.ProtocolError as error:
            self._on_error(self, str(error))
            # The reason is in the GOAWAY frame that goes out now.
            self._flush()
            self._transport.close()
            return
        self._flush()

    def check(self, now_s: float) -> None:
        """Ask a silent client whether it is there; disconnect it if it does not answer."""
        if self._pinged_s is not None and now_s - self._pinged_s > PING_S:
            self._transport.abort()
        elif self._pinged_s is None and now_s - self.heard_s > SILENCE_S:
            self._pinged_s = now_s
            self._h2.ping(b"cc-otel?")
            self._flush()

    def refuse_calls(self) -> None:
        """Ask the client to send further calls elsewhere."""
        self._transport.write(_GOAWAY)

    def close(self) -> None:
        """Disconnect, whatever is open."""
        self._transport.close()

    def open_window(self, stream_id: int, size_bytes: int) -> None:
        """Let the client send that much more of a message at a time."""
        self._try(lambda: self._h2.increment_flow_control_window(size_bytes, stream_id))
        self._flush()

    def acknowledge(self, stream_id: int, size_bytes: int) -> None:
        """Open the client's window again by what was read."""
        self._try(lambda: self._h2.acknowledge_received_data(size_bytes, stream_id))
        self._flush()

    def send(self, stream_id: int, head: Sequence[tuple[str, str]], data: bytes) -> None:
        """Send headers, if any, and a message."""
        if head:
            self._try(lambda: self._h2.send_headers(stream_id, head))
        self._try(lambda: self._h2.send_data(stream_id, data))
        self._flush()

    def finish(self, stream_id: int, trailers: Sequence[tuple[str, str]], *, reset: bool) -> None:
        """Send trailers; ``reset`` asks the client to send no more of its message."""
        self._try(lambda: self._h2.send_headers(stream_id, trailers, end_stream=True))
        if reset:
            self._try(lambda: self._h2.reset_stream(stream_id, h2.errors.ErrorCodes.NO_ERROR))
        self._flush()

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (h2.exceptions.ProtocolError, KeyError, ValueError):
            # The call was reset, or the connection is at its end: nobody reads the answer.
            return

    def _flush(self) -> None:
        if self._transport.is_closing():
            return
        if data := self._h2.data_to_send():
            self._transport.write(data)
        if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self._transport.abort()

    def _note(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._begin(event)
        elif isinstance(event, h2.events.DataReceived):
            self._hold(event)
        elif isinstance(event, h2.events.StreamEnded):
            if event.stream_id in self._calls:
                self._calls[event.stream_id][0].end()
        elif isinstance(event, h2.events.StreamReset):
            self._cancel(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._transport.close()

    def _begin(self, event: h2.events.RequestReceived) -> None:
        stream_id = event.stream_id
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        call = Call(self, stream_id, headers)
        task = asyncio.get_running_loop().create_task(self._run(call))
        self._calls[stream_id] = call, task
        task.add_done_callback(lambda _: self._calls.pop(stream_id, None))

    async def _run(self, call: Call) -> None:
        try:
            await self._handle(call)
            self._resets = max(self._resets - 1, 0)
        finally:
            call.drop()

    def _hold(self, event: h2.events.DataReceived) -> None:
        padding = event.flow_controlled_length - len(event.data)
        call = self._calls.get(event.stream_id)
        if call is not None:
            call[0].hold(event.data)
        unread = padding if call is not None else event.flow_controlled_length
        if unread:
            self._try(lambda: self._h2.acknowledge_received_data(unread, event.stream_id))

    def _cancel(self, stream_id: int) -> None:
        call = self._calls.get(stream_id)
        if call is not None:
            call[1].cancel()
            self._resets += 1
        if self._resets > RESETS_MAX:
            self._transport.abort()


def _deadline_s(timeout: str) -> float | None:
    """Read ``grpc-timeout``: at most eight digits and a unit."""
    if timeout[:-1].isdecimal() and timeout[-1] in _UNITS_S:
        return time.monotonic() + int(timeout[:-1]) * _UNITS_S[timeout[-1]]
    return None
