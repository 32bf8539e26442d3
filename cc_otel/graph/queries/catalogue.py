"""
The named queries.

What a query answers, takes and returns is told once, in the comment that its ``.sql`` begins with:

    -- One sentence: what it answers.
    --
    -- Used by: `cc-otel query NAME`, or what else asks it
    -- :parameter TYPE  what it selects; TYPE is text, integer or real
    -- :parameter text of this|that  one of these words
    -- :parameter integer = 50  what commands ask for where nobody says otherwise; null still asks for all
    -- :parameter text required  without this it answers nothing
    -- => column, column, …
    --
    -- Notes for whoever reads the statement.

The ``.aql`` of the same name answers alike in ArangoDB. The header is all that a command needs: names say what a value
is. ``session_id``, ``trace_id`` and ``span_id`` name things; ``…_ms`` is a time or a duration, ``…_usd`` dollars. Rows
with ``source`` and ``target`` are edges of a graph, rows with ``span_id``, ``parent_id`` and ``depth`` a tree.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

from cc_otel.graph.store import Query, UnknownQuery
from cc_otel.graph.words import asked

Scalar = str | int | float | None
Language = Literal["sql", "aql"]

_PLACEHOLDER: Final = re.compile(r"[:@]([a-z_]+)\b")
_HEADER: Final = re.compile(r"(?:--.*\n)+")
_PARAMETER: Final = re.compile(r":([a-z_]+) (text|integer|real)(?: of (\S+))?(?: = (\S+)|( required))?  (.+)")
_NUMBERS: Final[Mapping[str, Callable[[str], int | float]]] = {"integer": int, "real": float}
_COLUMNS: Final = re.compile(r"^=> ((?:.+\n)+?)(?:\n|\Z)", re.MULTILINE)
_USED_BY: Final = re.compile(r"^Used by: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    What a query can be restricted by; ``type`` is text, integer or real. Left out it is null.

    ``choices`` are all values it can have, where these are few; ``default`` is what a command asks for.
    """

    name: str
    type: str
    help: str
    choices: tuple[str, ...] = ()
    default: Scalar = None
    required: bool = False


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

    @property
    def has_edges(self) -> bool:
        """Whether its rows are edges, or spans with their parents: what can be drawn."""
        return {"source", "target"} <= {*self.columns} or {"span_id", "parent_id", "depth"} <= {*self.columns}


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
    return NamedQuery(
        name,
        lines.partition("\n\n")[0].replace("\n", " "),
        used_by[1],
        tuple(parameter(line) for line in lines.splitlines() if line.startswith(":")),
        tuple(re.findall(r"[a-z_]+", columns[1])),
    )


def parameter(line: str) -> Parameter:
    """
    Return the parameter that a line of a header describes.

    Raises:
        ValueError: the line cannot be read.

    """
    found = _PARAMETER.fullmatch(line)
    if found is None:
        raise ValueError(f"a parameter cannot be read in {line!r}")
    name, type_, choices, told, required, help_text = found.groups()
    default: Scalar = told if told is None or type_ == "text" else _NUMBERS[type_](told)
    return Parameter(name, type_, help_text, tuple(choices.split("|")) if choices else (), default, bool(required))


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
        ValueError: the query takes no such parameter, or cannot look for these words.

    """
    known = parameters(query.name, language)
    if unknown := sorted(query.parameters.keys() - known):
        raise ValueError(f"query {query.name} takes {', '.join(sorted(known))}, not {', '.join(unknown)}")
    if isinstance(looked_for := query.parameters.get("words"), str):
        asked(looked_for)
    return {name: query.parameters.get(name) for name in known}
