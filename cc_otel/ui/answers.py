"""Answers as JSON: any value of the graph, also what others wrote there and JSON has no word for."""

import json
import math
from typing import Any

import orjson
from starlette.responses import Response

from cc_otel.text import whole_characters


def as_json(value: object) -> bytes:
    """Return a value as JSON; numbers that JSON does not have are null, and half characters are replaced."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        # Half a character, or a number of more than 64 bits.
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False).encode()


def answer(value: object, status: int = 200) -> Response:
    """Return a response with a value as JSON."""
    return Response(as_json(value), status, media_type="application/json")


def _plain(value: Any) -> object:
    match value:
        case str():
            return whole_characters(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {whole_characters(str(name)): _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case None | int():
            return value
        case _:
            return str(value)
