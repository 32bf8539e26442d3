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

LEVELS_MAX: Final = 24
"""How deep lines are indented; what is deeper stands there with its level, or nothing of it would fit."""

_STYLES: Final = {"turn": "bold", "session": "bold cyan", "subagent": "magenta", "chat": "blue", "tool": "default"}


def trees(rows: Iterable[Row], *, everything: bool, ids: bool = False) -> "list[Tree]":
    """Draw the traces that these rows of the ``tree`` query make up, roots in the order they began."""
    from rich.tree import Tree

    listed = sorted(rows, key=lambda row: (row["start_ms"], row["span_id"]))
    known = {row["span_id"] for row in listed}
    children: dict[str | None, list[Row]] = defaultdict(list)
    for row in listed:
        children[row["parent_id"] if row["parent_id"] in known else None].append(row)

    drawn = []
    for root in children[None]:
        tree = Tree(describe(root, with_time=True, with_id=ids))
        _grow(tree, root, children, everything=everything, ids=ids)
        drawn.append(tree)
    return drawn


def _grow(tree: "Tree", root: Row, children: Mapping[str | None, list[Row]], *, everything: bool, ids: bool) -> None:
    """Draw all below a root, in the order of the lines: a trace may be deeper than Python's own calls may be."""
    from rich.text import Text

    todo = list(_below(tree, root, children, 1, everything=everything))[::-1]
    while todo:
        branch, level, line = todo.pop()
        if isinstance(line, str):
            branch.add(line)
            continue
        shown = describe(line, with_id=ids)
        if level <= LEVELS_MAX:
            below = branch.add(shown)
        else:
            below = branch
            branch.add(Text.assemble((f"level {level}  ", "dim"), shown, no_wrap=True, overflow="ellipsis"))
        todo += list(_below(below, line, children, level + 1, everything=everything))[::-1]


def _below(
    branch: "Tree", row: Row, children: Mapping[str | None, list[Row]], level: int, *, everything: bool
) -> "Iterator[tuple[Tree, int, Row | str]]":
    """Give what stands below a span: its children, and how many are quiet where nothing else tells of them."""
    below = children.get(row["span_id"], [])
    quiet = [it for it in below if not everything and is_quiet(it) and not children.get(it["span_id"])]
    unsaid = {it["span_id"] for it in quiet}
    yield from ((branch, level, child) for child in below if child["span_id"] not in unsaid)
    # Beside real children a count of instants says nothing.
    if quiet and row["kind"] != "tool" and all(is_quiet(child) for child in below):
        yield branch, level, f"[dim]{len(quiet)} hook event{'s' if len(quiet) > 1 else ''}[/dim]"


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
