"""Which program a command runs, and which of its subcommands: ``git stash pop``, ``npm run lint``, ``make test``."""

import re
from collections.abc import Mapping
from typing import Final

from cc_otel.agent.facts.commands import peel
from cc_otel.agent.facts.commands.masks import masked_path, masked_word
from cc_otel.agent.facts.commands.places import from_root, joined
from cc_otel.agent.facts.commands.programs import Program
from cc_otel.agent.facts.commands.tree import Word

ALIASES: Final[Mapping[str, str]] = {
    "py.test": "pytest",
    "pytest-3": "pytest",
    "pip3": "pip",
    "gmake": "make",
    "nodejs": "node",
    "ripgrep": "rg",
    "ugrep": "grep",
    "gsed": "sed",
    "gawk": "awk",
    "mawk": "awk",
    "fdfind": "fd",
    "gradlew": "gradle",
    "gradlew.bat": "gradle",
    "mvnw": "mvn",
    "mvnd": "mvn",
    "podman": "docker",
    "docker-compose": "docker compose",
    "podman-compose": "docker compose",
    "[[": "[",
    "tofu": "terraform",
    "k": "kubectl",
    "batcat": "bat",
}

NPM_VERBS: Final = frozenset(
    "install i ci add remove rm uninstall un update up upgrade outdated audit list ls la ll link unlink publish pack "
    "view info show init create config cache login logout whoami version root prefix prune dedupe dlx exec x why "
    "import fund doctor help search token owner org team ping rebuild explain store patch bin workspaces workspace set "
    "get pm completion global plugin unplug up approve-builds self-update env".split()
)
"""What a JavaScript package manager does itself; any other word is a script of the package."""


_WITH_VALUE: Final = re.compile(r"--?[A-Za-z][\w.-]*=")


def is_option(word: Word) -> bool:
    """Whether a word is an option."""
    if len(word.text) < 2 or word.text[0] != "-":
        return False
    # A quoted text that begins with a dash is none, but for `--since='2 weeks ago'`.
    return not (word.quoted and " " in word.text) or _WITH_VALUE.match(word.text) is not None


_VERSIONED: Final = re.compile(r"\A(pip|ruby|perl|php|node|lua|gcc|g\+\+|clang|clang\+\+|java)-?\d+(?:\.\d+)*\Z")
_BIN: Final = re.compile(r"(?:\A|/)(?:s?bin|\.bin|Scripts)/[^/]+\Z")


def program_and_rest(words: list[Word], left: peel.Peeled, root: str) -> tuple[str, list[Word]]:
    """Return the program's name and the words after it."""
    if not words:
        return left.by[-1] if left.by else "", []
    text = words[0].text
    name = peel.name_of(words[0])
    rest = words[1:]
    if left.module:
        name = text.partition(".")[0] if text.split(".")[0] in {"pytest", "unittest", "mypy", "pip"} else text
    elif peel.is_python(name):
        # A program of Python's own environment is Python, wherever that lies.
        name = "python"
    elif "/" in text and not (_BIN.search(text) or name in ALIASES or name in {"manage.py", "artisan"}):
        path = from_root(joined(left.directory, text), root)
        name = masked_path(path) if path else name
    if found := _VERSIONED.match(name):
        name = found[1]
    name = ALIASES.get(name, name)
    if name == "docker compose":
        return "docker", [Word("compose"), *rest]
    if name in {"python", "php"} and (script := _manage(rest)):
        return script
    return name, rest


def _manage(rest: list[Word]) -> tuple[str, list[Word]] | None:
    """Return a script that is a program of its own: Django's or Laravel's, wherever it lies."""
    if rest and peel.name_of(rest[0]) in {"manage.py", "artisan"}:
        return peel.name_of(rest[0]), rest[1:]
    return None


def subcommand_and_rest(program: str, known: Program, words: list[Word]) -> tuple[str, list[Word]]:
    """Return the subcommand, and the words without it."""
    if known.many:
        return _tasks(known, words)
    found: list[str] = []
    wanted = known.verbs
    left, at = [], 0
    while at < len(words):
        word = words[at]
        text = word.text
        if not found and program == "cargo" and text.startswith("+"):
            # A toolchain.
            at += 1
            continue
        if text == "--" or len(found) >= wanted:
            break
        if is_option(word):
            name, equals, _ = text.partition("=")
            left.append(word)
            if not equals and (name in known.values or name in known.directory or name in known.selects):
                left += words[at + 1 : at + 2]
                at += 1
        elif word.dynamic or not _VERB.match(text):
            break
        else:
            found.append(text)
            if len(found) == 1 and text in known.families:
                wanted = 2
            if program == "uv" and text not in {"pip", "tool", "python", "cache", "self"}:
                wanted = 1
        at += 1
    rest = [*left, *words[at:]]
    if program in {"npm", "pnpm", "yarn", "bun"}:
        return _package_script(program, found, left, words[at:])
    return " ".join(found), rest


_VERB: Final = re.compile(r"\A[A-Za-z][\w:.-]*\Z")


def _tasks(known: Program, words: list[Word]) -> tuple[str, list[Word]]:
    """Return the tasks that a runner is given (``make clean test``), and its other words."""
    tasks: list[str] = []
    rest: list[Word] = []
    at = 0
    while at < len(words):
        word = words[at]
        name, equals, _ = word.text.partition("=")
        if is_option(word):
            rest.append(word)
            if not equals and (name in known.values or name in known.selects or name in known.directory):
                rest += words[at + 1 : at + 2]
                at += 1
        elif equals or word.dynamic or len(tasks) >= 8:
            # `make VERSION=2 test`: a variable, which is no target.
            rest.append(word)
        else:
            tasks.append(masked_word(word.text))
        at += 1
    return " ".join(tasks), rest


def _package_script(program: str, found: list[str], before: list[Word], after: list[Word]) -> tuple[str, list[Word]]:
    """Return which script of the package runs: ``run lint``; ``test``, however it is called."""
    rest = [*before, *after]
    if not found:
        return "", rest
    verb = found[0]
    if verb in {"run", "run-script"}:
        at = next((n for n, word in enumerate(after) if not is_option(word)), None)
        if at is None:
            return "run", rest
        script, rest = after[at].text, [*before, *after[:at], *after[at + 1 :]]
        return ("test" if script == "test" else f"run {script}"), rest
    if verb in {"test", "t", "tst"}:
        return "test", rest
    if verb in {"start", "stop", "restart"}:
        return f"run {verb}", rest
    verb = {"i": "install", "rm": "remove", "un": "uninstall", "up": "update", "ls": "list"}.get(verb, verb)
    if program != "npm" and verb not in NPM_VERBS and not (program == "bun" and verb == "build"):
        return f"run {verb}", rest
    return verb, rest
