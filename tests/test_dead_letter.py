"""The dead letter: what can never be stored, kept for a while."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_otel.dead_letter import DEAD_BYTES_MAX, DEAD_DAYS_MAX, DeadLetter, SpanDeadLetters

NOON_S: Final = 1_800_014_400.0
"""2027-01-15 12:00 UTC."""
DAY_S: Final = 86_400
AGE_S: Final = float(DEAD_DAYS_MAX * DAY_S)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        """Return the time, s."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands at noon."""
    return Clock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return where the letters go."""
    return tmp_path / "home" / "dead"


def lines(file: Path) -> list[object]:
    """Return a file's letters."""
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


def letter(dead: Path, name: str, age_s: float, size_bytes: int = 1) -> Path:
    """Put a file of that age and size, of which no block is written, into the directory."""
    path = dead / name
    with path.open("wb") as file:
        file.truncate(size_bytes)
    os.utime(path, (NOON_S - age_s, NOON_S - age_s))
    return path


def left(dead: Path) -> set[str]:
    """Return the names of what is there."""
    return {path.name for path in dead.iterdir()}


def test_a_home_without_a_dead_letter_has_nothing_to_remove(tmp_path: Path) -> None:
    """Where there never was a dead letter there is no directory, and that is no error."""
    assert SpanDeadLetters(tmp_path / "dead").prune(int(NOON_S * 1e9)) == 0


def test_what_is_old_goes_from_the_dead(tmp_path: Path) -> None:
    """After seven days a dead letter goes, and so does the graph-exporter's file, which is not counted as a span."""
    letter(tmp_path, "old.json", AGE_S + 1)
    letter(tmp_path, "graph-2026-01-01.jsonl", AGE_S + 1)
    letter(tmp_path, "young.json", AGE_S - 1)

    assert SpanDeadLetters(tmp_path).prune(int(NOON_S * 1e9)) == 1
    assert {"young.json"} == left(tmp_path)


def test_over_the_limit_the_oldest_go_from_the_dead(tmp_path: Path) -> None:
    """Spans take 64 MiB at most; the graph-exporter's files count for themselves."""
    third = DEAD_BYTES_MAX // 3
    for hours in (4, 3, 2, 1):
        letter(tmp_path, f"{hours}.json", hours * 3600.0, third)
    letter(tmp_path, "graph-2026-01-01.jsonl", 0, DEAD_BYTES_MAX)

    assert SpanDeadLetters(tmp_path).prune(int(NOON_S * 1e9)) == 2
    assert {"1.json", "2.json", "graph-2026-01-01.jsonl"} == left(tmp_path)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, int(2 * AGE_S)), st.integers(0, DEAD_BYTES_MAX // 2)), max_size=12))
def test_what_stays_of_the_dead_is_young_and_fits(letters: list[tuple[int, int]]) -> None:
    """Whatever was there, what stays is within both limits, no younger span went for it, and none went needlessly."""
    with TemporaryDirectory() as directory:
        dead = Path(directory)
        for number, (age_s, size_bytes) in enumerate(letters):
            letter(dead, f"{number}.json", age_s, size_bytes)

        removed = SpanDeadLetters(dead).prune(int(NOON_S * 1e9))

        stayed = [letters[int(path.stem)] for path in dead.iterdir()]
        gone = [letters[n] for n in range(len(letters)) if not (dead / f"{n}.json").exists()]
        assert removed == len(gone)
        assert all(age_s <= AGE_S for age_s, _ in stayed)
        assert sum(size_bytes for _, size_bytes in stayed) <= DEAD_BYTES_MAX
        assert max((age_s for age_s, _ in stayed), default=0) <= min((age_s for age_s, _ in gone), default=1 << 40)
        assert SpanDeadLetters(dead).prune(int(NOON_S * 1e9)) == 0
