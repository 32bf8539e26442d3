"""docs/graph.md tells of the graph as it is: its collections and their fields."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from cc_otel.graph import model
from cc_otel.graph.mapping import mapping
from cc_otel.graph.model import COLLECTIONS
from cc_otel.span import AttributeValue, Link, SpanEvent
from tests.graph.made import TRACE_A2, span, span_id, tool

PATH: Final = Path(__file__).parents[2] / "docs" / "graph.md"
DOCUMENT: Final = PATH.read_text("utf-8")
SECTIONS: Final = dict(re.findall(r"^##+ (.+)\n((?:(?!##).*\n)*)", DOCUMENT, re.MULTILINE))


def table(section: str) -> Iterator[tuple[list[str], list[str]]]:
    """Return the rows of a section's tables: what is named in the first cell, and in the second."""
    for cells in re.findall(r"^\| (`.+?) \| (.+?) \|", SECTIONS[section], re.MULTILINE):
        first, second = (re.findall(r"`([^`]+)`", cell) for cell in cells)
        yield first, second


def test_every_collection_is_told_of() -> None:
    """The tables of vertices and edges hold each collection, and no other."""
    told = chain.from_iterable(first for section in ("Vertices", "Edges") for first, _ in table(section))

    assert set(told) == COLLECTIONS.keys()


def test_every_field_of_a_span_is_told_of() -> None:
    """The tables of fields hold each field that a span's document can have, and no other."""
    failed = tool(1, "Bash", '{"command": "ls"}', "Listed", error="exit_1", links=(Link(TRACE_A2, span_id(7)),))
    full = replace(
        failed,
        status_message="no such file",
        events=(SpanEvent("output", 1),),
        scope_version="1",
        scope_attributes={"a": 1},
        scope_schema_url="https://example.com/1",
        resource_schema_url="https://example.com/2",
        trace_state="a=b",
        flags=1,
        dropped_events=3,
    )
    usage: dict[str, AttributeValue] = {"llm.token_count.prompt": 1, "llm.token_count.completion": 1}
    usage |= {f"llm.token_count.prompt_details.cache_{kind}": 1 for kind in ("read", "write")}
    names: dict[str, AttributeValue] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m",
        "gen_ai.response.id": "r",
        "llm.cost.total": 0.5,
    }
    call = replace(span(2, attributes=names | usage), scope_name="openinference")
    facts: dict[str, AttributeValue] = {
        "cc_otel.tool.outcome": "failed",
        "cc_otel.tool.wait_ms": 1.0,
        "cc_otel.command.class": "test",
        "cc_otel.command.program": "pytest",
        "cc_otel.error.key": "e" * 16,
        "cc_otel.vcs.repository": "r",
        "cc_otel.agent.id": "a",
    }
    vertices = mapping.of([full, call, span(3, attributes=facts)], retention_days=1).vertices
    found = {name for vertex in vertices if vertex.collection == model.SPANS for name in vertex.document}

    assert set(chain.from_iterable(first for first, _ in table("Fields of spans"))) == found
