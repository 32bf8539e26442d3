"""What covers a target: the target itself, and what holds it. Targets are compared as seen from the same place."""

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from cc_otel.graph.derived.calls import Command
from cc_otel.graph.derived.commands import CHECKS

HOLDERS_MAX: Final = 24
"""How many holders of one target are looked for."""

_HOME: Final = re.compile(r"\A/(?:(?:home|Users)/[^/]+|root)(?=/|\Z)")
_PATH_LIKE: Final = re.compile(r"[\w./@+:~\-\[\]]+")
_DOTTED: Final = frozenset({"unittest", "nose2", "trial", "manage.py", "django"})


def from_home(path: str) -> str:
    """Return an absolute path from home (``~``), as commands name it."""
    return _HOME.sub("~", path)


@lru_cache(4_096)
def place_of(root: str, directory: str) -> str:
    """Return where a command runs, whatever repository it is seen from."""
    return posixpath.normpath(posixpath.join(from_home(root), directory)) if root or directory else ""


def targets_of(command: Command, root: str) -> tuple[str, ...]:
    """Return the targets of a command, paths in full, each once and sorted."""
    found = {_in_full(target, root) for target in command.targets}
    if command.program == "go" and not found:
        # Without a package it is the one of the folder.
        found = {place_of(root, command.directory)}
    return tuple(sorted(found))


def _in_full(target: str, root: str) -> str:
    if not root or not _PATH_LIKE.fullmatch(target) or target.startswith(("/", "~", "$")) or "://" in target:
        return target
    head, mark, rest = target.partition("::")
    return posixpath.normpath(posixpath.join(from_home(root), head)) + mark + rest


def holders(target: str, command: Command) -> Iterator[str]:
    """Yield what covers a target of a command: it, then what holds it, from the nearest on."""
    yield target
    if command.kind not in CHECKS or not _PATH_LIKE.fullmatch(target):
        return
    held, found = target, 0
    while (held := _holder(held, command)) and found < HOLDERS_MAX:
        found += 1
        if command.program != "go":
            yield held
        yield f"{held}/..."
    if command.program == "go":
        yield f"{target}/..."


def _holder(target: str, command: Command) -> str:
    head, mark, _ = target.rpartition("::")
    if mark:
        return head
    if target.endswith("/..."):
        target = target.removesuffix("/...")
    folder, _, name = target.rpartition("/")
    if command.program in _DOTTED and "." in name and not name.endswith(".py"):
        return target.rpartition(".")[0]
    return folder if folder not in {"", "~"} else ""


def covers(success: tuple[str, ...], failure: tuple[str, ...], command: Command) -> bool:
    """Whether targets cover all others; without any, a success covers everything."""
    told = set(success)
    return not told or all(any(holder in told for holder in holders(target, command)) for target in failure)
