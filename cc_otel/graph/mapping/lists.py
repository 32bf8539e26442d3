"""Lists that the agent has put on a span as JSON text, read with care: anybody may send anything."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from cc_otel.span import Attributes

ITEMS_MAX: Final = 64
"""How many files, commands or commits of one span are mapped."""

_COUNT_MAX: Final = 2**53


def objects(attributes: Attributes, name: str) -> Sequence[Mapping[str, Any]]:
    """Return the objects of a list, empty where the attribute is missing or holds something else."""
    return [item for item in _list(attributes, name) if isinstance(item, dict)]


def texts(attributes: Attributes, name: str) -> Sequence[str]:
    """Return the texts of a list, empty where the attribute is missing or holds something else."""
    return [item for item in _list(attributes, name) if item and isinstance(item, str)]


def _list(attributes: Attributes, name: str) -> Sequence[Any]:
    value = attributes.get(name)
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return ()
    return value[:ITEMS_MAX] if isinstance(value, list | tuple) else ()


def word(item: Mapping[str, Any], name: str) -> str:
    """Return a member that is a text, empty if it is none."""
    value = item.get(name)
    return value if isinstance(value, str) else ""


def count(item: Mapping[str, Any], name: str) -> int | None:
    """Return a member that is a number of things, None if it is none."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT_MAX:
        return None
    return value


def flag(item: Mapping[str, Any], name: str) -> int | None:
    """Return a member that is true or false as 1 or 0: SQLite knows no other. None if it is neither."""
    value = item.get(name)
    return int(value) if isinstance(value, bool) else None
