"""
A model endpoint on loopback that speaks the wire formats of OpenAI, Anthropic, Vertex AI and Ollama.

It writes one sentence for every item it is asked about, and keeps every request. What a model does otherwise is said
by its name: ``fails``, ``refuses``, ``busy``, ``hangs``, ``talks``; see `MANNERS`.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_GEMINI: Final = re.compile(r"/models/([^:/]+):generateContent")
_FENCED: Final = re.compile(r"<items>\n(.*)\n</items>")

Write = Callable[[list[dict[str, str]]], str]
"""What a model says to the items it is asked about."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: which format it was in, and everything in it."""

    api: str
    path: str
    headers: dict[str, str]
    body: str
    model: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def sentences(items: list[dict[str, str]]) -> str:
    """Answer as asked: a sentence for every item, that names its first line."""
    told = [{"id": item["id"], "text": f"Did this: {item['data'].splitlines()[0][:60]}."} for item in items]
    return json.dumps({"summaries": told})


class Endpoint:
    """The endpoint, while it is up. ``write`` may be replaced."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.received: list[Received] = []
        self.write: Write = sentences
        self.released = threading.Event()
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def renew(self) -> None:
        """Forget what was received, let go of those who hang, and write sentences again."""
        self.released.set()
        self.released = threading.Event()
        self.received = []
        self.write = sentences
        self._busy = set()

    def environment(self) -> dict[str, str]:
        """Return the variables that point LiteLLM here, for every vendor."""
        return {
            "OPENAI_API_KEY": "key-of-openai",
            "OPENAI_BASE_URL": f"{self.address}/openai/v1",
            "ANTHROPIC_API_KEY": "key-of-anthropic",
            "ANTHROPIC_API_BASE": f"{self.address}/anthropic",
            "VERTEXAI_API_BASE": f"{self.address}/vertex",
            "VERTEXAI_PROJECT": "a-project",
            "VERTEXAI_LOCATION": "europe-west4",
            "OLLAMA_API_BASE": f"{self.address}/ollama",
            "NO_PROXY": "127.0.0.1",
        }

    def items(self) -> list[dict[str, str]]:
        """Return all items that were asked about, in the order they came."""
        return [item for received in self.received for item in _items(received.body)]

    def answer(self, path: str, headers: dict[str, str], body: str) -> Reply:
        """Return one request."""
        api, model = _api(path), _model(path, body)
        if api == "token":
            return Reply(200, {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"})
        with self._lock:
            self.received.append(Received(api, path, headers, body, model))
        for name, manner in MANNERS.items():
            if name in model:
                return manner(self, api, body, model)
        return Reply(200, _form(api, self.write(_items(body)), model))

    def is_busy(self, model: str) -> bool:
        """Whether this is the first request for the model since the start."""
        with self._lock:
            first = model not in self._busy
            self._busy.add(model)
        return first


def _fail(endpoint: Endpoint, api: str, body: str, model: str) -> Reply:
    return Reply(500, {"error": {"message": "out of order", "type": "server_error"}})


def _refuse(endpoint: Endpoint, api: str, body: str, model: str) -> Reply:
    message = "Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD."
    return Reply(401, {"error": {"message": message, "type": "authentication_error"}})


def _echo(endpoint: Endpoint, api: str, body: str, model: str) -> Reply:
    return Reply(400, {"error": {"message": f"cannot read {json.loads(body)['messages'][-1]['content']}"}})


def _be_busy(endpoint: Endpoint, api: str, body: str, model: str) -> Reply:
    if endpoint.is_busy(model):
        return Reply(429, {"error": {"message": "slow down", "type": "rate_limit"}}, {"Retry-After": "1"})
    return Reply(200, _form(api, endpoint.write(_items(body)), model))


def _hang(endpoint: Endpoint, api: str, body: str, model: str) -> Reply:
    released = endpoint.released
    released.wait(60)
    return Reply(200, _form(api, endpoint.write(_items(body)), model))


def _talk(endpoint: Endpoint, api: str, body: str, model: str) -> Reply:
    return Reply(200, _form(api, "Sure! Here are your summaries.", model))


MANNERS: Final = {
    "fails": _fail,
    "refuses": _refuse,
    "echoes": _echo,
    "busy": _be_busy,
    "hangs": _hang,
    "talks": _talk,
}


def _api(path: str) -> str:
    return re.split("[/:]", path.strip("/"))[0]


def _model(path: str, body: str) -> str:
    found = _GEMINI.search(path)
    return found[1] if found else str(json.loads(body).get("model", "")) if body.startswith("{") else ""


def _items(body: str) -> list[dict[str, str]]:
    """Return the items of a request, in whatever format they came."""
    found = next(_fenced(json.loads(body)), None)
    return [] if found is None else list(json.loads(found)["items"])


def _fenced(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield from _FENCED.findall(value)
        case dict():
            for member in value.values():
                yield from _fenced(member)
        case list():
            for item in value:
                yield from _fenced(item)


def _form(api: str, text: str, model: str) -> Any:
    match api:
        case "openai":
            message = {"role": "assistant", "content": text}
            return {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940},
            }
        case "anthropic":
            return {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 900, "output_tokens": 40},
            }
        case "vertex":
            return {
                "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 900, "candidatesTokenCount": 40, "totalTokenCount": 940},
                "modelVersion": model,
            }
        case _:
            return {
                "model": model,
                "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text},
                "response": text,
                "done": True,
                "prompt_eval_count": 900,
                "eval_count": 40,
            }


@contextmanager
def endpoint_up() -> Iterator[Endpoint]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes: the second would wait 40 ms for the first to be acknowledged.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode("utf-8", "replace")
            reply = endpoint.answer(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            data = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
