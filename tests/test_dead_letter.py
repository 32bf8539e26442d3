"""The dead letter: what can never be stored, kept for a while."""

import json
from pathlib import Path
from typing import Final

import pytest

from cc_otel.dead_letter import DeadLetter

NOON_S: Final = 1_800_014_400.0
"""2027-01-15 12:00 UTC."""
DAY_S: Final = 86_400


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        """Answer the time, s."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands at noon."""
    return Clock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Answer where the letters go."""
    return tmp_path / "home" / "dead"


def lines(file: Path) -> list[object]:
    """Answer a file's letters."""
    return [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]


def test_a_letter(directory: Path, clock: Clock) -> None:
    """A letter is a line of JSON with time and reason, in its day's file, which is its owner's alone."""
    dead = DeadLetter(directory, clock)
    kept = [dead.add([("why", {"span": {"name": "a"}}), ("so", {"span": {"name": "b"}})]), dead.add([("again", {})])]
    file = directory / "graph-2027-01-15.jsonl"

    assert kept == [2, 1]
    assert lines(file) == [
        {"time": NOON_S, "reason": "why", "span": {"name": "a"}},
        {"time": NOON_S, "reason": "so", "span": {"name": "b"}},
        {"time": NOON_S, "reason": "again"},
    ]
    assert [oct(path.stat().st_mode & 0o777) for path in (directory, file)] == ["0o700", "0o600"]


def test_whatever_is_in_it(directory: Path, clock: Clock) -> None:
    """Nothing that a span can hold keeps it out: bytes, lone surrogates, numbers that are none, NUL, line ends."""
    content = {"bytes": b"\x00\xff", "surrogate": "\ud800", "text": "a\x00b\nc", "number": float("inf")}
    DeadLetter(directory, clock).add([("odd", content)])

    assert lines(directory / "graph-2027-01-15.jsonl") == [
        {
            "time": NOON_S,
            "reason": "odd",
            "bytes": "b'\\x00\\xff'",
            "surrogate": "\ud800",
            "text": "a\x00b\nc",
            "number": float("inf"),
        }
    ]


def test_age(directory: Path, clock: Clock) -> None:
    """No letter grows older than seven days: its day's file goes; the agent's files beside it stay."""
    directory.mkdir(parents=True)
    (directory / "span.json").touch()
    dead = DeadLetter(directory, clock)
    dead.add([("old", {})])
    clock.now_s = NOON_S + 6 * DAY_S
    dead.add([("six days later", {})])
    after_six_days = {file.name for file in directory.iterdir()}
    clock.now_s = NOON_S + 7 * DAY_S
    dead.clear()

    assert after_six_days == {"graph-2027-01-15.jsonl", "graph-2027-01-21.jsonl", "span.json"}
    assert {file.name for file in directory.iterdir()} == {"graph-2027-01-21.jsonl", "span.json"}


def test_size(directory: Path, clock: Clock) -> None:
    """Beyond its size nothing more is kept, and how much was is told; a week later there is room again."""
    dead = DeadLetter(directory, clock, bytes_max=1_000)
    letter = ("why", {"text": "x" * 300})
    kept = [dead.add([letter, letter]), dead.add([letter, letter]), dead.add([letter])]
    size = sum(file.stat().st_size for file in directory.iterdir())
    clock.now_s += 7 * DAY_S

    assert (kept, size <= 1_000, dead.add([letter])) == ([2, 0, 0], True, 1)


def test_nothing_to_clear(directory: Path, clock: Clock) -> None:
    """Where there never was a letter there is nothing to clear."""
    DeadLetter(directory, clock).clear()

    assert not directory.exists()


def test_no_place(tmp_path: Path, clock: Clock) -> None:
    """Where letters cannot be written that is an error: nobody may be told that they were kept."""
    (tmp_path / "dead").touch()
    with pytest.raises(OSError, match="exists"):
        DeadLetter(tmp_path / "dead", clock).add([("why", {})])
