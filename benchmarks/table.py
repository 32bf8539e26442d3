"""What every benchmark returns: rows of one table."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """
    One figure: ``measured`` in ``unit``, beside a ``reference`` in the same unit taken in the same run.

    ``budget`` is the promise in words, ``met`` whether it held; both are missing where nothing is promised.
    """

    what: str
    measured: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    budget: str = ""
    met: bool | None = None


def show(rows: Sequence[Row], title: str) -> None:
    """Print the rows as a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for heading in ("measured", "reference", "ratio", "budget"):
        table.add_column(heading, justify="right")
    table.add_column("met")
    for row in rows:
        table.add_row(
            row.what,
            f"{row.measured:,.2f} {row.unit}",
            "" if row.reference is None else f"{row.reference:,.2f} {row.unit}",
            "" if row.ratio is None else f"{row.ratio:.2f} x",
            row.budget,
            {None: "", True: "yes", False: "[bold red]NO[/]"}[row.met],
        )
    console = Console()
    # Where there is no terminal to fit into, a table is for reading and copying.
    (console if console.is_terminal else Console(width=120)).print(table)
