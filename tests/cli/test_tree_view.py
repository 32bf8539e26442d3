"""The tree on the terminal, for traces deeper than any that a person makes."""

import io
import re
import time
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from cc_otel.cli.tree_view import LEVELS_MAX, Look, trees
from cc_otel.view.tree_amounts import Amounts
from cc_otel.view.trees import TreeSpan
from tests.view.made import tree_span


def test_a_tree_of_many_levels() -> None:
    """A tree of any depth is drawn, each span on a line of its own that can be read: the deep ones with their level."""
    terminal = Console(file=io.StringIO(), width=160, highlight=False)
    for tree in trees([tree_span(number, number - 1 if number else None) for number in range(2000)], Look()):
        terminal.print(tree)
    lines = terminal.file.getvalue().splitlines()  # type: ignore[attr-defined]

    told = [line.lstrip("│├└─ ") for line in lines]
    began = time.strftime("%H:%M:%S", time.localtime(0))
    assert [line.rstrip() for line in told] == [f"{began}  0  5 ms"] + [
        f"{f'level {number}  ' if number > LEVELS_MAX else ''}{number}  5 ms" for number in range(1, 2000)
    ]


def drawn(spans: list[TreeSpan], width: int = 80, **look: Any) -> list[str]:
    """Return the lines of a tree in a terminal of this width."""
    terminal = Console(file=io.StringIO(), width=width, highlight=False)
    for tree in trees(spans, Look(**look)):
        terminal.print(tree)
    return [it.rstrip() for it in terminal.file.getvalue().splitlines()]  # type: ignore[attr-defined]


SESSION = [
    tree_span(0, kind="turn", name="invoke_agent claude-code", label="Mend the tests"),
    tree_span(1, 0, name="chat m", kind="chat", label="Said: a", input_tokens=1200, output_tokens=34, cost_usd=0.5),
    tree_span(2, 0, name="execute_tool Bash", tool="Bash", label="Asked to run rm", outcome="refused", wait_ms=1500.0),
    tree_span(3, 0, name="execute_tool Agent", tool="Agent", label="Asked an agent"),
    tree_span(4, 3, name="invoke_agent Explore", kind="subagent", label="Agent looked", status="ERROR"),
    tree_span(5, 4, name="execute_tool Read", tool="Read", label="Read a.txt"),
    tree_span(6, 4, name="hook Stop", kind="hook", duration_ms=0.001),
    tree_span(7, 0, name="hook PermissionRequest", kind="hook", open=True, label="Asked to run ls"),
]
AMOUNTS = {("t", "s0"): Amounts(1200, 34, 0.5, 2, 1, 1505.0)}


def test_a_tree_in_words() -> None:
    """A line says what a span is, how long, what it took, how it ended; waits and refused calls stand in it."""
    lines = drawn(SESSION, 120, amounts=AMOUNTS)

    assert [lines[0].split(None, 1)[1], *lines[1:]] == [
        "turn  5 ms  1,200→34 tokens  $0.5000  1 without a price  waited 1.5 s  Mend the tests",
        "├── model m  5 ms  1,200→34 tokens  $0.5000  Said: a",
        "├── Bash  5 ms  waited 1.5 s  refused  Asked to run rm",
        "├── Agent  5 ms  Asked an agent",
        "│   └── agent Explore  5 ms  error  Agent looked",
        "│       └── Read  5 ms  Read a.txt",
        "└── hook PermissionRequest  waiting for you, 5 ms so far  Asked to run ls",
    ]


def test_a_depth_counts_what_it_hides() -> None:
    """What is deeper than asked for is counted; a clock stands on every line where it is asked for."""
    lines = drawn(SESSION, 120, depth=1, clocks=True)

    assert [re.sub(r"\d\d:\d\d:\d\d", "TIME", it) for it in lines][3:6] == [
        "├── TIME  Agent  5 ms  Asked an agent",
        "│   └── … 2 below",
        "└── TIME  hook PermissionRequest  waiting for you, 5 ms so far  Asked to run ls",
    ]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_numbers_are_whole(width: int) -> None:
    """However long and wide a sentence is, a line fits and loses no number."""
    long = "漢字を書く 🎉 " * 60 + "\x1b[2J"
    amounts = {("t", "s0"): Amounts(1_234_567, 89_012, 123.4567, 9, 0, 65_000.0)}
    [line] = drawn([tree_span(0, kind="turn", label=long, duration_ms=3_725_000.0)], width, amounts=amounts)

    assert "turn  1 h 02 min  1.2M→89k tokens  $123.4567  waited 1 min 05 s" in line
    assert (cell_len(line) <= width, line.isprintable()) == (True, True)
