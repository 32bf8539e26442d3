"""The page's server: what a browser asks, answered by ``view/``; it writes events to the spool alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from cc_otel import __version__
from cc_otel.graph.store import GraphStore, StoreUnavailable, UnknownQuery
from cc_otel.graph.words import BadWords
from cc_otel.journal.database import JournalUnavailable
from cc_otel.ui import api, pages, prototype
from cc_otel.ui.answers import answer
from cc_otel.ui.guard import UNKNOWN, Access, Guard, bearer
from cc_otel.ui.stream import FIRST_MESSAGE_S, Hub, Socket, serve_stream
from cc_otel.view.live import LiveFeed, OpenSpans
from cc_otel.view.sessions import Ambiguous, NoSuchSession

EVENT_BYTES_MAX: Final = 1 << 20

ACCEPT: Final = (
    "start `cc-otel ui --accept-events`, or send the token: Authorization: Bearer $(cat ~/.cc-otel/ui-token)"
)

Record = Callable[[prototype.Received], None]
"""Puts an event into the spool. Raises OSError where it cannot."""


@dataclass(frozen=True, slots=True)
class Sources:
    """
    What the page reads, and where it puts events that are posted.

    ``opened_for`` returns a reader of open spans of its caller's own; ``all_here`` says that the store has the sessions
    of one home only: the one whose spans are open.
    """

    store: GraphStore
    opened_for: Callable[[], OpenSpans]
    all_here: bool
    record: Record


def make_app(sources: Sources, access: Access, *, accept_events: bool = False) -> FastAPI:
    """Return the server's application."""
    feed = LiveFeed(sources.store, sources.opened_for())
    hub = Hub(sources.store, feed)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(hub.run())
        yield
        looking.cancel()

    app = FastAPI(
        title="cc-otel",
        version=__version__,
        description="What Claude Code did, as the page of `cc-otel ui` asks for it. Everything but POST /events reads.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.include_router(pages.routes(app, sources.store))
    app.include_router(api.routes(sources.store, sources.opened_for(), all_here=sources.all_here))
    _add_events(app, sources.record, access, accept_events=accept_events)
    _add_sockets(app, hub, access)
    _add_errors(app)
    app.add_middleware(Guard, access=access, policies=pages.policy)
    return app


def _add_events(app: FastAPI, record: Record, access: Access, *, accept_events: bool) -> None:
    @app.post(
        "/events",
        summary="Record an event, as the first dashboard's hooks send it.",
        tags=["events"],
        responses={400: api.ERROR, 401: api.ERROR, 413: api.ERROR, 415: api.ERROR, 503: api.ERROR},
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _EVENT}}}},
    )
    async def events(request: Request) -> Response:
        if not (access.knows_token(bearer(request.headers)) or (accept_events and "origin" not in request.headers)):
            return answer({"error": f"events are not accepted without the token: {ACCEPT}"}, 401)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return answer({"error": "send application/json"}, 415)
        try:
            body = await _body(request)
        except ClientDisconnect:
            return answer({"error": "the client left"}, 400)
        if body is None:
            return answer({"error": f"an event has at most {EVENT_BYTES_MAX} bytes"}, 413)
        try:
            await asyncio.to_thread(record, prototype.received(body))
        except prototype.NotAnEvent as error:
            return answer({"error": str(error)}, 400)
        except OSError as error:
            return answer({"error": str(error)}, 503)
        return answer({"recorded": 1})


_EVENT: Final = {
    "type": "object",
    "required": ["session_id", "hook_event_type"],
    "properties": {
        "source_app": {"type": "string"},
        "session_id": {"type": "string", "minLength": 1},
        "hook_event_type": {"type": "string", "minLength": 1},
        "payload": {"type": "object"},
        "timestamp": {"type": "number", "description": "When it happened, ms since the epoch; now if left out."},
    },
}


async def _body(request: Request) -> bytes | None:
    """Return the body; None where it is too long, of which no more is read than that takes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > EVENT_BYTES_MAX:
            return None
    return bytes(body)


def _add_sockets(app: FastAPI, hub: Hub, access: Access) -> None:
    async def stream(socket: Socket, asked: Mapping[str, Any]) -> None:
        await serve_stream(socket, hub, str(asked.get("after") or ""))

    async def events(socket: Socket, _: Mapping[str, Any]) -> None:
        first = await asyncio.to_thread(prototype.newest, hub.store)
        await prototype.serve_events(socket, hub, first)

    for path, serve in (("/stream", stream), ("/ws", events)):
        app.add_api_websocket_route(path, _socket(access, serve))


def _socket(
    access: Access, serve: Callable[[Socket, Mapping[str, Any]], Coroutine[Any, Any, None]]
) -> Callable[[WebSocket], Awaitable[None]]:
    async def accepted(websocket: WebSocket) -> None:
        await websocket.accept()
        socket = Socket(websocket)
        asked = await _first_message(websocket)
        if not access.knows_token(str(asked.get("token") or "")):
            with contextlib.suppress(RuntimeError):
                await websocket.close(1008, UNKNOWN)
            return
        asked = {"after": websocket.query_params.get("after"), **asked}
        both = [asyncio.create_task(serve(socket, asked)), asyncio.create_task(_until_gone(websocket))]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
        await asyncio.wait(both)
        for task in done:
            if task.cancelled():
                continue
            if isinstance(error := task.exception(), TimeoutError):
                await socket.drop("too slow: a message was not taken in time")
            elif isinstance(error, StoreUnavailable):
                await socket.drop(str(error))
            elif error is not None and not isinstance(error, WebSocketDisconnect | RuntimeError):
                raise error

    return accepted


async def _first_message(websocket: WebSocket) -> Mapping[str, Any]:
    try:
        message = await asyncio.wait_for(websocket.receive_json(), FIRST_MESSAGE_S)
    except (TimeoutError, ValueError, KeyError, RecursionError, WebSocketDisconnect):
        return {}
    return message if isinstance(message, dict) else {}


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def _add_errors(app: FastAPI) -> None:
    def say(status: int) -> Callable[[Request, Exception], Response]:
        return lambda _, error: answer({"error": str(error)}, status)

    for failure, status in (
        (StoreUnavailable, 503),
        (JournalUnavailable, 503),
        (NoSuchSession, 404),
        (UnknownQuery, 404),
        (Ambiguous, 409),
        (api.BadParameter, 422),
        (BadWords, 422),
    ):
        app.add_exception_handler(failure, say(status))

    def invalid(_: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        words = "; ".join(f"{'.'.join(map(str, it['loc'][1:]))}: {it['msg']}" for it in found)
        return answer({"error": words or "the request is not valid"}, 422)

    def refused(_: Request, error: Exception) -> Response:
        status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
        return answer({"error": detail}, status)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, refused)
