"""docs/graph.md tells of the graph as it is: its collections, fields, queries and their columns."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

from cc_otel.graph import mapping
from cc_otel.graph.arango.schema import KNOWN
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite import SqliteStore
from cc_otel.graph.store import Query
from cc_otel.span import Link, SpanEvent
from tests.graph.made import TRACE_A2, span_id, tool, two_sessions

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "graph.md").read_text("utf-8")
SECTIONS: Final = dict(re.findall(r"^##+ (.+)\n((?:(?!##).*\n)*)", DOCUMENT, re.MULTILINE))
PARAMETERS: Final = {"trace_id": TRACE_A2, "span_id": span_id(8), "session_id": "session-a"}


def table(section: str) -> Iterator[tuple[list[str], list[str]]]:
    """Answer the rows of a section's tables: what is named in the first cell, and in the second."""
    for cells in re.findall(r"^\| (`.+?) \| (.+?) \|", SECTIONS[section], re.MULTILINE):
        first, second = (re.findall(r"`([^`]+)`", cell) for cell in cells)
        yield first, second


def columns() -> dict[str, list[str]]:
    """Answer the columns of each query; those that are told as additions to another's come after that's."""
    told = {name: names for queries, names in table("Columns") for name in queries}
    told["span"] = [*told["spans"], *told["span"][1:]]
    return told


def test_every_collection_is_told_of() -> None:
    """The tables of vertices and edges hold each collection, and no other."""
    told = chain.from_iterable(first for section in ("Vertices", "Edges") for first, _ in table(section))

    assert set(told) == KNOWN


def test_every_field_of_a_span_is_told_of() -> None:
    """The tables of fields hold each field that a span's document can have, and no other."""
    failed = tool(1, "Bash", '{"command": "ls"}', "Listed", error="exit_1", links=(Link(TRACE_A2, span_id(7)),))
    full = replace(failed, status_message="no such file", events=(SpanEvent("output", 1),))
    [document] = [
        vertex.document
        for vertex in mapping.of([full], retention_days=1).vertices
        if vertex.collection == mapping.SPANS
    ]

    assert set(chain.from_iterable(first for first, _ in table("Fields of spans"))) == document.keys()


def test_every_query_is_told_of_with_what_it_takes() -> None:
    """The table of queries holds each query with its parameters."""
    assert {first[0]: set(second) for first, second in table("Named queries")} == {
        name: catalogue.parameters(name, "sql") for name in catalogue.names("sql")
    }


@pytest.mark.parametrize("name", catalogue.names("sql"))
def test_the_columns_of_a_query_are_those_told_of(tmp_path: Path, name: str) -> None:
    """A query's rows have the columns that the document says, in that order."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of(two_sessions()))
    asked = {key: value for key, value in PARAMETERS.items() if key in catalogue.parameters(name, "sql")}
    row = next(store.query(Query(name, {} if name in {"spans", "files"} else asked)))
    store.close()

    assert columns()[name] == list(row)
