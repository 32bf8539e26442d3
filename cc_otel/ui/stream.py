"""Live: what has changed goes to every socket, a few times a second, and none can hold up another."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from cc_otel.graph.store import START, Cursor, GraphStore, Json, StoreUnavailable
from cc_otel.ui.answers import as_json
from cc_otel.view.live import LiveFeed, News, missed
from cc_otel.view.trees import TreeSpan

LOOK_S: Final = 0.1
"""How often it is looked for news while somebody listens."""

IDLE_LOOK_S: Final = 1.0
"""How often while nobody does, or the store does not answer."""

HEARTBEAT_S: Final = 10.0
SEND_S_MAX: Final = 10.0
"""How long one message may take to a client before it is too slow."""

WAITING_ROWS_MAX: Final = 20_000
"""How many changed spans wait for one client; who falls behind further is dropped, and may come back for them."""

MISSED_ROWS_MAX: Final = 5_000
"""Who has missed more reads everything again: that is less work."""

FIRST_MESSAGE_S: Final = 10.0
TOO_SLOW: Final = 1013
"""WebSocket close code: try again later."""


class Listener:
    """What one client has not been sent yet: each span once, as it is now, and the last of what is open."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Json, Json], Mapping[str, Json]] = {}
        self.open: Sequence[TreeSpan] | None = None
        self.cursor: Cursor | None = None
        self.trouble: str | None = None
        self.dropped = ""
        self.news = asyncio.Event()

    def offer(self, news: News, trouble: str | None) -> None:
        """Add news; ``trouble`` is said where it has changed."""
        for row in news.spans:
            self.rows[row["trace_id"], row["span_id"]] = row
        if news.open is not None:
            self.open = news.open
        if trouble is not None:
            self.trouble = trouble
        self.cursor = news.cursor
        if len(self.rows) > WAITING_ROWS_MAX:
            self.rows.clear()
            self.dropped = f"more than {WAITING_ROWS_MAX} spans were waiting to be sent"
        self.news.set()

    def take(self) -> tuple[list[Mapping[str, Json]], Sequence[TreeSpan] | None, str | None]:
        """Return what waits, and forget it."""
        taken = list(self.rows.values()), self.open, self.trouble
        self.rows, self.open, self.trouble = {}, None, None
        self.news.clear()
        return taken


class Hub:
    """Looks for news in one thread at a time, and offers it to all who listen."""

    def __init__(self, store: GraphStore, feed: LiveFeed) -> None:
        self.store = store
        self._feed = feed
        self._listeners: set[Listener] = set()
        self._cursor = START
        self._trouble = ""
        self._looked = asyncio.Event()
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Look for news until cancelled."""
        while True:
            news = await asyncio.to_thread(self._feed.look, time.time() * 1000)
            self._offer(news)
            if not self._listeners or news.trouble:
                self._wanted.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), IDLE_LOOK_S)
            else:
                await asyncio.sleep(LOOK_S)

    def _offer(self, news: News) -> None:
        changed = news.trouble if news.trouble != self._trouble else None
        self._trouble, self._cursor = news.trouble, news.cursor
        self._looked.set()
        if news or changed is not None:
            for listener in self._listeners:
                listener.offer(news, changed)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[tuple[Listener, Cursor]]:
        """Return a listener, and the place in the feed from which on it is offered everything."""
        self._wanted.set()
        await self._looked.wait()
        listener = Listener()
        listener.open = self._feed.open
        listener.trouble = self._trouble or None
        listener.news.set()
        self._listeners.add(listener)
        try:
            yield listener, self._cursor
        finally:
            self._listeners.discard(listener)


class Socket:
    """One client's socket: numbers what it sends, and ends where sending takes too long."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._seq = 0

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a message. Raises TimeoutError where the client does not take it, WebSocketDisconnect if it is gone."""
        self._seq += 1
        await self.send_plain({"type": kind, "seq": self._seq, **fields})

    async def send_plain(self, message: Mapping[str, Any]) -> None:
        """Send a message as it is."""
        await asyncio.wait_for(self._socket.send_text(as_json(message).decode()), SEND_S_MAX)

    async def drop(self, reason: str) -> None:
        """Say why, and close."""
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            await self.send("bye", reason=reason)
            await self._socket.close(TOO_SLOW, reason[:120])


async def serve_stream(socket: Socket, hub: Hub, after: str) -> None:
    """
    Send what changes until the client is gone.

    ``hello`` first, with the place from which on everything is sent; then ``spans`` (changed ones, each with the place
    behind it as ``id``), ``open`` (all that is open, when that changes), ``store`` (why it cannot be read, or that it
    can be again), ``heartbeat``. ``reset`` stands for what was missed and is too much: read everything again.
    """
    async with hub.listening() as (listener, begin):
        await socket.send("hello", id=begin)
        if after and after != begin:
            await _catch_up(socket, hub.store, Cursor(after))
        while not listener.dropped:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.news.wait(), HEARTBEAT_S)
            if not listener.news.is_set():
                await socket.send("heartbeat")
                continue
            rows, opened, trouble = listener.take()
            if trouble is not None:
                await socket.send("store", trouble=trouble)
            if rows:
                await socket.send("spans", id=listener.cursor, rows=rows)
            if opened is not None:
                await socket.send("open", rows=[span.to_json() for span in opened])
        await socket.drop(f"too slow: {listener.dropped}")


async def _catch_up(socket: Socket, store: GraphStore, after: Cursor) -> None:
    try:
        found = await asyncio.to_thread(missed, store, after, MISSED_ROWS_MAX)
    except StoreUnavailable:
        found = None
    if found is None:
        await socket.send("reset")
    elif found[0]:
        await socket.send("spans", id=found[1], rows=found[0])
