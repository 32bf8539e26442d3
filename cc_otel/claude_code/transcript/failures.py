"""
Requests to the model that were not answered, as the client's transcript records them.

Client 2.1.330 writes a ``system`` record ``api_error`` for each request that it will make again, and an answer of its
own, from a model called ``<synthetic>``, for the one that it gives up on.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from cc_otel.claude_code.transcript.records import json_of
from cc_otel.json_values import object_of, objects_of, text_in

OTHER: Final = "_OTHER"
"""What the core conventions call an error without a name."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there was no answer. ``status`` is HTTP's, 0 without one; ``retry_ms`` is None for the last attempt."""

    error_type: str
    message: str
    status: int = 0
    retry_ms: float | None = None
    request_id: str = ""


def failure_of(record: dict[str, Any]) -> Failure | None:
    """Return why the request of a record failed; None if the record is about something else."""
    if record.get("type") == "system" and record.get("subtype") == "api_error":
        return _tried_again(record)
    if record.get("type") == "assistant" and record.get("isApiErrorMessage") is True:
        return _given_up(record)
    return None


def _tried_again(record: dict[str, Any]) -> Failure:
    error = object_of(record.get("error"))
    said = text_in(error.get("message"))
    status = _status(error.get("status"))
    api_error = object_of(object_of(json_of(said[said.find("{") :])).get("error"))
    names = (api_error.get("type"), object_of(error.get("connection")).get("code"), str(status or ""))
    retry_ms = record.get("retryInMs")
    return Failure(
        _first_name(*names),
        text_in(error.get("formatted")) or said,
        status,
        float(retry_ms) if isinstance(retry_ms, int | float) else 0.0,
        text_in(error.get("requestId")),
    )


def _given_up(record: dict[str, Any]) -> Failure:
    status = _status(record.get("apiErrorStatus"))
    names = (record.get("apiErrorType"), record.get("apiError"), str(status or ""), record.get("error"))
    blocks = objects_of(object_of(record.get("message")).get("content"))
    texts = [text_in(block.get("text")) for block in blocks]
    message = next(filter(None, texts), "").removeprefix("API Error: ")
    return Failure(_first_name(*names), message, status, request_id=text_in(record.get("requestId")))


def _first_name(*names: object) -> str:
    return next((name for name in names if isinstance(name, str) and _NAME.match(name)), OTHER)


def _status(value: object) -> int:
    return value if isinstance(value, int) and 100 <= value <= 599 else 0
