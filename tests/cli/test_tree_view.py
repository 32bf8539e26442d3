"""The tree on the terminal, for traces deeper than any that a person makes."""

import io
import time
from typing import Any

from rich.console import Console

from cc_otel.cli.tree_view import LEVELS_MAX, trees


def row(number: int) -> dict[str, Any]:
    """Give a span below the one with the number before."""
    return {
        "trace_id": "t",
        "span_id": f"s{number}",
        "parent_id": f"s{number - 1}" if number else None,
        "kind": "tool",
        "name": f"span {number}",
        "label": "",
        "status": "UNSET",
        "error_type": None,
        "start_ms": float(number),
        "duration_ms": 5.0,
    }


def test_a_tree_of_many_levels() -> None:
    """A tree of any depth is drawn, each span on a line of its own that can be read: the deep ones with their level."""
    terminal = Console(file=io.StringIO(), width=160, highlight=False)
    for tree in trees([row(number) for number in range(2000)], everything=True):
        terminal.print(tree)
    lines = terminal.file.getvalue().splitlines()  # type: ignore[attr-defined]

    told = [line.lstrip("│├└─ ") for line in lines]
    began = time.strftime("%H:%M:%S", time.localtime(0))
    assert [f"{began}  span 0  5 ms"] + [
        f"{f'level {number}  ' if number > LEVELS_MAX else ''}span {number}  5 ms" for number in range(1, 2000)
    ] == [line.rstrip() for line in told]
