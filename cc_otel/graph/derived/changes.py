"""What happened between two calls that could have changed the outcome of the second, by worktree."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import Final

from cc_otel.graph.derived.calls import CHANGES, Call, Command
from cc_otel.graph.derived.commands import changing, edits
from cc_otel.graph.derived.covers import from_home, place_of

CAUSES_MAX: Final = 32
"""How many causes one edge names, the last ones."""

LOOKED_AT_MAX: Final = 256
"""How many of the last changes are looked at for causes."""


@dataclass(slots=True)
class _Line:
    """Calls in the order of their ends."""

    ends: list[float] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def add(self, call: Call) -> None:
        self.ends.append(call.end_ms)
        self.calls.append(call)

    def within(self, after_ms: float, until_ms: float) -> tuple[int, int]:
        return bisect_right(self.ends, after_ms), bisect_right(self.ends, until_ms)

    def count(self, after_ms: float, until_ms: float) -> int:
        first, end = self.within(after_ms, until_ms)
        return max(0, end - first)


@dataclass(slots=True)
class _Place:
    """The changes of one session in one worktree."""

    all: _Line = field(default_factory=_Line)
    edits: _Line = field(default_factory=_Line)
    of_one: dict[str, _Line] = field(default_factory=lambda: defaultdict(_Line))


class Changes:
    """The calls of some sessions that could have changed the outcome of others."""

    def __init__(self, calls: Iterable[Call]) -> None:
        in_order = sorted(calls, key=lambda call: (call.end_ms, call.key))
        self._roots = sorted({from_home(it.root) for it in in_order if it.root}, key=len, reverse=True)
        self._places: dict[str, dict[str, _Place]] = defaultdict(lambda: defaultdict(_Place))
        for call in in_order:
            keys = changing(call)
            if keys is None:
                continue
            place = self._places[call.session_id][self._root_of_change(call)]
            place.all.add(call)
            if edits(call):
                place.edits.add(call)
            if len(keys) == 1:
                place.of_one[next(iter(keys))].add(call)

    def causes(self, failure: Call, success: Call, command: Command | None, sessions: Sequence[str]) -> "Causes":
        """Return what was changed after a failure ended and before a success began; the same again is no change."""
        after_ms, until_ms = failure.end_ms, success.start_ms
        places = list(self._of(failure, command, sessions))
        own = command.key if command and command.key else None
        same = sum(place.of_one[own].count(after_ms, until_ms) for place in places) if own else 0
        total = sum(place.all.count(after_ms, until_ms) for place in places) - same
        lines = [place.edits for place in places]
        edited = sum(line.count(after_ms, until_ms) for line in lines)
        if not edited:
            lines = [place.all for place in places]
        last = islice(_latest(lines, after_ms, until_ms, own), CAUSES_MAX)
        return Causes(total, edited or total, tuple(reversed([it.key for it in last])) if total > 0 else ())

    def _of(self, failure: Call, command: Command | None, sessions: Sequence[str]) -> Iterator[_Place]:
        """Yield the places whose changes matter: the failure's worktree, and where no worktree is known."""
        at = self._root_holding(place_of(failure.root, command.directory) if command else "") or from_home(failure.root)
        for session in sessions:
            for root, place in self._places.get(session, {}).items():
                if not at or not root or root == at:
                    yield place

    def _root_of_change(self, call: Call) -> str:
        paths = [touch.path for touch in call.files if touch.op in CHANGES]
        if paths:
            return self._root_holding(from_home(paths[0]))
        return from_home(call.root)

    def _root_holding(self, path: str) -> str:
        return next((it for it in self._roots if path == it or path.startswith(it.rstrip("/") + "/")), "")


@dataclass(frozen=True, slots=True)
class Causes:
    """How many calls could have changed an outcome, how many of them are its cause, and the last of these."""

    changes: int
    total: int
    keys: tuple[str, ...]


def _latest(lines: Sequence[_Line], after_ms: float, until_ms: float, own: str | None) -> Iterator[Call]:
    """Yield the calls of all lines in that time, the last first, without those that are the same again."""
    found = merge(
        *(_backwards(line, after_ms, until_ms) for line in lines), key=lambda it: (it.end_ms, it.key), reverse=True
    )
    return (it for it in islice(found, LOOKED_AT_MAX) if own is None or changing(it) != frozenset({own}))


def _backwards(line: _Line, after_ms: float, until_ms: float) -> Iterator[Call]:
    first, end = line.within(after_ms, until_ms)
    return (line.calls[at] for at in range(end - 1, first - 1, -1))
