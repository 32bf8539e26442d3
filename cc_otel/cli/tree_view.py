"""A trace on the terminal: a tree of spans with what they did, how long it took and how it ended."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

Row = Mapping[str, Any]

INSTANT_MS: Final = 0.01
"""What takes less happened at one moment."""

_STYLES: Final = {"turn": "bold", "session": "bold cyan", "subagent": "magenta", "chat": "blue", "tool": "default"}


def trees(rows: Iterable[Row], *, everything: bool, ids: bool = False) -> "list[Tree]":
    """Draw the traces that these rows of the ``tree`` query make up, roots in the order they began."""
    from rich.tree import Tree

    listed = sorted(rows, key=lambda row: (row["start_ms"], row["span_id"]))
    known = {row["span_id"] for row in listed}
    children: dict[str | None, list[Row]] = defaultdict(list)
    for row in listed:
        children[row["parent_id"] if row["parent_id"] in known else None].append(row)

    def grow(branch: Tree, row: Row) -> None:
        quiet = 0
        for child in children[row["span_id"]]:
            if not everything and is_quiet(child) and not children[child["span_id"]]:
                quiet += 1
            else:
                grow(branch.add(describe(child, with_id=ids)), child)
        if quiet and not children_shown(row):
            branch.add(f"[dim]{quiet} hook event{'s' if quiet > 1 else ''}[/dim]")

    def children_shown(row: Row) -> bool:
        # Beside real children a count of instants says nothing.
        return any(not is_quiet(child) for child in children[row["span_id"]]) or row["kind"] == "tool"

    drawn = []
    for root in children[None]:
        tree = Tree(describe(root, with_time=True, with_id=ids))
        grow(tree, root)
        drawn.append(tree)
    return drawn


def is_quiet(row: Row) -> bool:
    """Whether it is an instant beside the span it belongs to: told as one of a count, unless all are asked for."""
    return bool(row["kind"] == "hook" and row["duration_ms"] < INSTANT_MS)


def describe(row: Row, *, with_time: bool = False, with_id: bool = False) -> "Text":
    """Give a span as one line: name, how long, how it ended, and its sentence."""
    from rich.text import Text

    failed = row["status"] == "ERROR"
    line = Text(no_wrap=True, overflow="ellipsis")
    if with_id:
        line.append(f"{row['trace_id']}-{row['span_id']}  ", "dim")
    if with_time:
        line.append(time.strftime("%H:%M:%S  ", time.localtime(row["start_ms"] / 1000)), "dim")
    line.append(printable(row["name"]), "bold red" if failed else _STYLES.get(row["kind"], "dim"))
    if row.get("open"):
        line.append(f"  {duration(row['duration_ms'])} so far", "yellow")
    elif row["duration_ms"] >= INSTANT_MS:
        line.append(f"  {duration(row['duration_ms'])}", "green")
    if failed:
        line.append(f"  {printable(row['error_type'] or 'error')}", "red")
    if row["label"] and row["label"] != row["name"]:
        line.append(f"  {printable(row['label'])}", "italic")
    return line


def whole(row: Row) -> "Iterator[Text]":
    """Give a row of the ``span`` query as lines: the span itself, what it is part of, and all that it says."""
    from rich.text import Text

    yield describe(row, with_time=True)
    asked_by = row["asked_by"] and f"{row['trace_id']}-{row['asked_by']}"
    parent = row["parent_id"] and f"{row['trace_id']}-{row['parent_id']}"
    links = {
        f"link {link['attributes'].get('cc_otel_link', '')}".strip(): f"{link['trace_id']}-{link['span_id']}"
        for link in row["links"] or ()
    }
    about = {"parent": parent, "asked by": asked_by, "status message": row["status_message"], **links}
    for name, value in (*about.items(), *sorted(row["attributes"].items())):
        if value is not None:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            # A value is shown with its own lines; nothing in them may act on the terminal.
            lines = [printable(part) for part in shown.splitlines()] or [""]
            yield Text.assemble((printable(name), "cyan"), "  ", "\n    ".join(lines))


def duration(ms: float) -> str:
    """Give a duration in the unit a person would use."""
    if ms < 1000:
        return f"{ms:.0f} ms" if ms >= 1 else f"{ms:.2f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def printable(text: str) -> str:
    """Give a text without anything that a terminal would act on: spans hold what others wrote."""
    return "".join(character if character.isprintable() else " " for character in text)
