"""Requests to the stand-in as they are, without a driver."""

import json
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any

from tests.graph.arango.standin.server import StandIn

Answered = tuple[int, str, Mapping[str, str], Any]
"""Status, reason, headers with small names, body."""


def send(standin: StandIn, method: str, path: str, body: Any = None, password: str | None = None) -> Answered:
    """Send one request, its body as JSON unless it is a text, and answer what came back."""
    user = f"{standin.user}:{standin.password if password is None else password}"
    payload = None if body is None else body if isinstance(body, str) else json.dumps(body)
    connection = HTTPConnection(standin.host, timeout=30)
    connection.request(method, path, payload, {"authorization": f"Basic {b64encode(user.encode()).decode()}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, answer.reason, headers, json.loads(content) if content else ""
