"""What mended a failure, what says it again, and what was mere chance (docs/graph.md, rule 6)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cc_otel.graph.derived.calls import CHANGES, FAILED, INFERRED, OK, Call, Command, Found, Touch
from cc_otel.graph.derived.changes import Changes
from cc_otel.graph.derived.commands import could_change, failing, same_again, working
from cc_otel.graph.derived.covers import from_home, place_of
from cc_otel.graph.derived.successes import Deed, Keyed, Runs, earliest
from cc_otel.graph.model import RESOLVED_BY, RETRIED, SUPERSEDED_BY
from cc_otel.graph.store import Json

Later = Mapping[str, Sequence[str]]
"""Session -> the sessions that go on with it."""

_NOTHING: Final = Command("")
_EDITS: Final = frozenset({"edit", "write", "create"})


class _Match(NamedTuple):
    """A deed that answers a failure, and the rule that says so."""

    deed: Deed
    rule: str


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed call, the command it failed at, and the sessions in which it may be mended."""

    call: Call
    command: Command | None
    sessions: Sequence[str]


def resolved(calls: Sequence[Call], later: Later) -> Iterator[Found]:
    """Yield what mended each failure, or that it was chance, or which failure made it old. ``calls`` are in order."""
    failures = [_Failure(it, failing(it), (it.session_id, *later.get(it.session_id, ()))) for it in calls if it.failed]
    if not failures:
        return
    successes = _Answers(Deed(it, command, before) for it in calls if it.outcome == OK for command, before in _did(it))
    again = _Answers(Deed(it.call, it.command or _NOTHING) for it in failures)
    changes = Changes(calls)
    for failure in failures:
        match = successes.first(failure)
        if match:
            yield _answered(failure, match, changes)
        newer = again.first(failure)
        if newer and (match is None or newer.deed.call.order < match.deed.call.order):
            more = {"level": _level(failure, newer)}
            yield Found(SUPERSEDED_BY, failure.call, newer.deed.call, "newer_failure", INFERRED, more)


def _did(call: Call) -> Iterable[tuple[Command, Sequence[Command]]]:
    return list(working(call)) or [(_NOTHING, ())]


class _Answers:
    """Calls that may answer a failure, found by what the failure was about."""

    def __init__(self, deeds: Iterable[Deed]) -> None:
        told = sorted(deeds, key=lambda deed: deed.call.order)
        self._runs = Runs(it for it in told if it.command.program and not _commits(it.command))
        self._commits, self._files, self._calls = Keyed(), Keyed(), Keyed()
        seen = ""
        for deed in told:
            for key in _commit_keys(deed.call, deed.command):
                self._commits.add(deed, *key)
            # A call that did several things touched its files once.
            if deed.call.key != seen:
                self._add_whole(deed)
            seen = deed.call.key

    def _add_whole(self, deed: Deed) -> None:
        call = deed.call
        for path in {from_home(it.path) for it in call.files if it.op in _EDITS}:
            if not call.commands or any(_edits(touch, path) for touch in call.files):
                self._files.add(deed, "edited", path)
        if not call.commands:
            for path in _paths(call):
                self._files.add(deed, call.tool, path)
            if call.arguments:
                self._calls.add(deed, call.tool, call.arguments)

    def first(self, failure: _Failure) -> _Match | None:
        """Return the first of them that answers a failure."""
        call, command, sessions = failure.call, failure.command, failure.sessions
        if command is not None:
            return self._by_command(call, command, sessions)
        paths = _paths(call)
        if not paths:
            found = self._calls.first_after(call, sessions, call.tool, call.arguments) if call.arguments else None
            return _Match(found, "same_call") if found else None
        if any(it.op in CHANGES for it in call.files):
            found = earliest(self._files.first_after(call, sessions, "edited", path) for path in paths)
            return _Match(found, "next_edit") if found else None
        found = earliest(self._files.first_after(call, sessions, call.tool, path) for path in paths)
        return _Match(found, "same_file") if found else None

    def _by_command(self, call: Call, command: Command, sessions: Sequence[str]) -> _Match | None:
        if _commits(command):
            keys = _commit_keys(call, command)
            found = earliest(self._commits.first_after(call, sessions, *key) for key in keys)
            return _Match(found, "same_commit") if found else None
        covering = self._runs.first_covering(call, command, sessions)
        named = self._runs.first_of_named(call, command, sessions) if call.named else None
        first = earliest((covering, named))
        if first is None:
            return None
        return _Match(first, "covering_command" if first is covering else "named_tests")


def _edits(touch: Touch, path: str) -> bool:
    return touch.op == "edit" and from_home(touch.path) == path


def _paths(call: Call) -> list[str]:
    return sorted({from_home(it.path) for it in call.files})


def _commits(command: Command) -> bool:
    return command.program == "git" and command.subcommand == "commit"


def _commit_keys(call: Call, command: Command) -> Sequence[tuple[object, ...]]:
    """Return what makes two commits the same: the message, the paths; where neither is told, the command."""
    if not _commits(command):
        return ()
    place = from_home(call.root) or place_of("", command.directory)
    keys: list[tuple[object, ...]] = []
    message = next((value for name, value in sorted(command.options) if name in {"-m", "-F"}), "")
    if message:
        keys.append((place, "message", message))
    if command.targets:
        keys.append((place, "paths", frozenset(command.targets)))
    return keys or [(place, "command", command.key)]


def _answered(failure: _Failure, match: _Match, changes: Changes) -> Found:
    call, success = failure.call, match.deed.call
    level = _level(failure, match)
    own = any(could_change(it) for it in match.deed.before)
    sessions = failure.sessions if success.session_id != call.session_id else failure.sessions[:1]
    causes = changes.causes(call, success, failure.command, sessions)
    if call.outcome == FAILED and not own and not causes.changes and _again(failure, match):
        more: dict[str, Json] = {"level": level, "same_result": False}
        return Found(RETRIED, call, success, "flaky", INFERRED, more)
    keys = [*causes.keys, *([success.key] if own else [])]
    more = {"level": level, "causes": keys, "causes_total": causes.total + own}
    return Found(RESOLVED_BY, call, success, match.rule, INFERRED, more)


def _again(failure: _Failure, match: _Match) -> bool:
    """Whether the success is the same as what had failed, once more."""
    if failure.command is not None:
        return same_again(failure.command, match.deed.command)
    return bool(failure.call.arguments) and failure.call.arguments == match.deed.call.arguments


def _level(failure: _Failure, match: _Match) -> str:
    """Return how much of two calls is the same: the whole command, the masked one, targets, or the program alone."""
    if match.rule in {"next_edit", "same_file"}:
        return "file"
    if failure.command is None:
        return "exact"
    mine, other = failure.command, match.deed.command
    if mine.exact == other.exact and mine.directory == other.directory:
        return "exact"
    if mine.key and mine.key == other.key:
        return "masked"
    if mine.targets and not other.targets:
        return "program"
    return "targets"
