"""
A stand-in for the Messages API of Anthropic, on loopback: it says what a script tells it to, to the real Claude Code.

Not the API: fixed usage, no thinking, no cache; what it sends has the form that the recorded transcripts of 2.1.330
show. It runs as a program, in the network namespace that has nothing but loopback; it imports nothing of ours.

``python standin.py SCRIPT SEEN PORT`` reads the script (JSON: prompt -> replies, see ``script.py``), appends every
request to the file SEEN as a line of JSON, and writes the port it listens on to the file PORT.

A request belongs to the prompt of the script that stands last in what the user said; its replies are used up in
order. A request of no prompt in the script (titles and the like) is answered with one word.
"""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

USAGE: Final = {"input_tokens": 1000, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 20}
OUTPUT_TOKENS: Final = 50
UNSCRIPTED: Final = {"blocks": [{"type": "text", "text": "ok"}]}
ERRORS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class Standin(ThreadingHTTPServer):
    """The server, with how far each prompt of the script has come."""

    daemon_threads = True

    def __init__(self, script: dict[str, list[dict[str, Any]]], seen: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._script, self._seen = script, seen
        self._lock = threading.Lock()
        self._count = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that did not wait for its answer: somebody interrupted it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def note(self, method: str, path: str, headers: dict[str, str], body: str) -> int:
        """Write a request down; return its number."""
        with self._lock, self._seen.open("a", encoding="utf-8") as seen:
            self._count += 1
            line = {"method": method, "path": path, "headers": headers, "body": body}
            seen.write(json.dumps(line) + "\n")
            return self._count

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what comes next in the conversation that a request belongs to."""
        with self._lock:
            replies = self._script.get(prompt_of(request, self._script) or "", [])
            reply = replies.pop(0) if replies else UNSCRIPTED
        return with_plan_file(reply, request)


def prompt_of(request: dict[str, Any], script: dict[str, list[dict[str, Any]]]) -> str | None:
    """Return the prompt of the script that stands last in what the user said, tool results aside."""
    for message in reversed(request.get("messages", [])):
        if message["role"] != "user":
            continue
        for text in reversed(list(texts(message["content"]))):
            found = {text.rfind(prompt): prompt for prompt in script if prompt in text}
            if found:
                return found[max(found)]
    return None


def with_plan_file(reply: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return a reply with the name of the plan's file, which the client tells the model, in the place left for it."""
    told = re.search(r"/[^\s\"]+/plans/[\w-]+\.md", json.dumps(request.get("messages", [])))
    text = json.dumps(reply)
    filled: dict[str, Any] = json.loads(text.replace("<plan file>", told[0])) if told else reply
    return filled


def texts(content: object) -> Iterator[str]:
    """Yield the texts of a message's content, which is one text or a list of blocks."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        yield from (block["text"] for block in content if block.get("type") == "text")


class Handler(BaseHTTPRequestHandler):
    """One connection of the client."""

    protocol_version = "HTTP/1.1"
    server: Standin

    def do_HEAD(self) -> None:
        """Handle the client's question whether the server is there."""
        self._nothing()

    def do_GET(self) -> None:
        """Handle any other request: it is not found."""
        self._nothing()

    def do_POST(self) -> None:
        """Handle a call of the model."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = self.path.split("?")[0]
        number = self.server.note("POST", self.path, dict(self.headers), body)
        if path == "/v1/messages/count_tokens":
            self._json(200, {"input_tokens": 1000}, number)
        elif path == "/v1/messages":
            self._message(json.loads(body), number)
        elif path == "/v1/logs":
            # The client's own telemetry, where it is told to send it here: it stands in SEEN.
            self._json(200, {}, number)
        else:
            self._json(404, {"type": "error", "error": {"type": "not_found_error", "message": "no"}}, number)

    def _message(self, request: dict[str, Any], number: int) -> None:
        reply = self.server.reply(request)
        time.sleep(reply.get("delay_s", 0))
        if status := reply.get("error"):
            error = {"type": ERRORS[status], "message": f"scripted {status}"}
            self._json(status, {"type": "error", "error": error}, number)
            return
        message = message_of(request["model"], reply["blocks"], number)
        if "safeguards" in request:
            message["safeguard_results"] = verdicts(message, reply.get("flagged", ""))
        if request.get("stream"):
            self._stream(message, number, reply.get("stall_s", 0))
        else:
            self._json(200, message, number)

    def _stream(self, message: dict[str, Any], number: int, stall_s: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.send_header("request-id", f"req_standin{number:04}")
        self.end_headers()
        for event in events(message):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            if event["type"] == "content_block_delta":
                time.sleep(stall_s)
        self.close_connection = True

    def _json(self, status: int, document: dict[str, Any], number: int) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("request-id", f"req_standin{number:04}")
        self.end_headers()
        self.wfile.write(data)

    def _nothing(self) -> None:
        self.server.note(self.command, self.path, dict(self.headers), "")
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing: what was asked stands in SEEN."""


def message_of(model: str, blocks: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """Return a whole message, its id derived from its content and number."""
    digest = blake2b(json.dumps([blocks, number]).encode(), digest_size=8).hexdigest()
    return {
        "id": f"msg_01standin{digest}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn",
        "stop_sequence": None,
        "usage": {**USAGE, "output_tokens": OUTPUT_TOKENS},
    }


def verdicts(message: dict[str, Any], flagged: str) -> list[dict[str, Any]]:
    """Return what the server says of a message's calls in auto mode: why they are ``flagged``, or that they are not."""
    outcome = {"outcome": "flagged", "explanation": flagged} if flagged else {"outcome": "not_flagged"}
    uses = {it["id"]: {"type": "evaluated", **outcome} for it in message["content"] if it["type"] == "tool_use"}
    return [{"type": "dangerous_tool_use", "status": {"type": "available", "tool_uses": uses}}]


def events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a message as the API streams it."""
    begun = message | {"content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    begun.pop("safeguard_results", None)
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = block | {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    if "safeguard_results" in message:
        stop["safeguard_results"] = message["safeguard_results"]
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}


def main() -> None:
    """Serve until the process is ended."""
    script, seen, port = map(Path, sys.argv[1:])
    server = Standin(json.loads(script.read_text("utf-8")), seen)
    fresh = port.with_suffix(".fresh")
    fresh.write_text(str(server.server_port))
    fresh.rename(port)
    server.serve_forever()


if __name__ == "__main__":
    main()
