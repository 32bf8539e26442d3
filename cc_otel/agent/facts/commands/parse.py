"""
A shell text as simple commands: chains and pipes taken apart, wrappers peeled, each with the directory it runs in.

Pure and bounded: no file is looked at, and a text that no parser can read has no commands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from cc_otel.agent.facts.commands import peel
from cc_otel.agent.facts.commands.places import joined
from cc_otel.agent.facts.commands.simple import SimpleCommand, simple_command
from cc_otel.agent.facts.commands.tree import COMMANDS_MAX, Step, Word, steps_of

SCRIPTS_DEPTH_MAX: Final = 4
"""How many shells inside one another are read (``sh -c "sh -c ..."``)."""

FILTERS: Final = frozenset(
    "tail head grep egrep fgrep zgrep rg ag sed awk tee cat bat less more wc sort uniq cut tr jq yq column nl fold fmt "
    "tac rev paste xxd od hexdump strings ts pv sponge json.tool base64 shuf split csplit expand unexpand".split()
)
"""What a pipe ends in without being what was run."""

_CACHED_BYTES_MAX: Final = 4096


def parse(command: str, *, cwd: str = "", root: str = "") -> Sequence[SimpleCommand]:
    """
    Return the simple commands of a shell text in order; none where it cannot be read.

    ``cwd`` is where the shell starts, ``root`` the folder of its repository, both absolute or empty.
    """
    if len(command) > _CACHED_BYTES_MAX:
        return _parsed(command, cwd, root)
    return _cached(command, cwd, root)


@lru_cache(maxsize=64)
def _cached(command: str, cwd: str, root: str) -> tuple[SimpleCommand, ...]:
    return _parsed(command, cwd, root)


def _parsed(command: str, cwd: str, root: str) -> tuple[SimpleCommand, ...]:
    try:
        found = list(_Shell(root).run(command, cwd, (), 0))
    except RecursionError:
        return ()
    return tuple(_with_filters(found[:COMMANDS_MAX]))


class _Shell:
    """Follows a shell through its commands: where it stands, by subshell."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._left = COMMANDS_MAX

    def run(self, text: str, cwd: str, scope: tuple[int, ...], depth: int) -> Iterator[SimpleCommand]:
        """Return the commands of a text; ``scope`` are the subshells it runs in."""
        places: dict[tuple[int, ...], str] = {(): cwd}
        for number, step in enumerate(steps_of(text)):
            if self._left <= 0:
                return
            for known in range(len(step.scope)):
                places.setdefault(step.scope[: known + 1], places[step.scope[:known]])
            left = peel.peeled(step.words, places[step.scope])
            step.scope = (*scope, *step.scope)
            inner = tuple(self._script(left, step, depth, number)) if depth < SCRIPTS_DEPTH_MAX else ()
            if inner:
                yield from inner
                continue
            self._left -= 1
            yield simple_command(step, left, self._root, step.joined)
            own = step.scope[len(scope) :]
            if left.words and left.words[0].text in {"cd", "pushd"}:
                places[own] = _changed(places[own], left.words)

    def _script(self, left: peel.Peeled, step: Step, depth: int, number: int) -> Iterator[SimpleCommand]:
        """Return the commands of a script that a shell is given, in place of the shell."""
        if left.script is None:
            return
        scope = (*step.scope, -number - 1)
        for at, inner in enumerate(self.run(left.script.text, left.directory, scope, depth + 1)):
            # What stands around the script stands around each of its commands; its output goes where the script's does.
            yield replace(
                inner,
                joined=step.joined if at == 0 else inner.joined,
                background=inner.background or step.background,
                condition=inner.condition or step.condition,
                loop=inner.loop or step.loop,
                redirects=(*inner.redirects, *step.redirects),
                by=(*left.by, *inner.by),
            )


def _changed(place: str, words: Sequence[Word]) -> str:
    """Return where ``cd`` leads. Unknown places keep their name: ``cd "$DIR"`` leads to ``$DIR``."""
    target = next((word.text for word in words[1:] if word.text == "-" or not word.text.startswith("-")), "~")
    if target == "-":
        return ""
    return joined(place, target)


def _with_filters(commands: Sequence[SimpleCommand]) -> Iterator[SimpleCommand]:
    """Mark what only shows or cuts the output of the command before it in a pipe."""
    for command in commands:
        yield replace(command, filter=True) if _is_filter(command) else command


def _is_filter(command: SimpleCommand) -> bool:
    return command.joined == "|" and command.program in FILTERS and "xargs" not in command.by
