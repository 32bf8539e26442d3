"""Attribute values as JSON that every store can hold."""

from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite, isnan
from typing import Final

from cc_otel.graph.store import Json
from cc_otel.span import Attributes, AttributeValue

NAMES_KEPT: Final = 1_024
"""How many names of attributes are cached as they are stored; producers have dozens."""


def text(attributes: Mapping[str, object], name: str) -> str:
    """Return a value that is a text; any other is empty."""
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def safe(attributes: Attributes) -> dict[str, Json]:
    """
    Return the attributes as JSON, dots in names as underscores: AQL and its indexes take a dot for a level.

    A name whose place is taken keeps its dots.
    """
    # Compared by type: most values are texts, and this runs for each of them.
    made = {_underscored(name): value if type(value) is str else _plain(value) for name, value in attributes.items()}
    if len(made) == len(attributes) and "" not in made:
        return made
    made = {}
    for name, value in attributes.items():
        place = name.replace(".", "_") or "_"
        taken = place != name and (place in attributes or place in made)
        made[name if taken else place] = _plain(value)
    return made


@lru_cache(NAMES_KEPT)
def _underscored(name: str) -> str:
    return name.replace(".", "_")


def _plain(value: AttributeValue) -> Json:
    if isinstance(value, float) and not isfinite(value):
        # JSON has no word for it; protobuf's JSON mapping has these.
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return safe(value)
    if isinstance(value, str | int | float | None):
        return value
    return [_plain(item) for item in value]
