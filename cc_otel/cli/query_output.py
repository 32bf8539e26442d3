"""What a question's rows are printed as: a table, JSON, CSV, Mermaid or GraphML."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import click

from cc_otel.cli.common import print_json, say
from cc_otel.cli.table import Column, Row, cell, dollars, duration, moment, print_rows
from cc_otel.graph.queries.catalogue import NamedQuery
from cc_otel.text import line

FORMATS: Final = ("json", "csv", "mermaid", "graphml")

COUNTED_MAX: Final = 1_000
"""How many rows beyond those that are shown are counted."""

_MOMENTS: Final = frozenset("start_ms end_ms first_ms last_ms active_ms at_ms fixed_ms".split())
_IDS: Final = frozenset(("trace_id", "span_id", "parent_id", "source", "target"))
_CUT_AT_START: Final = frozenset(("path", "folder", "directory", "repository"))
_NEEDED: Final = 3
"""The first columns of a table are never left out."""

_LABEL_CHARS: Final = 60


def format_options(query: NamedQuery | None = None) -> Callable[[Any], Any]:
    """Return the options that choose a format; those of graphs only where rows can be drawn."""
    names = FORMATS if query is None or query.has_edges else FORMATS[:2]

    def decorate(command: Any) -> Any:
        for name in reversed(names):
            command = click.option(f"--{name}", "form", flag_value=name, help=_HELP[name])(command)
        return command

    return decorate


_HELP: Final = {
    "json": "Print JSON, for programs.",
    "csv": "Print CSV, for a spreadsheet.",
    "mermaid": "Print a Mermaid flowchart, for Markdown.",
    "graphml": "Print GraphML, for programs that draw graphs.",
}


def print_for_programs(rows: Sequence[Row], form: str, columns: Sequence[str] = ()) -> None:
    """Print rows in one of the `FORMATS`; their columns are those of the first row where none are named."""
    if form == "json":
        for row in rows:
            print_json(row)
    elif form == "csv":
        print_csv(columns or [*rows[0]] if rows else columns, rows)
    else:
        click.echo("\n".join(drawn(rows, form)))


def print_table(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    """Print rows as a table."""
    print_rows(rows, as_json=False, shown=rows, columns=columns)


def columns_of(query: NamedQuery, rows: Sequence[Row], *, ids: bool) -> Sequence[Column]:
    """Return the columns of a table: those that say something of a row, but the ids of spans only if asked for."""
    of_spans = {"trace_id", "span_id"} <= {*query.columns}
    hidden = _IDS if of_spans else _IDS - {"trace_id"}
    if not of_spans and "source" in query.columns:
        hidden = frozenset(("parent_id",))
    said = [name for name in query.columns if any(row.get(name) not in (None, "", []) for row in rows)]
    found = [Column("key")] if ids and of_spans else []
    for place, name in enumerate(it for it in said if it not in hidden):
        cut = "start" if name in _CUT_AT_START else "" if name.endswith(("_ms", "_usd")) else "end"
        found.append(Column(name.removesuffix("_ms"), cut, place if place >= _NEEDED else 0))
    return found


def for_people(row: Row) -> dict[str, Any]:
    """Return a row with times, durations, money and lists as people read them, under names without a unit."""
    shown = {name.removesuffix("_ms"): _shown(name, value) for name, value in row.items()}
    return {**shown, "key": f"{row.get('trace_id')}-{row.get('span_id')}"}


def _shown(name: str, value: Any) -> Any:
    match value:
        case list():
            return ", ".join(map(cell, value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case bool():
            return "yes" if value else ""
        case int() | float() if name in _MOMENTS:
            return moment(value)
        case int() | float() if name.endswith("_ms"):
            return duration(value)
        case int() | float() if name.endswith("_usd"):
            return dollars(value)
        case _:
            return value


def say_if_cut(shown: int, found: int) -> None:
    """Print as a table's last line of how many rows it shows some."""
    if found > shown:
        of = f"more than {shown + COUNTED_MAX - 1:,}" if found >= shown + COUNTED_MAX else f"{found:,}"
        say(f"{shown:,} of {of}: --limit shows more.")


def print_csv(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print rows as CSV (RFC 4180, lines end with a line feed), in which nothing acts on a terminal."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_field(row.get(name)) for name in columns] for row in rows])
    click.echo(written.getvalue(), nl=False)


def _field(value: Any) -> Any:
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return line(value) if isinstance(value, str) else value


Ends = tuple[dict[str, str], list[tuple[str, str, str]]]
"""Labels of vertices by their names, and edges: from, to, what is said of them."""


def ends(rows: Iterable[Row]) -> Ends:
    """Return the graph that rows say: edges where they have two ends, else spans below their parents."""
    labels: dict[str, str] = {}
    edges = []
    for row in rows:
        if "source" in row:
            source, target = str(row["source"]), str(row["target"])
            labels.setdefault(source, str(row.get("source_label") or source))
            labels.setdefault(target, str(row.get("target_label") or target))
            edges.append((source, target, cell(_first(row, ("label", "rule", "count")))))
        else:
            labels[str(row["span_id"])] = str(row.get("label") or row.get("name") or row["span_id"])
            if row["parent_id"]:
                edges.append((str(row["parent_id"]), str(row["span_id"]), ""))
    # A parent that is not among the rows is no vertex of this graph.
    return labels, [edge for edge in edges if edge[0] in labels]


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def drawn(rows: Iterable[Row], form: str) -> Iterator[str]:
    """Return the lines of a drawing."""
    labels, edges = ends(rows)
    yield from (_mermaid if form == "mermaid" else _graphml)(labels, edges)


def _mermaid(labels: Mapping[str, str], edges: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    names = {vertex: f"n{number}" for number, vertex in enumerate(labels)}
    yield "flowchart LR"
    yield from (f'  {names[vertex]}["{_quoted(label)}"]' for vertex, label in labels.items())
    for source, target, label in edges:
        said = f'|"{_quoted(label)}"|' if label else ""
        yield f"  {names[source]} -->{said} {names[target]}"


def _quoted(text: str) -> str:
    """Return a text as Mermaid shows it between quotes: its own signs and HTML's as entities, of one line, cut."""
    shown = line(text)
    shown = shown if len(shown) <= _LABEL_CHARS else f"{shown[: _LABEL_CHARS - 1]}…"
    return "".join(f"#{ord(sign)};" if sign in '"#&<>`[]{}|\\' else sign for sign in shown) or " "


def _graphml(labels: Mapping[str, str], edges: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    yield '  <key id="label" for="all" attr.name="label" attr.type="string"/>'
    yield '  <graph edgedefault="directed">'
    for vertex, label in labels.items():
        yield f"    <node id={quoteattr(line(vertex))}>{_data(label)}</node>"
    for source, target, label in edges:
        yield f"    <edge source={quoteattr(line(source))} target={quoteattr(line(target))}>{_data(label)}</edge>"
    yield "  </graph>"
    yield "</graphml>"


def _data(label: str) -> str:
    return f'<data key="label">{escape(line(label))}</data>' if label else ""
