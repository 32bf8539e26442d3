"""One simple command: what runs, on what, chosen how, and the four texts that two runs of it may share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

from cc_otel.agent.facts.commands import peel
from cc_otel.agent.facts.commands.classes import class_of
from cc_otel.agent.facts.commands.masks import MESSAGE, masked_path, masked_word
from cc_otel.agent.facts.commands.places import from_root, joined, looks_like_path
from cc_otel.agent.facts.commands.programs import Program, program_of
from cc_otel.agent.facts.commands.tree import Redirect, Step, Word
from cc_otel.agent.facts.commands.verbs import is_option, program_and_rest, subcommand_and_rest

RULE: Final = 1
"""The version of the rule that makes keys; a key may be compared with keys of the same rule only."""

TEXT_MAX: Final = 500
"""Longest text of one command, characters; what is longer keeps its beginning and a digest of the whole."""

WRITING: Final = frozenset({">", ">>", ">|", "&>", "&>>", ">&"})
"""Redirects that change a file."""

TARGETS_MAX: Final = 32
"""How many targets of one command are named."""


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """
    One command of a chain, without what wraps it.

    ``exact`` is what was typed without redirects, ``masked`` the peeled command with paths from the repository's root
    and masks in place of what differs from run to run, ``key`` its digest. ``options`` select (``-k``), ``targets`` are
    all other words that are no options; inline code is a target. ``dir`` is where it runs: from the repository's root,
    else absolute, from home (``~``). ``joined`` is the operator before it, ``words`` the peeled ones, ``place`` the
    directory in full.
    """

    program: str
    subcommand: str
    kind: str
    exact: str
    masked: str
    targets: tuple[str, ...]
    options: Mapping[str, str]
    dir: str
    key: str
    filter: bool = False
    joined: str = ""
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    place: str = ""
    scope: tuple[int, ...] = ()
    condition: bool = False
    loop: bool = False
    negated: bool = False
    background: bool = False
    substituted: bool = False
    by: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    here: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as `cc_otel.command.parts` lists it."""
        return {
            "program": self.program,
            "subcommand": self.subcommand,
            "class": self.kind,
            "exact": self.exact,
            "masked": self.masked,
            "targets": list(self.targets),
            "options": dict(self.options),
            "dir": self.dir,
            "key": self.key,
            "filter": self.filter,
        }


def simple_command(step: Step, left: peel.Peeled, root: str, joined_by: str) -> SimpleCommand:
    """Return what a peeled step of a shell text does."""
    reading, texts = _Reading(left, root), [word.text for word in left.words]
    if step.here is not None and _takes_code(reading, step):
        reading.take_code(step.here)
    written = reading.take_written(step.redirects)
    if reading.program == "[":
        reading.masked.append("]")
    masked = bounded(" ".join(filter(None, reading.masked)))
    kind = class_of(reading.program, reading.subcommand, texts, reading.script)
    if kind == "other" and left.module:
        # A module of the project's own.
        kind = "run"
    return SimpleCommand(
        program=reading.program,
        subcommand=reading.subcommand,
        kind="edit" if written else kind,
        exact=bounded(_as_typed(step)),
        masked=masked,
        targets=tuple(reading.targets[:TARGETS_MAX]),
        options=reading.options,
        dir=from_root(reading.directory, root) if reading.directory else "",
        key=key_of(masked),
        joined=joined_by,
        words=tuple(left.words),
        redirects=tuple(step.redirects),
        place=reading.directory,
        scope=step.scope,
        condition=step.condition,
        loop=step.loop,
        negated=step.negated,
        background=step.background,
        substituted=step.substituted,
        by=left.by,
        assignments=tuple(step.assignments),
        here=step.here,
    )


def key_of(masked: str) -> str:
    """Return the key of a masked text: 16 hex digits."""
    return blake2b(masked.encode("utf-8", "replace"), digest_size=8).hexdigest()


def bounded(text: str) -> str:
    """Return a text that is short enough to keep: its beginning, and a digest of all where that is not all of it."""
    if len(text) <= TEXT_MAX:
        return text
    digest = key_of(text)
    return f"{text[: TEXT_MAX - len(digest) - 1]}…{digest}"


def _as_typed(step: Step) -> str:
    return " ".join([*step.assignments, *(_quoted(word) for word in step.words)])


def _quoted(word: Word) -> str:
    if not word.quoted or (word.text and not re.search(r"[\s'\"|&;<>()$`*?]", word.text)):
        return word.text
    return "'" + word.text + "'" if "'" not in word.text else '"' + word.text + '"'


def _takes_code(reading: "_Reading", step: Step) -> bool:
    """Whether the program reads its code from its input: an interpreter without a script of its own."""
    return reading.known.script and not reading.targets and step.here != ""


class _Reading:
    """Reads the words of one command from left to right."""

    def __init__(self, left: peel.Peeled, root: str) -> None:
        self.directory = left.directory
        self.targets: list[str] = []
        self.options: dict[str, str] = {}
        self.script = ""
        self._root = root
        rest = list(left.words)
        self.program, rest = program_and_rest(rest, left, root)
        self.known = program_of(self.program)
        self._set_directory(rest)
        self.subcommand, rest = subcommand_and_rest(self.program, self.known, rest)
        self.masked = [self.program, self.subcommand]
        self._read(rest)

    def take_code(self, code: str) -> None:
        """Take inline code: it is what runs."""
        self.targets.append(bounded(code.strip()))
        self.masked.append(_quoted(Word(masked_word(bounded(code.strip())), quoted=True)))

    def take_written(self, redirects: Sequence[Redirect]) -> bool:
        """Take the file that is written where nothing else is done (``cat > file``)."""
        if self.program not in _WRITERS:
            return False
        written = [r.target for r in redirects if r.operator in WRITING and r.descriptor in {"", "1"}]
        paths = [self._target(word) for word in written if word.text != "/dev/null"]
        self.targets += paths
        for path in paths:
            self.masked += [">", masked_path(path)]
        return bool(paths)

    def _set_directory(self, words: Sequence[Word]) -> None:
        """Take ``-C dir`` and its like before anything else: paths are seen from there."""
        for number, word in enumerate(words):
            option, equals, value = word.text.partition("=")
            if option in self.known.directory:
                following = words[number + 1].text if number + 1 < len(words) else ""
                self.directory = joined(self.directory, value if equals else following)

    def _read(self, words: Sequence[Word]) -> None:
        known, patterns, only_words = self.known, self.known.patterns, False
        at = 0
        while at < len(words):
            word, following = words[at], words[at + 1] if at + 1 < len(words) else None
            text = word.text
            at += 1
            if only_words or not is_option(word):
                at, patterns = self._word(words, at, patterns, after_dashes=only_words)
                if known.script and self.targets:
                    self.script = self.targets[0]
                    self._arguments(words[at:])
                    return
            elif text in {"-exec", "-execdir", "-ok"} and self.program == "find":
                self._arguments(words[at - 1 :])
                return
            elif text == "--":
                # What follows for a script of npm or a test of cargo's is read as their own words.
                only_words = self.program not in _PASSES_ON
                if self.program not in _SCRIPT_RUNNERS:
                    self.masked.append("--")
                if self.subcommand == "run" and self.program in _PASSES_ON:
                    self._arguments(words[at:])
                    return
            else:
                at += self._option(word, following)
                patterns -= self._gave_pattern(text)
                if known.script and self.targets:
                    self._arguments(words[at:])
                    return

    def _gave_pattern(self, text: str) -> int:
        """Return 1 where an option brought the pattern that would be the first word (``grep -e``)."""
        return int(text in {"-e", "--regexp", "--expression"} and self.known.patterns > 0)

    def _word(self, words: Sequence[Word], at: int, patterns: int, *, after_dashes: bool) -> tuple[int, int]:
        word = words[at - 1]
        if self._is_aside(word):
            self.masked.append(masked_word(word.text))
            return at, patterns
        if patterns > 0:
            self.targets.append(bounded(word.text))
            self.masked.append(_quoted(replace(word, text=masked_word(word.text))))
            return at, patterns - 1
        if self.known.pathless and not after_dashes and not self._names_paths():
            message = self.program in _PRINTING and word.quoted
            self.targets.append(bounded(word.text))
            self.masked.append(MESSAGE if message else _quoted(replace(word, text=masked_word(word.text))))
            return at, patterns
        target = self._target(word)
        self.targets.append(bounded(target))
        self.masked.append(_quoted(replace(word, text=_masked_target(target))))
        return at, patterns

    def _is_aside(self, word: Word) -> bool:
        """Whether a word is neither option nor target: a variable of `make`, the default verb of unittest."""
        if self.known.many:
            return "=" in word.text
        return self.program == "unittest" and word.text == "discover"

    def _names_paths(self) -> bool:
        return (self.program, self.subcommand) in _PATHS_OF

    def _target(self, word: Word) -> str:
        """Return a word that may be a path as the repository calls it."""
        text, at, rest = word.text, "", ""
        for mark in ("::", ":"):
            if not at and mark in text and not text.startswith(":"):
                # `tests/a.py::test_b`, `a.py:10`
                head, at, rest = text.partition(mark)
                text, at, rest = (head, at, rest) if looks_like_path(head) else (text, "", "")
        if not looks_like_path(text) and not (word.text and self._is_below(word)):
            return word.text
        pattern = "..." in text
        seen = from_root(joined(self.directory, text), self._root)
        if pattern and not seen.startswith(("/", "~", "$")):
            seen = "./" + seen
        return seen + at + rest

    def _is_below(self, word: Word) -> bool:
        """Whether a bare word is a path because of where it stands: a folder's name, seen from another folder."""
        return (
            self.program in _TAKES_PATHS
            and not word.dynamic
            and "\n" not in word.text
            and not _URL_LIKE.match(word.text)
            and " " not in word.text
        )

    def _option(self, word: Word, following: Word | None) -> int:
        """Take an option; return how many words after it were its value."""
        text, known = word.text, self.known
        name, equals, value = text.partition("=")
        selects = known.selects
        if name in known.directory:
            return 0 if equals or following is None else 1
        if name in known.code or (known.code and _is_code_bundle(text, known)):
            return self._code(name, following)
        if name in selects:
            return self._selecting(selects[name], value if equals else None, following)
        if self.program == "git" and _WITH_MESSAGE.match(text):
            # `git commit -am "text"`
            self.masked.append(text[:-1])
            return self._selecting("-m", None, following)
        if attached := self._attached(text, selects):
            return self._selecting(attached[0], attached[1], None)
        if text in known.flags:
            self.options[text] = ""
        takes = not equals and following is not None and name in known.values
        if self.program == "git" and text == "-n" and following is not None and following.text.isdigit():
            takes = True
        if takes and following is not None:
            self.masked += [name, _quoted(replace(following, text=self._option_value(following.text)))]
            return 1
        self.masked.append(f"{name}={self._option_value(value)}" if equals else masked_word(text))
        return 0

    def _attached(self, text: str, selects: Mapping[str, str]) -> tuple[str, str] | None:
        """Return ``-kname`` and ``-run^Test`` as option and value, where the program knows such."""
        if text.startswith("--") or len(text) <= 2 or text[:2] not in selects or self.program not in _ATTACHES:
            return None
        return selects[text[:2]], text[2:].removeprefix("=")

    def _option_value(self, value: str) -> str:
        if looks_like_path(value) and "/" in value and not self.known.pathless:
            return masked_path(from_root(joined(self.directory, value), self._root))
        return masked_word(value)

    def _selecting(self, name: str, value: str | None, following: Word | None) -> int:
        taken = 0
        if value is None:
            value, taken = (following.text, 1) if following is not None else ("", 0)
        if (name == "-m" and self.program in _MESSAGES) or name in _MESSAGE_OPTIONS:
            shown, kept = MESSAGE, _message(value)
        else:
            kept = self._option_target(value)
            shown = _quoted(Word(masked_word(kept), quoted=True))
        self.options[name] = bounded(f"{self.options[name]} {kept}" if name in self.options else kept)
        self.masked += [name, shown]
        return taken

    def _option_target(self, value: str) -> str:
        if "/" in value and looks_like_path(value) and not self.known.pathless:
            return from_root(joined(self.directory, value), self._root)
        return value

    def _code(self, name: str, following: Word | None) -> int:
        self.masked.append(name)
        if following is None:
            return 0
        self.take_code(following.text)
        return 1

    def _arguments(self, words: Sequence[Word]) -> None:
        """Take the words of a script: they are its own business, and stay in the text alone."""
        for word in words:
            path = looks_like_path(word.text) and "/" in word.text
            text = masked_path(self._target(word)) if path else masked_word(word.text)
            self.masked.append(_quoted(replace(word, text=text)))


_WITH_MESSAGE: Final = re.compile(r"\A-[a-zA-Z]{1,4}m\Z")
_PRINTING: Final = frozenset({"echo", "printf", "say", "notify-send"})
_MESSAGES: Final = frozenset({"git", "hg", "svn", "jj"})
_MESSAGE_OPTIONS: Final = frozenset({"--message", "--title", "--body", "--notes"})
_ATTACHES: Final = frozenset("pytest unittest git mvn cargo jest mocha rspec tox nox make".split())
_PATHS_OF: Final = frozenset(
    {("git", verb) for verb in "add rm mv restore apply am blame clean init".split()} | {("uv", "pip compile")}
)
_TAKES_PATHS: Final = frozenset(
    "pytest ruff mypy black isort flake8 pylint eslint prettier ls cat head tail wc rm mv cp mkdir rmdir touch ln find "
    "tree stat file du less more diff cmp tee sed chmod grep rg python node cd bash sh".split()
)
_SCRIPT_RUNNERS: Final = frozenset({"npm", "pnpm", "yarn", "bun"})
_PASSES_ON: Final = _SCRIPT_RUNNERS | {"cargo", "go", "dotnet", "swift", "bazel", "mix"}
_WRITERS: Final = frozenset({"cat", "echo", "printf"})
_HERE_MESSAGE: Final = re.compile(r"\A\$\(cat <<-?\s*['\"]?(\w+)['\"]?\n(.*?)\n?\s*\1\s*\)\Z", re.DOTALL)
_URL_LIKE: Final = re.compile(r"\A[\w+.-]+:(?://|$)|[{}<>|;]")


def _is_code_bundle(text: str, known: Program) -> bool:
    """Whether several short options stand in one word, the last of which takes code (``perl -pe``, ``bash -lc``)."""
    return 2 < len(text) <= 5 and not text.startswith("--") and f"-{text[-1]}" in known.code and text[1:].isalpha()


def _message(value: str) -> str:
    """Return a message, also of a heredoc that the shell puts in its place: the way that agents write long ones."""
    found = _HERE_MESSAGE.match(value)
    return found[2] if found else value


def _masked_target(target: str) -> str:
    path, at, rest = target.partition("::")
    if looks_like_path(path):
        return masked_path(path) + at + rest
    return masked_word(target)
