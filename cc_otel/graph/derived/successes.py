"""Finds the first call after a failure that covers it: an index, because a session may fail ten thousand times."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from math import inf
from typing import Final

from cc_otel.graph.derived.calls import Call, Command
from cc_otel.graph.derived.commands import without_all
from cc_otel.graph.derived.covers import covers, holders, place_of, targets_of

Options = frozenset[tuple[str, str]]

OPTIONS_MAX: Final = 4
"""With more selecting options than this, a covering run has all of them or none."""

SELECTIONS_MAX: Final = 200
"""How many different selections by name are looked through for the tests that a failure names."""

_ALL: Final = ""
_BY_NAME: Final = frozenset({"-k", "-run", "-t"})


@dataclass(frozen=True, slots=True)
class Deed:
    """A command of a call, and what the call did in front of it."""

    call: Call
    command: Command
    before: Sequence[Command] = ()


@dataclass(slots=True)
class _Runs:
    """Calls that ran the same, in the order of their starts."""

    orders: list[tuple[float, float, str]] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)

    def add(self, deed: Deed) -> None:
        self.orders.append(deed.call.order)
        self.deeds.append(deed)

    def first_after(self, failure: Call) -> Deed | None:
        """Return the first that began when ``failure`` had ended; of those that took no time, the next in order."""
        ended = bisect_left(self.orders, (failure.end_ms, -inf, ""))
        at = max(ended, bisect_right(self.orders, failure.order))
        return self.deeds[at] if at < len(self.deeds) else None


class Runs:
    """What ran in the calls of some sessions, by place and program, to be asked for what covers a command."""

    def __init__(self, deeds: Iterable[Deed]) -> None:
        self._groups: dict[tuple[str, ...], _Group] = defaultdict(_Group)
        for deed in sorted(deeds, key=lambda deed: deed.call.order):
            self._groups[_group_of(deed.call, deed.command)].add(deed)

    def first_covering(self, failure: Call, command: Command, sessions: Iterable[str]) -> Deed | None:
        """Return the first deed of these sessions after a failure that covers what had failed."""
        wanted = targets_of(command, failure.root)
        groups = self._of(failure, command, sessions)
        return earliest(it for group in groups for it in group.covering(failure, command, wanted))

    def first_of_named(self, failure: Call, command: Command, sessions: Iterable[str]) -> Deed | None:
        """Return the first deed after a failure that ran all tests which the failure named."""
        named = tuple(sorted(targets_of(_with_targets(command, _from_directory(failure, command)), failure.root)))
        groups = self._of(failure, command, sessions)
        return earliest(it for group in groups for it in group.naming(failure, command, named))

    def _of(self, failure: Call, command: Command, sessions: Iterable[str]) -> Iterator["_Group"]:
        for session in sessions:
            group = self._groups.get((session, *_group_of(failure, command)[1:]))
            if group:
                yield group


class Keyed:
    """Calls that did a thing which a key stands for, to be asked for the first after a failure."""

    def __init__(self) -> None:
        self._runs: dict[tuple[object, ...], _Runs] = defaultdict(_Runs)

    def add(self, deed: Deed, *key: object) -> None:
        """Add a deed under a key. In the order of the calls."""
        self._runs[deed.call.session_id, *key].add(deed)

    def first_after(self, failure: Call, sessions: Iterable[str], *key: object) -> Deed | None:
        """Return the first deed of these sessions after a failure that has this key."""
        found = (self._runs.get((session, *key)) for session in sessions)
        return earliest(runs.first_after(failure) for runs in found if runs)


def earliest(deeds: Iterable[Deed | None]) -> Deed | None:
    """Return the deed that began first."""
    return min((it for it in deeds if it), key=lambda deed: deed.call.order, default=None)


class _Group:
    """The runs of one program and subcommand in one place and session."""

    def __init__(self) -> None:
        self._by_holder: dict[tuple[str, Options], dict[tuple[str, ...], _Runs]] = defaultdict(dict)
        self._signatures: dict[tuple[tuple[str, ...], Options], _Runs] = {}

    def add(self, deed: Deed) -> None:
        targets, options = targets_of(deed.command, deed.call.root), deed.command.options
        signature = targets, options
        if signature not in self._signatures:
            runs = self._signatures[signature] = _Runs()
            for target in targets or (_ALL,):
                self._by_holder[target, options][targets] = runs
        self._signatures[signature].add(deed)

    def covering(self, failure: Call, command: Command, wanted: tuple[str, ...]) -> Iterator[Deed | None]:
        for options in _fewer(command.options):
            if not wanted or not without_all(command):
                yield from (it.first_after(failure) for it in self._by_holder.get((_ALL, options), {}).values())
            if wanted:
                yield from (it.first_after(failure) for it in self._holding(command, wanted, options))

    def naming(self, failure: Call, command: Command, named: tuple[str, ...]) -> Iterator[Deed | None]:
        for (targets, options), runs in list(self._signatures.items())[-SELECTIONS_MAX:]:
            added = options - command.options
            by_name = all(option in _BY_NAME and _names_all(value, named) for option, value in added)
            if by_name and covers(targets, named, command):
                yield runs.first_after(failure)

    def _holding(self, command: Command, wanted: tuple[str, ...], options: Options) -> Iterator[_Runs]:
        """Yield the runs whose targets cover all that is wanted: they hold the target that the fewest hold."""
        held = [
            [self._by_holder[holder, options] for holder in holders(target, command) if (holder, options) in self]
            for target in wanted
        ]
        fewest = min(held, key=lambda found: sum(map(len, found)))
        seen = {targets: runs for found in fewest for targets, runs in found.items()}
        return (runs for targets, runs in seen.items() if covers(targets, wanted, command))

    def __contains__(self, key: tuple[str, Options]) -> bool:
        return key in self._by_holder


def _group_of(call: Call, command: Command) -> tuple[str, ...]:
    return call.session_id, call.tool, place_of(call.root, command.directory), command.program, command.subcommand


def _fewer(options: Options) -> Iterator[Options]:
    """Yield the options themselves and fewer of them; what is no selection but another way to run stays."""
    stays = frozenset(it for it in options if it[0] == "-race")
    free = sorted(options - stays)
    if len(free) > OPTIONS_MAX:
        yield from (options, stays)
        return
    for chosen in chain.from_iterable(combinations(free, size) for size in range(len(free), -1, -1)):
        yield stays | frozenset(chosen)


def _names_all(value: str, named: tuple[str, ...]) -> bool:
    """Whether a selection by name, as plain as it may be, leaves none of the named tests out."""
    plain = value.strip("^$'\"")
    return bool(plain) and plain.replace("_", "").isalnum() and all(plain in name.rpartition("::")[2] for name in named)


def _with_targets(command: Command, targets: tuple[str, ...]) -> Command:
    return Command(command.program, command.subcommand, command.kind, targets=targets, directory=command.directory)


def _from_directory(failure: Call, command: Command) -> tuple[str, ...]:
    """Return the named tests as targets: the output names files from where the command ran."""
    folder = place_of("", command.directory)
    if folder in {"", "."}:
        return failure.named
    return tuple(f"{folder}/{name}" if "/" in name or ".py" in name else name for name in failure.named)
