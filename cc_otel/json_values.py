"""The shape of what Claude Code writes and spans carry: any JSON value, and how to read one that may be anything."""

from typing import Any

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def object_of(value: object) -> dict[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []


def objects_of(value: object) -> tuple[dict[str, Any], ...]:
    """Return the objects in a list."""
    return tuple(item for item in list_of(value) if isinstance(item, dict))


def text_in(value: object) -> str:
    """Return a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""
