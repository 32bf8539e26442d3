"""The tree on the terminal, for traces deeper than any that a person makes."""

import io
import time

from rich.console import Console

from cc_otel.cli.tree_view import LEVELS_MAX, trees
from tests.view.made import tree_span


def test_a_tree_of_many_levels() -> None:
    """A tree of any depth is drawn, each span on a line of its own that can be read: the deep ones with their level."""
    terminal = Console(file=io.StringIO(), width=160, highlight=False)
    for tree in trees([tree_span(number, number - 1 if number else None) for number in range(2000)], everything=True):
        terminal.print(tree)
    lines = terminal.file.getvalue().splitlines()  # type: ignore[attr-defined]

    told = [line.lstrip("│├└─ ") for line in lines]
    began = time.strftime("%H:%M:%S", time.localtime(0))
    assert [line.rstrip() for line in told] == [f"{began}  span 0  5 ms"] + [
        f"{f'level {number}  ' if number > LEVELS_MAX else ''}span {number}  5 ms" for number in range(1, 2000)
    ]
