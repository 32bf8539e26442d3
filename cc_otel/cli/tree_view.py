"""A trace on the terminal: a tree of spans with what they did, how long it took and how it ended."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cc_otel.cli.table import amounts, clock, counted, duration
from cc_otel.text import line
from cc_otel.view.tree_amounts import NOTHING, Amounts
from cc_otel.view.tree_parts import is_failure
from cc_otel.view.trees import Forest, TreeSpan, forest

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

INSTANT_MS: Final = 0.01
"""What takes less happened at one moment."""

LEVELS_MAX: Final = 24
"""How deep lines are indented. Deeper spans are listed with their level: indented, nothing of them would fit."""

_STYLES: Final = {"turn": "bold", "session": "bold cyan", "subagent": "magenta", "chat": "blue", "tool": "default"}

WAIT_MS_MIN: Final = 1.0
"""A shorter wait was none."""


@dataclass(frozen=True, slots=True)
class Look:
    """
    How a tree is drawn.

    ``everything``: also hook events without news; ``ids``: the name of each span; ``clocks``: when each began;
    ``depth``: so many levels below the roots, the rest counted. ``amounts`` is what turns and agents took, by their
    keys.
    """

    everything: bool = False
    ids: bool = False
    clocks: bool = False
    depth: int | None = None
    amounts: Mapping[tuple[str, str], Amounts] = field(default_factory=dict)


PLAIN: Final = Look()


def trees(spans: Iterable[TreeSpan], look: Look) -> "list[Tree]":
    """Return the traces that these spans make up, roots in the order they began."""
    from rich.tree import Tree

    grown = forest(spans)
    drawn = []
    for root in grown.roots:
        tree = Tree(describe(root, look, with_time=True))
        _grow(tree, root, grown, look)
        drawn.append(tree)
    return drawn


def _grow(tree: "Tree", root: TreeSpan, grown: Forest, look: Look) -> None:
    """Draw all below a root, line by line: a trace may be deeper than Python's own calls may be."""
    from rich.text import Text

    todo = [(tree, 1, item) for item in shown_below(root, grown, look, 0)][::-1]
    while todo:
        branch, level, item = todo.pop()
        if isinstance(item, str):
            branch.add(Text(item, "dim"))
            continue
        shown = describe(item, look, with_time=look.clocks)
        if level <= LEVELS_MAX:
            below = branch.add(shown)
        else:
            below = branch
            branch.add(Text.assemble((f"level {level}  ", "dim"), shown, no_wrap=True, overflow="ellipsis"))
        todo += [(below, level + 1, it) for it in shown_below(item, grown, look, level)][::-1]


def shown_below(span: TreeSpan, grown: Forest, look: Look, level: int) -> "list[TreeSpan | str]":
    """Return what is drawn below a span: its children, and in words how many others there are."""
    below = grown.below(span)
    quiet = [it for it in below if not look.everything and is_quiet(it) and not grown.below(it)]
    hidden = {it.key for it in quiet}
    shown = [child for child in below if child.key not in hidden]
    if shown and look.depth is not None and level >= look.depth:
        return [f"… {_number_below(span, grown, look):,} below"]
    # Beside real children a count of instants says nothing.
    if quiet and span.kind != "tool" and all(is_quiet(child) for child in below):
        return [*shown, counted(len(quiet), "hook event")]
    return [*shown]


def _number_below(span: TreeSpan, grown: Forest, look: Look) -> int:
    number, todo = 0, [*grown.below(span)]
    while todo:
        it = todo.pop()
        number += look.everything or not is_quiet(it)
        todo += grown.below(it)
    return number


def is_quiet(span: TreeSpan) -> bool:
    """Whether it is an instant beside the span it belongs to: counted, unless all are asked for."""
    return span.kind == "hook" and span.duration_ms < INSTANT_MS


def title(span: TreeSpan) -> str:
    """Return what a span is, in a word or two: the tool, the agent, the model, or that it is a turn."""
    # The names of the conventions begin with the operation: `execute_tool Bash`, `chat claude-opus-5-5`.
    name = line(span.name)
    what = name.partition(" ")[2] or name
    match span.kind:
        case "turn":
            return "turn"
        case "subagent":
            return f"agent {what}"
        case "chat":
            return f"model {what}"
        case "tool":
            return line(span.tool or what)
        case _:
            return name


def details(span: TreeSpan, took: Amounts) -> list[str]:
    """Return what a span took, in words: tokens and dollars, and the waits of turns, agents and calls."""
    found = amounts(span.input_tokens, span.output_tokens, span.cost_usd)
    if span.kind in {"turn", "subagent"} and took.calls:
        found = amounts(took.input_tokens or None, took.output_tokens or None, took.cost_usd)
        if took.unpriced_calls:
            found.append(f"{took.unpriced_calls:,} without a price")
    waited_ms = took.wait_ms if span.kind in {"turn", "subagent"} else (span.wait_ms or 0.0)
    if waited_ms >= WAIT_MS_MIN:
        found.append(f"waited {duration(waited_ms)}")
    return found


def describe(span: TreeSpan, look: Look = PLAIN, *, with_time: bool = False) -> "Text":
    """Return a span as one line: what it is, how long, what it took, how it ended, and its sentence."""
    from rich.text import Text

    failed = is_failure(span)
    shown = Text(no_wrap=True, overflow="ellipsis")
    if look.ids:
        shown.append(line(f"{span.trace_id}-{span.span_id}  "), "dim")
    if with_time:
        shown.append(f"{clock(span.start_ms)}  ", "dim")
    shown.append(title(span), "bold red" if failed else _STYLES.get(span.kind, "dim"))
    if span.open and span.kind == "hook":
        shown.append(f"  waiting for you, {duration(span.duration_ms)} so far", "bold yellow")
    elif span.open:
        shown.append(f"  {duration(span.duration_ms)} so far{', place undecided' * span.undecided}", "yellow")
    elif span.duration_ms >= INSTANT_MS:
        shown.append(f"  {duration(span.duration_ms)}", "green")
    for detail in details(span, look.amounts.get(span.key, NOTHING)):
        shown.append(f"  {detail}", "dim")
    if failed:
        shown.append(f"  {failure(span)}", "red")
    if span.label and span.label != span.name:
        shown.append(f"  {line(span.label)}", "italic")
    return shown


def failure(span: TreeSpan) -> str:
    """Return how a span failed, in a word."""
    outcome = span.outcome if span.outcome in {"refused", "denied", "interrupted"} else None
    return line(outcome or span.error_type or span.outcome or "error")


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
