"""A trace on the terminal: a tree of spans with what they did, how long it took and how it ended."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cc_otel.cli.table import clock, duration
from cc_otel.text import line
from cc_otel.view.trees import Forest, TreeSpan, forest

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

INSTANT_MS: Final = 0.01
"""What takes less happened at one moment."""

LEVELS_MAX: Final = 24
"""How deep lines are indented. Deeper spans are listed with their level: indented, nothing of them would fit."""

_STYLES: Final = {"turn": "bold", "session": "bold cyan", "subagent": "magenta", "chat": "blue", "tool": "default"}


def trees(spans: Iterable[TreeSpan], *, everything: bool, ids: bool = False) -> "list[Tree]":
    """Return the traces that these spans make up, roots in the order they began."""
    from rich.tree import Tree

    grown = forest(spans)
    drawn = []
    for root in grown.roots:
        tree = Tree(describe(root, with_time=True, with_id=ids))
        _grow(tree, root, grown, everything=everything, ids=ids)
        drawn.append(tree)
    return drawn


def _grow(tree: "Tree", root: TreeSpan, grown: Forest, *, everything: bool, ids: bool) -> None:
    """Draw all below a root, line by line: a trace may be deeper than Python's own calls may be."""
    from rich.text import Text

    todo = list(_below(tree, root, grown, 1, everything=everything))[::-1]
    while todo:
        branch, level, item = todo.pop()
        if isinstance(item, str):
            branch.add(Text(item, "dim"))
            continue
        shown = describe(item, with_id=ids)
        if level <= LEVELS_MAX:
            below = branch.add(shown)
        else:
            below = branch
            branch.add(Text.assemble((f"level {level}  ", "dim"), shown, no_wrap=True, overflow="ellipsis"))
        todo += list(_below(below, item, grown, level + 1, everything=everything))[::-1]


def _below(
    branch: "Tree", span: TreeSpan, grown: Forest, level: int, *, everything: bool
) -> "Iterator[tuple[Tree, int, TreeSpan | str]]":
    """Return what is drawn below a span: its children, and the number of quiet ones where no other child is shown."""
    below = grown.below(span)
    quiet = [it for it in below if not everything and is_quiet(it) and not grown.below(it)]
    hidden = {it.key for it in quiet}
    yield from ((branch, level, child) for child in below if child.key not in hidden)
    # Beside real children a count of instants says nothing.
    if quiet and span.kind != "tool" and all(is_quiet(child) for child in below):
        yield branch, level, f"{len(quiet)} hook event{'s' if len(quiet) > 1 else ''}"


def is_quiet(span: TreeSpan) -> bool:
    """Whether it is an instant beside the span it belongs to: counted, unless all are asked for."""
    return span.kind == "hook" and span.duration_ms < INSTANT_MS


def describe(span: TreeSpan, *, with_time: bool = False, with_id: bool = False) -> "Text":
    """Return a span as one line: name, how long, how it ended, and its sentence."""
    from rich.text import Text

    failed = span.status == "ERROR"
    shown = Text(no_wrap=True, overflow="ellipsis")
    if with_id:
        shown.append(line(f"{span.trace_id}-{span.span_id}  "), "dim")
    if with_time:
        shown.append(f"{clock(span.start_ms)}  ", "dim")
    shown.append(line(span.name), "bold red" if failed else _STYLES.get(span.kind, "dim"))
    if span.open:
        shown.append(f"  {duration(span.duration_ms)} so far{', place undecided' * span.undecided}", "yellow")
    elif span.duration_ms >= INSTANT_MS:
        shown.append(f"  {duration(span.duration_ms)}", "green")
    if failed:
        shown.append(f"  {line(span.error_type or 'error')}", "red")
    if span.label and span.label != span.name:
        shown.append(f"  {line(span.label)}", "italic")
    return shown


def whole(row: Mapping[str, Any]) -> "Iterator[Text]":
    """Return a row of the ``span`` query as lines: the span itself, what it is part of, and all its attributes."""
    from rich.text import Text

    yield describe(TreeSpan.of({"depth": None, **row}), with_time=True)
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
            lines = [line(part) for part in shown.splitlines()] or [""]
            yield Text.assemble((line(name), "cyan"), "  ", "\n    ".join(lines))
