"""Which commands of a call worked or failed, whether they could change anything, and whether two are the same."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from cc_otel.graph.derived.calls import CHANGES, FAILED, OK, Call, Command

CHECKS: Final = frozenset({"test", "build", "lint", "format"})
"""Classes of commands whose targets hold one another: a folder its files, and no target everything."""

_WITHOUT_ALL: Final = frozenset({"read", "search", "edit", "package"})
"""Classes of commands that without a target do something else, not more."""

_ASIDE: Final = frozenset("cd pushd popd true false : echo printf sleep wait exit pwd set test [".split())
_STILL_CLASSES: Final = frozenset({"search", "read", "test", "lint"})
_FIXES: Final = frozenset("--fix --fix-only --unsafe-fixes --write -w --apply -u --updateSnapshot".split())
_ONLY_CHECKS: Final = frozenset("--check --diff -c --list-different -l --dry-run --check-only -d".split())
_READS_OF_GIT: Final = frozenset(
    "status diff log show blame shortlog rev-parse ls-files ls-tree describe reflog cat-file grep rev-list".split()
)
_READS_OF_PACKAGES: Final = frozenset("list show freeze check ls view outdated why info tree".split())

_QUIET: Final = re.compile(
    r"-[vqsxl]+|--(?:verbose|quiet|silent|exitfirst|failfast|no-header|no-cov|colou?r|no-colou?r|showlocals|nocapture)"
    r"|-r[a-zA-Z]+|--(?:tb|color|colour|maxfail|durations|reporter|log-level|verbosity)(?:=.*)?"
)
_QUIET_WITH_VALUE: Final = frozenset("--tb --color --maxfail --durations --reporter --log-level --verbosity".split())
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_NUMBER: Final = re.compile(r"(?<![\w/.])\d+(?:\.\d+)?[smhd]?(?![\w/.])")


def failing(call: Call) -> Command | None:
    """
    Return the command that a failed call failed at: the one that its outcome speaks of.

    Tests in front of something else are it where they named what failed.
    """
    if call.named and (tests := [it for it in call.commands if it.kind == "test"]):
        return tests[-1]
    main = _main(call)
    return call.commands[main] if main is not None else None


def working(call: Call) -> Iterator[tuple[Command, Sequence[Command]]]:
    """
    Yield the commands that a successful call proves to have worked, each with what was done in front of it.

    The outcome speaks of the main one. What stands before an ``&&`` worked, or nothing would have come after it.
    """
    at = _main(call)
    while at is not None and at >= 0:
        if not call.commands[at].filter:
            yield call.commands[at], call.commands[:at]
        # A pipe's status is that of its last command: what feeds a proven one is proven by nothing.
        while at > 0 and call.commands[at].joined == "|":
            at -= 1
        at = at - 1 if at > 0 and call.commands[at].joined == "&&" else None


def _main(call: Call) -> int | None:
    rest = [n for n, it in enumerate(call.commands) if not it.filter]
    spoken_of = [
        n
        for n in rest
        if call.program and (call.commands[n].program, call.commands[n].subcommand) == (call.program, call.subcommand)
    ]
    return next(
        (
            found[-1]
            for found in (spoken_of, [n for n in rest if call.commands[n].program not in _ASIDE], rest)
            if found
        ),
        None,
    )


def could_change(command: Command) -> bool:
    """Whether a command may change the outcome of another: all may, but those known to look only."""
    words = set(command.masked.split())
    if command.program in _ASIDE:
        return False
    if command.kind in _STILL_CLASSES:
        return bool(words & _FIXES)
    if command.kind == "format":
        return not words & _ONLY_CHECKS
    if command.kind == "vcs" and command.program == "git":
        return command.subcommand.partition(" ")[0] not in _READS_OF_GIT
    if command.kind == "package":
        return command.subcommand.rpartition(" ")[2] not in _READS_OF_PACKAGES
    return True


def edits(call: Call) -> bool:
    """Whether a call changed a file."""
    return call.outcome == OK and any(touch.op in CHANGES for touch in call.files)


def changing(call: Call) -> frozenset[str] | None:
    """
    Return what a call could have changed the outcome of others with: the keys of its commands; None where nothing.

    What no key stands for is the empty key. A command that failed changed nothing; in a chain others may have.
    """
    if call.outcome in {"refused", "denied"} or (call.outcome == FAILED and len(call.commands) <= 1):
        return None
    if edits(call):
        return frozenset({""})
    if call.commands:
        keys = frozenset(it.key for it in call.commands if not it.filter and could_change(it))
        return keys or None
    return frozenset({""}) if call.foreign or call.program else None


def same_again(failure: Command, success: Command) -> bool:
    """Whether a command is the one that failed, once more, or one that runs more: nothing else was asked of it."""
    if _told(failure) != _told(success):
        return False
    if (failure.targets, failure.options) == (success.targets, success.options):
        return _words(failure) == _words(success)
    return _options(failure) == _options(success)


def _told(command: Command) -> tuple[list[str], list[str]]:
    """Return the variables and numbers of a command as it was typed: the masked one has none."""
    words = command.exact.split()
    variables = []
    for word in words:
        if not _ASSIGNMENT.fullmatch(word):
            break
        variables.append(word)
    return variables, _NUMBER.findall(command.exact)


def _words(command: Command) -> Counter[str]:
    words = command.masked.split()
    return Counter(_without_quiet(words) if command.kind in CHECKS else words)


def _options(command: Command) -> Counter[str]:
    selecting = {name for name, _ in command.options}
    words = (it for it in command.masked.split() if it.startswith("-") and it not in selecting)
    return Counter(_without_quiet(words) if command.kind in CHECKS else words)


def _without_quiet(words: Sequence[str] | Iterator[str]) -> Iterator[str]:
    """Yield the words that say more than how much is printed."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _QUIET_WITH_VALUE:
            skip = True
        elif not _QUIET.fullmatch(word):
            yield word


def without_all(command: Command) -> bool:
    """Whether the command without a target does something else than with one, and not more."""
    return command.kind in _WITHOUT_ALL
