"""A stand-in for an ArangoDB server, on loopback, that the real python-arango talks to."""

import socket
import struct
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.graph.arango.standin.engine import Engine, Problem
from tests.graph.arango.standin.faults import Answer, Conflict, Fault, Hang, Reset, Slow, early_problem
from tests.graph.arango.standin.routes import Request, Routes

_HEADERS = {
    "server": "ArangoDB",
    "x-arango-queue-time-seconds": "0.000000",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache, no-store, must-revalidate, pre-check=0, post-check=0, max-age=0, s-maxage=0",
    "pragma": "no-cache",
    "expires": "0",
    "strict-transport-security": "max-age=31536000 ; includeSubDomains",
    "content-security-policy": "frame-ancestors 'self'; form-action 'self';",
}


@dataclass
class _Planned:
    fault: Fault
    times: int | None
    path: str


class StandIn:
    """
    The server: start, stop, and what shall go wrong.

    What was committed survives a restart; cursors and connections do not. ``commit_s`` is how long a write holds
    its keys, so that concurrent writers meet.
    """

    def __init__(
        self,
        user: str = "root",
        password: str = "secret",
        commit_s: float = 0.0,
        tls: SSLContext | None = None,
        routes: type[Routes] = Routes,
    ) -> None:
        self.engine = Engine()
        self.user, self.password, self.commit_s, self.tls = user, password, commit_s, tls
        self.requests: list[str] = []
        self.bugs: list[BaseException] = []
        self._lock = Lock()
        self._planned: list[_Planned] = []
        self._healed = Event()
        self._server: _Server | None = None
        self._port = 0
        self._make_routes = routes
        self.routes = routes(self.engine)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The store's address, without the password."""
        return f"arangodb+http{'s' if self.tls else ''}://{self.user}@{self.host}/cc_otel"

    def start(self) -> None:
        """Listen; on the same port as before."""
        self._healed.clear()
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        self.routes = self._make_routes(self.engine)
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Go away at once: connections are reset, what was not committed is gone."""
        self._healed.set()
        if self._server is not None:
            self._server.end()
            self._server = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def fail(self, fault: Fault, times: int | None = None, path: str = "") -> None:
        """Let this go wrong with every request whose path contains ``path``, so many times or until healed."""
        with self._lock:
            self._planned.append(_Planned(fault, times, path))

    def heal(self) -> None:
        with self._lock:
            self._planned.clear()
        self._healed.set()
        self._healed.clear()

    def count(self, word: str) -> int:
        """Return how many requests contained the word in their method or path."""
        return sum(word in request for request in list(self.requests))

    def fault_for(self, request: str) -> Fault | None:
        """Note the request; answer what shall go wrong with it."""
        with self._lock:
            self.requests.append(request)
            for planned in self._planned:
                if planned.path in request and planned.times != 0:
                    if planned.times is not None:
                        planned.times -= 1
                    return planned.fault
            return None

    def wait_until_healed(self) -> None:
        self._healed.wait()


@contextmanager
def running(standin: StandIn) -> Iterator[StandIn]:
    """Run it for a while. Raises what it could not do itself."""
    standin.start()
    try:
        yield standin
    finally:
        standin.stop()
    for bug in standin.bugs:
        raise bug


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], standin: StandIn) -> None:
        super().__init__(address, _Handler)
        if standin.tls:
            self.socket = standin.tls.wrap_socket(self.socket, server_side=True)
        self.standin = standin
        self.sockets: set[socket.socket] = set()
        self.running = True

    def end(self) -> None:
        self.running = False
        self.shutdown()
        self.server_close()
        for connection in list(self.sockets):
            _reset(connection)
        # A socket is closed when its thread has let go of it too: until then a client would still use it.
        deadline = monotonic() + 5
        while self.sockets and monotonic() < deadline:
            sleep(0.001)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what the stand-in itself did wrong; that clients go away is what is tested."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.standin.bugs.append(error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Two small writes and Nagle's algorithm would make every answer 40 ms late.
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.sockets.add(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.sockets.discard(self.connection)

    def _do(self) -> None:
        standin = self.server.standin
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = standin.fault_for(f"{self.command} {self.path}")
        match fault:
            case Answer():
                return self._send(fault)
            case Hang():
                standin.wait_until_healed()
                return self._drop()
            case Reset(committed=False):
                return self._drop()
            case Slow():
                sleep(fault.seconds)
        answer = self._answer(body, conflict=isinstance(fault, Conflict))
        # A server that was stopped meanwhile has told nobody.
        if isinstance(fault, Reset) or not self.server.running:
            return self._drop()
        return self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - the standard library's names

    def _answer(self, body: bytes, *, conflict: bool) -> Answer:
        if not self._may():
            challenge = {"www-authenticate": 'Bearer token_type="JWT", realm="ArangoDB"'}
            return early_problem(401, 11, "not authorized to execute this request", challenge)
        parts = urlsplit(self.path)
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        database = "_system"
        if steps[0] == "_db":
            database, steps = steps[1], steps[2:]
        request = Request(self.command, database, tuple(steps[1:]), dict(parse_qsl(parts.query)), body)
        try:
            return self.server.standin.routes.answer(request, self._hold, conflict=conflict)
        except Problem as problem:
            if problem.number == 1228:
                return early_problem(problem.status, problem.number, problem.message)
            return Answer(problem.status, problem.body())

    def _hold(self) -> None:
        sleep(self.server.standin.commit_s)
        if not self.server.running:
            raise ConnectionAbortedError

    def _may(self) -> bool:
        kind, _, credentials = self.headers.get("authorization", "").partition(" ")
        standin = self.server.standin
        return kind == "Basic" and b64decode(credentials).decode() == f"{standin.user}:{standin.password}"

    def _send(self, answer: Answer) -> None:
        payload = answer.payload()
        self.send_response_only(answer.status, answer.reason())
        headers = {**_HEADERS, "connection": "Keep-Alive", "content-type": answer.content_type, **answer.headers}
        for name, value in {**headers, "content-length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def _drop(self) -> None:
        self.close_connection = True
        _reset(self.connection)


def _reset(connection: socket.socket) -> None:
    # Without lingering, closing sends a reset instead of an orderly end.
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
        connection.close()
    except OSError:
        pass  # It is gone already.
