"""
Who may ask: the token, this machine's names, and no other page.

Loopback is not a user boundary, so the token stands in a file of its owner. No cookie holds it: all ports of an address
share those. The files of the page itself hold nothing of anybody and are there for everyone; what they ask for is not.
"""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})

PUBLIC: Final = ("/", "/health", "/favicon.ico")
PUBLIC_FOLDER: Final = "/static/"

WITH_TOKEN_IN_QUERY: Final = frozenset({"/docs", "/openapi.json"})
"""Opened by a person, whose browser sends no header of ours."""

OWN_CHECK: Final = frozenset({"/stream", "/ws", "/events"})
"""A socket's token is its first message; events may be accepted without one."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask: the token, and the address that the page has beside those of this machine, if any."""

    token: str
    public_url: str = ""

    def knows_token(self, given: str) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return bool(given) and hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def knows_host(self, host: str) -> bool:
        """Whether a ``Host`` names this machine or the page's public address; at any port."""
        name = _name(host)
        return name in HERE or bool(self.public_url and name == urlsplit(self.public_url).hostname)

    def knows_origin(self, origin: str, host: str) -> bool:
        """Whether an ``Origin`` is the page itself: what ``Host`` says, or the public address."""
        if self.public_url and _origin(origin) == _origin(self.public_url):
            return True
        return origin in {f"http://{host}", f"https://{host}"}


def bearer(headers: Headers) -> str:
    """Return the token that a request shows; empty where it shows none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class Guard:
    """Refuses, before anything is read, what does not come from the page or from somebody with the token."""

    def __init__(self, app: ASGIApp, access: Access, policies: Callable[[str], str]) -> None:
        self._app = app
        self._access = access
        self._policies = policies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if refused and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1][:120]})
            return
        answering = _with_headers(send, self._policies(scope["path"]))
        if refused:
            status, text = refused
            await JSONResponse({"error": text}, status)(scope, receive, answering)
            return
        await self._app(scope, receive, answering)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host, origin, path = headers.get("host", ""), headers.get("origin"), scope["path"]
        if not self._access.knows_host(host):
            return 403, "this page answers to 127.0.0.1, localhost and its --public-url alone"
        if origin is not None and not self._access.knows_origin(origin, host):
            return 403, "other pages may not ask"
        if scope["type"] == "websocket" or path in PUBLIC or path in OWN_CHECK or path.startswith(PUBLIC_FOLDER):
            return None
        shown = bearer(headers)
        if not shown and path in WITH_TOKEN_IN_QUERY:
            shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not self._access.knows_token(shown):
            return 401, UNKNOWN
        return None


UNKNOWN: Final = "the token is missing or wrong: open the address that `cc-otel ui` prints"


def _with_headers(send: Send, policy: str) -> Callable[[Message], Awaitable[None]]:
    async def answering(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", ()),
                (b"content-security-policy", policy.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"x-frame-options", b"DENY"),
                (b"referrer-policy", b"no-referrer"),
                (b"cross-origin-opener-policy", b"same-origin"),
                (b"cross-origin-resource-policy", b"same-origin"),
                (b"cache-control", b"no-store"),
            ]
        await send(message)

    return answering


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower()
