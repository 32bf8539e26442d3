"""JSON within texts: a text that is JSON as a whole, and JSON among the other lines of a log or a stream."""

import json
from collections.abc import Iterator
from typing import Final

import orjson

from cc_otel.json_values import Json

EMBEDDED_MAX: Final = 5_000
"""How many objects are read out of one text; what comes after is looked at as text only."""

_READER: Final = json.JSONDecoder()


def container(text: str) -> dict[str, Json] | list[Json] | None:
    """Read a text that is a JSON object or list; None where it is not."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            # Lone surrogates and NaN, which programs write and the standard library reads.
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict | list) else None


def embedded(text: str) -> Iterator[tuple[int, int, Json]]:
    """Yield the objects of JSON that a text holds and that are not all of it, each with its offsets."""
    position, tried = 0, 0
    # What is read in vain counts, so that all of it takes time linear in the text.
    vain_left = len(text)
    while vain_left >= 0 and tried < EMBEDDED_MAX and (start := text.find('{"', position)) >= 0:
        tried += 1
        try:
            value, position = _READER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            vain_left -= error.pos - start
            position = start + 1
        except (ValueError, RecursionError):
            return
        else:
            yield start, position, value


def written(value: Json) -> str:
    """Return the JSON of a value."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        try:
            return json.dumps(value)
        except (ValueError, RecursionError):
            return '["[redacted:too-much]"]'
