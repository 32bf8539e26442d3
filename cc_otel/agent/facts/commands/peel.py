"""What stands before a command and is not the command: ``time``, ``sudo``, ``uv run``, ``python -m``, ``sh -c`` ..."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cc_otel.agent.facts.commands.places import joined
from cc_otel.agent.facts.commands.tree import Word

PEEL_MAX: Final = 8
"""How many wrappers are taken off one command."""


@dataclass(frozen=True, slots=True)
class Peeled:
    """
    What is left. ``script`` is shell text that a shell runs (``sh -c``), ``by`` the wrappers that were taken off.

    ``module``: the program is a module that Python runs.
    """

    words: Sequence[Word]
    directory: str
    script: Word | None = None
    by: tuple[str, ...] = field(default=())
    module: bool = False


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """How a wrapper's own words end. ``values``: options with a value, ``words``: own words before the command."""

    values: frozenset[str] = frozenset()
    words: int = 0
    verbs: frozenset[str] = frozenset()
    assignments: bool = False
    directory: frozenset[str] = frozenset()


def _of(
    values: str = "", *, words: int = 0, verbs: str = "", assignments: bool = False, directory: str = ""
) -> _Wrapper:
    at = frozenset(directory.split())
    return _Wrapper(frozenset(values.split()) | at, words, frozenset(verbs.split()), assignments, at)


_UV: Final = (
    "--with --with-editable --with-requirements --python -p --extra --group --only-group --no-group --project "
    "--env-file --package --index --index-url --extra-index-url --find-links --config-file --cache-dir"
)
_WRAPPERS: Final = {
    "time": _of("-f -o --format --output"),
    "nice": _of("-n --adjustment"),
    "ionice": _of("-c -n -p"),
    "nohup": _of(),
    "setsid": _of(),
    "timeout": _of("-k -s --kill-after --signal", words=1),
    "gtimeout": _of("-k -s --kill-after --signal", words=1),
    "env": _of("-u --unset -S", assignments=True, directory="-C --chdir"),
    "sudo": _of("-u -g -h -p -C -r -t -U --user --group", assignments=True),
    "doas": _of("-u -C"),
    "command": _of(),
    "builtin": _of(),
    "exec": _of("-a"),
    "stdbuf": _of("-i -o -e --input --output --error"),
    "unbuffer": _of(),
    "chronic": _of(),
    "ccache": _of(),
    "xvfb-run": _of("-s -n -e -f -p --server-args --server-num"),
    "xargs": _of("-I -n -P -L -d -E -s -a --max-args --max-procs --replace --delimiter --arg-file"),
    "uv": _of(_UV, verbs="run", directory="--directory"),
    "uvx": _of("--from --with --python -p --index --index-url"),
    "npx": _of("-p --package -c --call -w --workspace"),
    "bunx": _of("-p --package"),
    "pnpx": _of("-p --package"),
    "npm": _of("-p --package -w --workspace", verbs="exec x"),
    "pnpm": _of("-p --package --filter -F", verbs="exec dlx", directory="-C --dir"),
    "yarn": _of("-p --package", verbs="exec dlx", directory="--cwd"),
    "bun": _of("", verbs="x"),
    "poetry": _of("-P --project", verbs="run", directory="-C --directory"),
    "pipenv": _of("", verbs="run"),
    "pdm": _of("-p --project", verbs="run"),
    "rye": _of("", verbs="run"),
    "hatch": _of("-e --env", verbs="run"),
    "pixi": _of("-e --environment --manifest-path", verbs="run"),
    "conda": _of("-n -p --name --prefix --cwd", verbs="run"),
    "mamba": _of("-n -p --name --prefix", verbs="run"),
    "micromamba": _of("-n -p --name --prefix", verbs="run"),
    "bundle": _of("", verbs="exec"),
    "mise": _of("", verbs="exec x"),
    "dotenv": _of("-f --file", verbs="run"),
    "coverage": _of("--source --omit --include --rcfile --data-file", verbs="run"),
}

# `command -v x` and `xargs -p` say something else than running what follows.
_ASKS: Final = {"command": frozenset({"-v", "-V"}), "sudo": frozenset({"-l", "-v", "-k"})}
_PYTHON: Final = re.compile(r"\A(?:python|pypy)(?:\d+(?:\.\d+)*)?\Z")
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh"})
_PYTHON_VALUES: Final = frozenset({"-W", "-X"})
_RUNS_MODULES: Final = frozenset({"uv", "coverage"})
_ASSIGNMENT: Final = re.compile(r"\A[A-Za-z_]\w*=")
_RUNNABLE: Final = re.compile(r"\.py\Z")


def peeled(words: Sequence[Word], directory: str) -> Peeled:
    """Return a command without its wrappers."""
    left = Peeled(words, directory)
    for _ in range(PEEL_MAX):
        following = _once(left)
        if following is None:
            return left
        left = following
    return left


def name_of(word: Word) -> str:
    """Return a program's name: without the folder it was found in."""
    return word.text.rstrip("/").rpartition("/")[2] or word.text


def is_python(name: str) -> bool:
    """Whether a program is Python, whatever its version."""
    return _PYTHON.match(name) is not None


def is_shell(name: str) -> bool:
    """Whether a program is a shell."""
    return name in _SHELLS


def _once(left: Peeled) -> Peeled | None:
    """Take one wrapper off; None where there is none."""
    if not left.words or left.module:
        return None
    first = left.words[0]
    if left.by and left.script is None and not first.quoted and first.text[:1] + first.text[-1:] == "()":
        # `time (make; make test)`
        return replace(left, words=(), script=Word(first.text[1:-1]))
    name = name_of(first)
    if is_python(name):
        return _module(left, name)
    if name in _SHELLS:
        return _script(left, name)
    if name == "eval" and len(left.words) == 2 and not left.words[1].dynamic:
        return replace(left, words=(), script=left.words[1], by=(*left.by, name))
    wrapper = _WRAPPERS.get(name)
    if wrapper is None or left.script is not None:
        return None
    return _unwrapped(left, name, wrapper)


def _unwrapped(left: Peeled, name: str, wrapper: _Wrapper) -> Peeled | None:  # noqa: C901, PLR0912 (one loop)
    words, directory, own, at = left.words, left.directory, wrapper.words, 1
    verb_seen, asks = not wrapper.verbs, _ASKS.get(name, ())
    while at < len(words):
        text = words[at].text
        if text in asks:
            return None
        if text == "--":
            at += 1
            if verb_seen and own <= 0:
                break
        elif text.startswith("-") and len(text) > 1:
            if verb_seen and text in {"-m", "--module"} and name in _RUNS_MODULES and at + 1 < len(words):
                return replace(left, words=words[at + 1 :], directory=directory, by=(*left.by, name), module=True)
            option, equals, value = text.partition("=")
            takes_next = option in wrapper.values and not equals
            if option in wrapper.directory:
                value = value or (words[at + 1].text if at + 1 < len(words) else "")
                directory = joined(directory, value)
            at += 2 if takes_next else 1
        elif not verb_seen:
            if text not in wrapper.verbs:
                return None
            verb_seen, at = True, at + 1
        elif wrapper.assignments and _ASSIGNMENT.match(text):
            at += 1
        elif own > 0:
            own, at = own - 1, at + 1
        else:
            break
    if at >= len(words):
        return None
    rest = words[at:]
    if name in {"uvx", "npx", "bunx", "pnpx"}:
        # `npx jest@29`: the version is no part of the name.
        rest = [replace(rest[0], text=_without_version(rest[0].text)), *rest[1:]]
    if name in _RUNS_MODULES and _RUNNABLE.search(rest[0].text):
        rest = [Word("python"), *rest]
    return replace(left, words=rest, directory=directory, by=(*left.by, name))


def _without_version(text: str) -> str:
    name, at, _ = text[1:].partition("@")
    return text[0] + name if at else text


def _module(left: Peeled, name: str) -> Peeled | None:
    """Return the module that ``python -m`` runs as the program."""
    at = 1
    while at < len(left.words) and left.words[at].text.startswith("-"):
        text = left.words[at].text
        if text == "-m":
            rest = left.words[at + 1 :]
            if not rest:
                return None
            if rest[0].text == "coverage":
                return replace(left, words=rest, by=(*left.by, name))
            return replace(left, words=rest, by=(*left.by, name), module=True)
        if text.startswith("-m") and len(text) > 2:
            words = [Word(text[2:]), *left.words[at + 1 :]]
            return replace(left, words=words, by=(*left.by, name), module=True)
        if text in {"-c", "-"} or text.startswith("-c"):
            return None
        at += 2 if text in _PYTHON_VALUES else 1
    return None


def _script(left: Peeled, name: str) -> Peeled | None:
    """Return the text that ``sh -c`` runs."""
    at = 1
    while at < len(left.words) and left.words[at].text[:1] in {"-", "+"}:
        text = left.words[at].text
        takes = text in {"--rcfile", "--init-file"} or (text[:2] != "--" and text[-1] in "oO")
        if not takes and text[:2] != "--" and "c" in text and at + 1 < len(left.words):
            script = left.words[at + 1]
            if script.dynamic and script.text.startswith("$"):
                return None
            strict = ("pipefail",) if any(word.text == "pipefail" for word in left.words[:at]) else ()
            return replace(left, words=(), script=script, by=(*left.by, name, *strict))
        at += 2 if takes else 1
    return None
