"""Rows on a terminal: a line each, with numbers and times whole, whatever the rows hold."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click
from rich.cells import cell_len, set_cell_size

from cc_otel.cli.common import console, print_json
from cc_otel.text import line

Row = Mapping[str, Any]

GAP: Final = "  "
CUT_CHARS_MIN: Final = 16
"""What may be cut keeps this much at least; before it gets less, a column is left out."""

_LARGE: Final = 1e15
"""From here on a number is shown by its size: all of its digits would fill the line."""

_HOURS_MAX: Final = 1e6
_CALENDAR_MS_MAX: Final = 2e14
"""Far from here no calendar goes: the year 8307."""


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of a table: the field it shows, and what becomes of it where a line has no room for all.

    ``cut`` says where its texts may be cut, at the ``end`` or, as paths, at the ``start``. Of columns with a number in
    ``spare`` the highest is left out first.
    """

    field: str
    cut: str = ""
    spare: int = 0

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.field.removesuffix("_id").replace("_", " ")


@dataclass(frozen=True, slots=True)
class _Filled:
    """A column with its cells, and how many characters wide it is."""

    column: Column
    cells: Sequence[str]
    is_number: bool
    width: int

    def cell(self, text: str) -> str:
        excess = cell_len(text) - self.width
        if excess > 0 and self.column.cut == "start":
            while cell_len(text) > self.width - 1:
                text = text[max(1, (cell_len(text) - self.width + 1) // 2) :]
            text = "…" + text
        elif excess > 0:
            text = set_cell_size(text, self.width - 1).rstrip() + "…"
        return " " * (self.width - cell_len(text)) + text if self.is_number else set_cell_size(text, self.width)


def print_rows(rows: Sequence[Row], *, as_json: bool, shown: Sequence[Row], columns: Sequence[Column]) -> None:
    """Print rows whole for programs; for people a table of these columns, of the rows as they are ``shown``."""
    if as_json:
        for row in rows:
            print_json(row)
    elif not rows:
        click.echo("Nothing found.")
    else:
        terminal = console()
        for text in table(shown, columns, terminal.width):
            terminal.print(text, markup=False, soft_wrap=True)


def table(rows: Sequence[Row], columns: Sequence[Column], width: int) -> list[str]:
    """Return the lines of a table, its titles first, in a width in characters."""
    fitted = _fitted([_filled(column, rows) for column in columns], width)
    lines = [GAP.join(it.cell(it.column.title) for it in fitted)]
    lines += [GAP.join(it.cell(it.cells[number]) for it in fitted) for number in range(len(rows))]
    return [text.rstrip() for text in lines]


def _filled(column: Column, rows: Sequence[Row]) -> _Filled:
    values = [row.get(column.field) for row in rows]
    cells = [line(cell(value)) for value in values]
    is_number = any(isinstance(value, int | float) for value in values)
    return _Filled(column, cells, is_number, max(map(cell_len, (column.title, *cells))))


def _fitted(filled: Sequence[_Filled], width: int) -> Sequence[_Filled]:
    """Return the columns as wide as a line has room for; the least needed are left out before others are cut short."""
    cuttable = [it for it in filled if it.column.cut]
    excess = sum(it.width for it in filled) + len(GAP) * (len(filled) - 1) - width
    if excess <= 0:
        return filled
    room = sum(max(it.width - CUT_CHARS_MIN, 0) for it in cuttable)
    if room < excess and (spare := max(filled, key=lambda it: it.column.spare)).column.spare:
        return _fitted([it for it in filled if it is not spare], width)
    # The widest gives first.
    widths = {it.column: it.width for it in filled}
    while excess > 0 and cuttable:
        widest = max((it.column for it in cuttable), key=widths.__getitem__)
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
        excess -= 1
    return [replace(it, width=widths[it.column]) for it in filled]


def say_how_many(shown: int, total: int, what: str) -> None:
    """Print as a table's last line how many rows it has, and of how many; nothing below an empty one."""
    if shown:
        click.echo(
            counted(total, what) if shown == total else f"{shown} of {counted(total, what)}: --limit shows more."
        )


def counted(number: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def cell(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    return number(value) if isinstance(value, int | float) else str(value)


def number(value: float) -> str:
    """Return a number with as many digits as help a person."""
    if not abs(value) < _LARGE:
        return _size(value)
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def dollars(amount: float | None) -> str:
    """Return an amount of money; empty where it is unknown."""
    if amount is None:
        return ""
    return f"${amount:.4f}" if abs(amount) < _LARGE else f"${_size(amount)}"


def amounts(input_tokens: float | None, output_tokens: float | None, cost_usd: float | None) -> list[str]:
    """Return tokens and dollars in words, as far as they are known."""
    found = []
    if input_tokens is not None or output_tokens is not None:
        found.append(f"{compact(input_tokens or 0)}→{compact(output_tokens or 0)} tokens")
    if cost_usd is not None:
        found.append(dollars(cost_usd))
    return found


def compact(number: float) -> str:
    """Return a count in a few characters: whole below ten thousand, then in thousands and millions."""
    if abs(number) < 10_000:
        return f"{number:,.0f}"
    # What would be rounded to a thousand thousands is a million.
    if abs(number) < 999_500:
        return f"{number / 1e3:.0f}k"
    return f"{number / 1e6:,.1f}M" if abs(number) < _LARGE else _size(number)


def _size(value: float) -> str:
    try:
        return f"{value:.3g}"
    except OverflowError:
        # An integer beyond what a float can be.
        return f"{'-' if value < 0 else ''}inf"


def moment(at_ms: float) -> str:
    """Return a time, ms since the epoch, as date and time of this machine's clock."""
    return _on_this_clock(at_ms, "%F %T")


def minute(at_ms: float) -> str:
    """Return a time, ms since the epoch, to the minute."""
    return _on_this_clock(at_ms, "%F %H:%M")


def clock(at_ms: float) -> str:
    """Return a time, ms since the epoch, as time of the day."""
    return _on_this_clock(at_ms, "%T")


def _on_this_clock(at_ms: float, form: str) -> str:
    if not abs(at_ms) < _CALENDAR_MS_MAX:
        return f"{_size(at_ms)} ms"
    return time.strftime(form, time.localtime(at_ms / 1000))


def duration(ms: float) -> str:
    """Return a duration in the unit a person would use."""
    if not abs(ms) < _HOURS_MAX * 3_600_000:
        return f"{_size(ms / 3_600_000)} h"
    if ms < 1000:
        return f"{ms:.0f} ms" if ms >= 1 else f"{ms:.2f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
