"""What can be wrong with a server, on demand."""

from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

from tests.graph.arango.standin.engine import Problem, Value

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What is sent back: status, JSON or text, further headers."""

    status: int
    body: Value = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON

    def payload(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)

    def reason(self) -> str:
        return HTTPStatus(self.status).phrase


def problem(status: int, number: int, message: str) -> Answer:
    """Return an error as the server's own error body."""
    return Answer(status, Problem(status, number, message).body())


def early_problem(status: int, number: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    """Return an error as the connection layer words it, before anything is looked at."""
    body = {"error": True, "errorNum": number, "errorMessage": message, "code": status}
    return Answer(status, body, headers or {})


@dataclass(frozen=True)
class Reset:
    """The connection is reset: after the work was done and committed, or before anything is."""

    committed: bool


@dataclass(frozen=True)
class Hang:
    """Nothing is ever answered, until the fault is healed."""


@dataclass(frozen=True)
class Slow:
    """The work is done, and answered so much later."""

    seconds: float


@dataclass(frozen=True)
class Conflict:
    """Somebody else holds every key that is written."""


Fault = Answer | Reset | Hang | Slow | Conflict

STARTING = early_problem(503, 503, "service unavailable due to startup or maintenance mode")
STOPPING = early_problem(503, 30, "shutdown in progress")
QUEUE_FULL = early_problem(503, 21003, "queue is full")
QUEUE_SLOW = early_problem(412, 21004, "queue time violated")
READ_ONLY = problem(403, 1004, "read only")
NO_REPLICAS = problem(503, 1429, "not enough replicas for the configured write-concern are present")
OUT_OF_MEMORY = problem(500, 32, "resource limit exceeded")
TOO_MANY = Answer(429, "slow down", content_type="text/plain")
LOGIN_PAGE = Answer(200, "<html><body>Please log in</body></html>", content_type="text/html")
BAD_GATEWAY = Answer(502, "<html><body>502 Bad Gateway</body></html>", content_type="text/html")
REDIRECT = Answer(302, "", {"location": "http://127.0.0.1:9/login"}, "text/html")
NOTHING = Answer(200, "")
