"""
The files that a shell call touched (docs/graph.md, Rule 7): read out of its commands, or named by the client.

Only names that stand in the text count: what a pattern or a variable stands for is not known here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from cc_otel.agent.facts.commands.places import absolute
from cc_otel.agent.facts.commands.simple import WRITING, SimpleCommand
from cc_otel.agent.facts.commands.tree import Word
from cc_otel.agent.facts.commands.verbs import is_option

FILES_MAX: Final = 64
"""How many files of one call are listed."""

PARSED: Final = "parsed"
OBSERVED: Final = "observed"

_Touch = tuple[str, str, tuple[str, ...]]
"""A path as it is written, what was done to it, and which lines."""

_CHANGES: Final = frozenset({"write", "edit", "create", "delete", "rename"})
_HINT: Final = re.compile(r"previously read: (?P<paths>.+?)\. Call Read before", re.DOTALL)
_MISSING: Final = re.compile(
    r"(?i)no such file|cannot|can't|not found|permission denied|is a directory|did not match any"
)
_OUTPUT_MAX: Final = 20_000
"""How much of an output's end is looked at, characters."""

_OF_MESSAGES: Final = frozenset("a is no such file or directory cannot remove stat open not found access".split())
_SED_RANGE: Final = re.compile(r"(?:\A|[;{\s])(\d+)(?:,(\d+|\$))?\s*p(?=\Z|[;}\s])")
_OLD_COUNT: Final = re.compile(r"\A-(\d+)\Z")
_PATCHED: Final = re.compile(r"^\+\+\+ (?:b/)?(\S+)", re.MULTILINE)
_EXTENSION: Final = re.compile(r"\.\w+\Z")
_NO_FILE: Final = re.compile(r"[*?\[{}]|\A(?:-|/dev/.*|&\d|\d+)?\Z")


def touched_by_shell(
    commands: Sequence[SimpleCommand], *, hint: str = "", cwd: str = "", output: str = ""
) -> list[dict[str, Any]]:
    """
    Return the files of a call in order, each operation on each once, as `cc_otel.files` lists them.

    ``hint`` is what the client says of files that it had read and that the command changed, ``output`` what was
    printed: a file that it calls missing was not touched.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    missing = _missing(output)
    for number, command in enumerate(commands):
        if command.joined == "||":
            # It ran only if something failed.
            continue
        for written, operation, ranges in _touches(command, commands[number + 1 :]):
            if written in missing:
                continue
            path = absolute(written, command.place)
            entry = found.setdefault((path, operation), {"path": path, "op": operation})
            if ranges:
                entry["ranges"] = sorted({*entry.get("ranges", ()), *ranges}, key=_first_line)
            entry |= {"rule": "shell_read" if operation == "read" else "shell_change", "certainty": PARSED}
    for path in _hinted(hint, cwd):
        changed = [entry for (known, op), entry in found.items() if known == path and op in _CHANGES]
        for entry in changed or [found.setdefault((path, "edit"), {"path": path, "op": "edit"})]:
            entry.pop("rule", None)
            entry["certainty"] = OBSERVED
    return list(found.values())[:FILES_MAX]


def _missing(output: str) -> set[str]:
    """Return the words of the lines that say that something is not there, or could not be changed."""
    lines = [line for line in output[-_OUTPUT_MAX:].split("\n") if _MISSING.search(line)] if output else []
    return {word for line in lines for word in re.split(r"[\s:'\"`\u2018\u2019]+", line)} - _OF_MESSAGES


def _first_line(span: str) -> tuple[int, str]:
    digits = span.partition("-")[0]
    return (int(digits) if digits.isdigit() else 0, span)


def _hinted(hint: str, cwd: str) -> Iterator[str]:
    if named := _HINT.search(hint):
        for path in re.split(r",\s+", named["paths"]):
            if path.strip():
                yield absolute(path.strip(), cwd)


def _touches(command: SimpleCommand, after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    reading = _TOUCHING.get(command.program)
    if reading and not command.negated:
        for path, operation, ranges in reading(command, after):
            if not _NO_FILE.search(path):
                yield path, operation, ranges
    for redirect in command.redirects:
        target = redirect.target
        if target.dynamic or _NO_FILE.search(target.text):
            continue
        if redirect.operator in WRITING:
            yield target.text, "edit" if ">>" in redirect.operator else "write", ()
        elif redirect.operator == "<":
            yield target.text, "read", ()


def _names(command: SimpleCommand, values: str = "", start: int = 1) -> list[str]:
    """Return the words of a command that name files; options that are listed take the word after them."""
    taking, names, only = frozenset(values.split()), [], False
    at = start
    words = command.words
    while at < len(words):
        word = words[at]
        if not only and word.text == "--":
            only = True
        elif not only and is_option(word):
            at += word.text in taking
        elif not word.dynamic:
            names.append(word.text)
        at += 1
    return names


def _option(words: Sequence[Word], *names: str) -> str:
    """Return the value of an option that stands in one of several forms; empty without it."""
    for number, word in enumerate(words):
        for name in names:
            if word.text == name:
                return words[number + 1].text if number + 1 < len(words) else ""
            if word.text.startswith(f"{name}=") or (len(name) == 2 and word.text.startswith(name)):
                return word.text[len(name) :].removeprefix("=")
    return ""


def _read(command: SimpleCommand, after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    ranges: tuple[str, ...] = ()
    if after and after[0].joined == "|" and after[0].filter:
        # `cat file | head -50` reads what `head -50 file` reads.
        ranges = _ranges_of(after[0])
    for name in _names(command, "-l -r --line-range --style --language -n" if command.program == "bat" else ""):
        yield name, "read", ranges


def _read_part(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    for name in _names(command, "-n -c --lines --bytes --pid -s"):
        yield name, "read", _ranges_of(command)


def _ranges_of(command: SimpleCommand) -> tuple[str, ...]:
    """Return which lines a command shows: of `head`, `tail` and `sed -n`."""
    words = command.words[1:]
    if command.program == "sed":
        shown = [word for word in words if not is_option(word)][:1]
        quiet = any(word.text in {"-n", "--quiet", "--silent"} for word in words)
        spans = _SED_RANGE.findall(shown[0].text) if shown and quiet else []
        return tuple(f"{first}-{'' if last == '$' else last or first}" for first, last in spans)
    if command.program not in {"head", "tail"} or _option(words, "-c", "--bytes"):
        return ()
    old = next((found[1] for word in words if (found := _OLD_COUNT.match(word.text))), "")
    count = old or _option(words, "-n", "--lines") or "10"
    if not count.lstrip("+-").isdigit():
        return ()
    if command.program == "head":
        return () if count.startswith("-") else (f"1-{count.lstrip('+')}",)
    return (f"{count[1:]}-",) if count.startswith("+") else (f"-{count.lstrip('-')}",)


def _sed(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    words = command.words[1:]
    in_place = any(re.match(r"-[nErsz]*i|--in-place", word.text) for word in words)
    has_script = any(re.match(r"(?:-[nErsz]*[ef]|--expression|--file)\b", word.text) for word in words)
    names = _names(command, "-e -f -l --expression --file -ne -nE")
    for name in names if has_script else names[1:]:
        yield name, "edit" if in_place else "read", () if in_place else _ranges_of(command)


def _awk(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    names = _names(command, "-F -v -f")
    for name in names if _option(command.words[1:], "-f") else names[1:]:
        if "=" not in name:
            yield name, "read", ()


def _perl(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    words = command.words[1:]
    if any(re.match(r"-\w*i", word.text) and not word.quoted for word in words):
        for name in _names(command, "-e -pe -ne -pie -i -pi"):
            if not re.search(r"[\s;{}]", name) and not re.match(r"s\W|y\W|tr\W", name):
                yield name, "edit", ()


def _tee(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    appends = any(word.text in {"-a", "--append"} for word in command.words)
    for name in _names(command):
        yield name, "edit" if appends else "write", ()


def _move(command: SimpleCommand, _after: Sequence[SimpleCommand], start: int = 1) -> Iterator[_Touch]:
    for source, target in _pairs(command, start):
        yield source, "rename", ()
        yield target, "rename", ()


def _copy(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    for source, target in _pairs(command, 1):
        yield source, "read", ()
        yield target, "write", ()


def _pairs(command: SimpleCommand, start: int) -> Iterator[tuple[str, str]]:
    """Return from where to where something goes. A target is a folder if it ends so, or many things go there."""
    names = _names(command, "-t --target-directory -S --suffix", start)
    folder = _option(command.words[start:], "--target-directory") or (
        _option(command.words[start:], "-t") if any(word.text == "-t" for word in command.words) else ""
    )
    if not folder and len(names) < 2:
        return
    *sources, target = [*names, folder] if folder else names
    into = bool(folder) or len(sources) > 1 or target.endswith("/") or target in {".", "..", "~"}
    for source in sources:
        bare = source.rstrip("/").rpartition("/")[2]
        guessed = _EXTENSION.search(bare) and not _EXTENSION.search(target)
        yield source, f"{target.rstrip('/') or '/'}/{bare}" if into or guessed else target


def _delete(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    for name in _names(command):
        yield name, "delete", ()


def _create(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    for name in _names(command, "-t -d -r --date --reference"):
        yield name, "create", ()


def _link(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    for _, target in _pairs(command, 1):
        yield target, "create", ()


def _truncate(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    for name in _names(command, "-s --size -r"):
        yield name, "edit", ()


def _patch(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    for path in _PATCHED.findall(command.here or ""):
        yield path, "edit", ()


def _download(command: SimpleCommand, _after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    names = ("-o", "--output") if command.program == "curl" else ("-O", "--output-document")
    if path := _option(command.words[1:], *names):
        yield path, "write", ()


def _git(command: SimpleCommand, after: Sequence[SimpleCommand]) -> Iterator[_Touch]:
    verb = command.subcommand
    at = next((n for n, word in enumerate(command.words) if word.text == verb), 0) + 1
    if verb == "mv":
        yield from _move(command, after, at)
    elif verb == "rm" and not any(word.text == "--cached" for word in command.words):
        yield from ((name, "delete", ()) for name in _names(command, "", at))
    elif verb == "restore":
        staged = [word.text for word in command.words if word.text in {"--staged", "-S", "--worktree", "-W"}]
        if not staged or {"--worktree", "-W"} & {*staged}:
            yield from ((name, "write", ()) for name in _names(command, "-s --source", at))
    elif verb == "checkout":
        # Without the dashes a name may be a branch.
        dashes = next((n for n, word in enumerate(command.words) if word.text == "--"), None)
        if dashes is not None:
            yield from ((name, "write", ()) for name in _names(command, "", dashes))
    elif verb == "apply":
        yield from _patch(command, after)
        yield from ((name, "read", ()) for name in _names(command, "-p -C --directory --exclude --include", at))


_TOUCHING: Final[dict[str, Callable[[SimpleCommand, Sequence[SimpleCommand]], Iterator[_Touch]]]] = {
    **dict.fromkeys("cat less more bat nl tac".split(), _read),
    **dict.fromkeys("head tail".split(), _read_part),
    "sed": _sed,
    "awk": _awk,
    "perl": _perl,
    "tee": _tee,
    "mv": _move,
    "cp": _copy,
    "rm": _delete,
    "unlink": _delete,
    "touch": _create,
    "ln": _link,
    "truncate": _truncate,
    "patch": _patch,
    "curl": _download,
    "wget": _download,
    "git": _git,
}
