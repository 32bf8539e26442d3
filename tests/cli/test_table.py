"""Tables on terminals of any width, of rows that hold anything."""

import math

import pytest

from cc_otel.cli.table import Column, compact, dollars, duration, moment, number, table

COLUMNS = (Column("session_id"), Column("calls"), Column("tokens", spare=1), Column("label", "end"))
ROWS = [
    {"session_id": "5d4f0993", "calls": 12, "tokens": 1_234_567.0, "label": "Ran make everything that there is"},
    {"session_id": "77", "calls": 3, "tokens": None, "label": "漢字漢字漢字漢字漢字漢字"},
]


def test_a_table_with_room_for_all() -> None:
    """Numbers stand at the right of their column, texts at the left; a character may be two wide."""
    assert table(ROWS, COLUMNS, 80) == [
        "session   calls     tokens  label",
        "5d4f0993     12  1,234,567  Ran make everything that there is",
        "77            3             漢字漢字漢字漢字漢字漢字",
    ]


def test_a_table_without_room_for_all() -> None:
    """What may be cut is, then the column that is needed least is left out; numbers stay whole."""
    assert table(ROWS, COLUMNS, 47) == [
        "session   calls     tokens  label",
        "5d4f0993     12  1,234,567  Ran make everythin…",
        "77            3             漢字漢字漢字漢字漢…",
    ]
    assert table(ROWS, COLUMNS, 40)[1] == "5d4f0993     12  Ran make everything th…"


def test_a_path_is_cut_at_its_start() -> None:
    """The end of a path distinguishes it."""
    rows = [{"path": "/home/somebody/project/src/module/file.py"}]

    assert table(rows, (Column("path", "start"),), 20) == ["path", "…/src/module/file.py"]


def test_a_table_much_narrower_than_its_columns() -> None:
    """No width is too small: what cannot be cut is longer than the line."""
    assert [len(text) for text in table(ROWS, COLUMNS, 1)] == [18, 18, 18]


def test_nothing_in_a_cell_acts_on_the_terminal() -> None:
    """A cell is a part of its line, whatever is in it."""
    rows = [{"label": "a\x1b[2J\nb\u202ec"}]

    assert table(rows, (Column("label"),), 80) == ["label", "a [2J b c"]


@pytest.mark.parametrize("value", [1e308, -1e308, math.inf, math.nan, 10**30, 1 << 64])
def test_a_number_that_is_too_large_is_shown_by_its_size(value: float) -> None:
    """Every number takes a few characters and raises nothing."""
    shown = [number(value), dollars(value), moment(value), duration(value)]

    assert max(map(len, shown)) < 24, shown


def test_usual_numbers_are_whole() -> None:
    """Usual numbers are shown digit for digit."""
    assert [number(1_234_567.0), number(12), dollars(1.5), dollars(None)] == ["1,234,567", "12", "$1.5000", ""]
    assert [duration(ms) for ms in (0.5, 12, 1500, 61_000, 7_260_000)] == [
        "0.50 ms",
        "12 ms",
        "1.5 s",
        "1 min 01 s",
        "2 h 01 min",
    ]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (2_345_678, "2.3M"),
        (1e20, "1e+20"),
    ],
)
def test_counts_in_a_few_characters(number: float, shown: str) -> None:
    """A count is whole as long as that is short, then in thousands and millions."""
    assert compact(number) == shown
