"""What a question must answer: a graph small enough to count by hand, and the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from cc_otel.graph.mapping import mapping
from cc_otel.graph.store import Edge, GraphBatch, Json, Vertex
from cc_otel.span import Span

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True, slots=True)
class Graph:
    """Spans, and what no span says of itself: vertices and edges."""

    spans: Sequence[Span] = ()
    vertices: Sequence[Vertex] = ()
    edges: Sequence[Edge] = ()

    def batch(self) -> GraphBatch:
        """Return it as it is written."""
        mapped = mapping.of(list(self.spans))
        return GraphBatch((*mapped.vertices, *self.vertices), (*mapped.edges, *self.edges))


@dataclass(frozen=True, slots=True)
class Case:
    """
    The rows that a question answers on a graph.

    ``rows`` are what one knows of them: a row may have more columns. ``why`` says how they were counted.
    """

    why: str
    graph: Graph
    rows: Sequence[Mapping[str, Json]]
    asked: Mapping[str, str | int | float | None] = field(default_factory=dict)


def names() -> list[str]:
    """Return the questions that have cases."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def cases() -> list[tuple[str, Case]]:
    """Return every case, with the question's name: the ``CASES`` of each module of `cases`."""
    return [(name, case) for name in names() for case in import_module(f"tests.graph.cases.{name}").CASES]


def cut(rows: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Json]]) -> list[dict[str, Any]]:
    """Return rows with the columns that are known of each."""
    width = max(len(rows), len(known))
    wanted = [*known, *({} for _ in range(width - len(known)))]
    return [{name: row.get(name) for name in wanted[at] or row} for at, row in enumerate(rows)]
