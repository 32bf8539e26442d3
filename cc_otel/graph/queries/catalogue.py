"""The named queries by name: their texts, and what they are filled in with."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from cc_otel.graph.store import Query, UnknownQuery

Scalar = str | int | float | None

_PARAMETER: Final = re.compile(r"[:@]([a-z_]+)\b")


@cache
def names(language: str) -> tuple[str, ...]:
    """Answer the names of the queries there are in this language (``sql`` or ``aql``), sorted."""
    files = (file.name for file in resources.files("cc_otel.graph.queries").iterdir())
    return tuple(sorted(name.removesuffix(f".{language}") for name in files if name.endswith(f".{language}")))


@cache
def text(name: str, language: str) -> str:
    """Answer the query's text; raise UnknownQuery where none has that name."""
    known = names(language)
    if name not in known:
        raise UnknownQuery(f"no query is called {name!r}; there are {', '.join(known)}")
    return resources.files("cc_otel.graph.queries").joinpath(f"{name}.{language}").read_text(encoding="utf-8")


@cache
def parameters(name: str, language: str) -> frozenset[str]:
    """Answer what the query can be filled in with."""
    return frozenset(_PARAMETER.findall(text(name, language)))


def bindings(query: Query, language: str) -> Mapping[str, Scalar]:
    """Answer every parameter of the query with its value, null where none is given; ValueError for one it lacks."""
    known = parameters(query.name, language)
    if unknown := sorted(query.parameters.keys() - known):
        raise ValueError(f"query {query.name} takes {', '.join(sorted(known))}, not {', '.join(unknown)}")
    return {name: query.parameters.get(name) for name in known}
