"""
The named queries.

What a query answers, takes and returns is told once, in the comment that its ``.sql`` begins with:

    -- One sentence: what it answers.
    --
    -- Used by: `cc-otel query NAME`, or what else asks it
    -- :parameter TYPE  what it selects; TYPE is text, integer or real
    -- => column, column, …
    --
    -- Notes for whoever reads the statement.

The ``.aql`` of the same name answers alike in ArangoDB.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

from cc_otel.graph.store import Query, UnknownQuery

Scalar = str | int | float | None
Language = Literal["sql", "aql"]

_PLACEHOLDER: Final = re.compile(r"[:@]([a-z_]+)\b")
_HEADER: Final = re.compile(r"(?:--.*\n)+")
_PARAMETER: Final = re.compile(r":([a-z_]+) (text|integer|real)  (.+)")
_COLUMNS: Final = re.compile(r"^=> ((?:.+\n)+?)(?:\n|\Z)", re.MULTILINE)
_USED_BY: Final = re.compile(r"^Used by: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a query can be restricted by; ``type`` is text, integer or real. Left out it is null."""

    name: str
    type: str
    help: str


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query as its header describes it: what it answers, takes and returns, and what asks it."""

    name: str
    help: str
    used_by: str
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...]

    @property
    def has_command(self) -> bool:
        """Whether it is a command of ``cc-otel query``."""
        return f"`cc-otel query {self.name}`" in self.used_by


@cache
def names(language: Language = "sql") -> tuple[str, ...]:
    """Return the names of the queries in this language, sorted."""
    files = (file.name for file in resources.files("cc_otel.graph.queries").iterdir())
    return tuple(sorted(name.removesuffix(f".{language}") for name in files if name.endswith(f".{language}")))


@cache
def text(name: str, language: Language) -> str:
    """
    Return the query's text.

    Raises:
        UnknownQuery: no query has that name.

    """
    known = names(language)
    if name not in known:
        raise UnknownQuery(f"no query is called {name!r}; there are {', '.join(known)}")
    return resources.files("cc_otel.graph.queries").joinpath(f"{name}.{language}").read_text(encoding="utf-8")


@cache
def named(name: str) -> NamedQuery:
    """
    Return what the query's header says.

    Raises:
        UnknownQuery: no query has that name.
        ValueError: the header lacks something.

    """
    header = _HEADER.match(text(name, "sql"))
    lines = re.sub(r"^-- ?", "", header[0] if header else "", flags=re.MULTILINE)
    columns, used_by = _COLUMNS.search(lines), _USED_BY.search(lines)
    if columns is None or used_by is None:
        raise ValueError(f"the header of {name}.sql does not tell its columns and what it is used by")
    found = map(_PARAMETER.fullmatch, lines.splitlines())
    return NamedQuery(
        name,
        lines.partition("\n\n")[0].replace("\n", " "),
        used_by[1],
        tuple(Parameter(*line.groups()) for line in found if line),
        tuple(re.findall(r"[a-z_]+", columns[1])),
    )


@cache
def parameters(name: str, language: Language) -> frozenset[str]:
    """Return the names of the parameters that a query's statement has a place for."""
    statement = "\n".join(line for line in text(name, language).splitlines() if not line.startswith(("--", "//")))
    return frozenset(_PLACEHOLDER.findall(statement))


def bindings(query: Query, language: Language) -> Mapping[str, Scalar]:
    """
    Return every parameter of the query with its value, null where none is given.

    Raises:
        UnknownQuery: no query has that name.
        ValueError: the query takes no such parameter.

    """
    known = parameters(query.name, language)
    if unknown := sorted(query.parameters.keys() - known):
        raise ValueError(f"query {query.name} takes {', '.join(sorted(known))}, not {', '.join(unknown)}")
    return {name: query.parameters.get(name) for name in known}
