"""
Secrets out, before anything leaves the process: at any depth, in keys and values, in JSON within texts.

Best effort, by shape and by name (docs/redaction.md). A look at all texts at once decides whether there is anything
to do, which for most payloads there is not; it runs the same expressions as the work itself, and so misses nothing
that the work would find.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from itertools import count, pairwise
from typing import Final

import orjson

from cc_otel.agent.redaction.key_blocks import BEGIN, END, ended_keys, open_keys
from cc_otel.agent.redaction.linear import Finder, Searcher, compiled
from cc_otel.agent.redaction.names import (
    ASSIGNMENT,
    FLAG,
    NUMBER_MIN,
    Name,
    assigned_secrets,
    flagged_secrets,
    is_member_secret,
    telling,
)
from cc_otel.agent.redaction.patterns import COMMANDS, IN_CONTEXT, TOKENS, Shapes, kept_patterns
from cc_otel.json_values import Json

CANDIDATES_MAX: Final = 50_000
"""How much that looks like a secret is judged in one payload; what comes after is taken out unread."""

WORDS_MAX: Final = 256
"""A longer list is no command."""

_UNREAD: Final = "too-much"
_BETWEEN_WORDS: Final = "\t"
_PROGRAM: Final = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*\Z")
_OPTION: Final = re.compile(r"--?[A-Za-z][A-Za-z0-9_-]*\Z")
_NAMES: Final = ("name", "key", "Name", "Key")
_VALUES: Final = ("value", "Value")


@dataclass(frozen=True, slots=True)
class Redacted:
    """A value without the secrets that were found in it, and how many were."""

    value: Json
    count: int


def redact(value: Json) -> Redacted:
    """
    Replace every secret in a value by its kind, ``[redacted:github-token]``.

    A text that is itself JSON stays JSON. What holds no secret comes back as it is. Never fails.
    """
    if not _are_suspicious(_texts(value)):
        return Redacted(value, 0)
    work = _Redaction()
    redacted = work.value(value)
    return Redacted(redacted, work.count) if work.count else Redacted(value, 0)


def redact_text(text: str) -> tuple[str, int]:
    """Replace every secret in a text by its kind, as `redact` does; give how many there were."""
    work = _Redaction()
    return work.text(text), work.count


def might_hold_secret(value: Json) -> bool:
    """Whether `redact` looks closer. Where it does not, it would find nothing."""
    return _are_suspicious(_texts(value))


class _Redaction:
    """One payload being redacted."""

    def __init__(self) -> None:
        self.count = 0
        self._candidates_left = CANDIDATES_MAX

    def value(self, value: Json) -> Json:
        """Give the value without secrets."""
        # A list of work instead of recursion: JSON of 10,000 levels is still JSON.
        waiting: list[_Container] = []
        result = self._part(value, None, waiting)
        while waiting:
            source, target, name = waiting.pop()
            if isinstance(source, dict) and isinstance(target, dict):
                self._fill_object(source, target, name, waiting)
            elif isinstance(source, list) and isinstance(target, list):
                self._fill_list(source, target, name, waiting)
        return result

    def text(self, text: str) -> str:
        """Give the text without secrets, as JSON where it was JSON."""
        if not _are_suspicious(_texts(text)):
            return text
        if self._candidates_left <= 0:
            return self._mark(_UNREAD)
        self._candidates_left -= 1
        inside = _container(text)
        if inside is None:
            return self._plain(text)
        count = self.count
        without = self.value(inside)
        if self.count > count:
            text = _written(without)
        count = self.count
        redacted = self._plain(text)
        if _container(redacted) is None:
            # What was found across members took a quote along: only a member that is there twice was not seen above.
            self.count = count
            return _written(without)
        return redacted

    def _plain(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        for finder in _finders():
            data = self._without(data, finder)
        return data.decode("utf-8", "surrogatepass")

    def _without(self, data: bytes, finder: Finder) -> bytes:
        pieces: list[bytes] = []
        position = 0
        for kind, start, end in finder(data):
            self._candidates_left -= 1
            is_last = self._candidates_left < 0
            if kind or is_last:
                pieces += data[position:start], self._mark(_UNREAD if is_last else kind).encode()
                position = len(data) if is_last else end
            if is_last:
                break
        return b"".join([*pieces, data[position:]]) if pieces else data

    def _mark(self, kind: str) -> str:
        self.count += 1
        return f"[redacted:{kind}]"

    def _part(self, part: Json, name: Name | None, waiting: list["_Container"]) -> Json:
        """Give a text or a number without secrets, or an empty container and the work of filling it."""
        match part:
            case str():
                return self._told(part, name) if name else self.text(part)
            case dict():
                members: dict[str, Json] = {}
                waiting.append((part, members, name if name and name.strong else None))
                return members
            case list():
                items: list[Json] = []
                waiting.append((part, items, name))
                return items
            case int() if name and name.strong and abs(part) >= NUMBER_MIN:
                return self._mark(name.kind)
            case _:
                return part

    def _told(self, text: str, name: Name) -> str:
        """Give what stands under a telling name: its kind, in full, unless it holds no secret."""
        count = self.count
        redacted = self.text(text)
        if not is_member_secret(name, text) or (redacted.startswith("[redacted:") and redacted.endswith("]")):
            return redacted
        self.count = count
        return self._mark(name.kind)

    def _fill_object(
        self, source: dict[str, Json], target: dict[str, Json], name: Name | None, waiting: list["_Container"]
    ) -> None:
        keys = {key: self.text(key) for key in source} if _are_suspicious(["\n".join(source)]) else {}
        named = _named_by_member(source)
        for key, member in source.items():
            promise = (telling(named) if named else name) if key in _VALUES else telling(key)
            target[_unused(keys.get(key, key), target)] = self._part(member, promise, waiting)

    def _fill_list(
        self, source: list[Json], target: list[Json], name: Name | None, waiting: list["_Container"]
    ) -> None:
        previous: Json = None
        if line := _command_line(source):
            commands = self._without(line.encode("utf-8", "surrogatepass"), _shapes()[2].secrets)
            source = [*commands.decode("utf-8", "surrogatepass").split(_BETWEEN_WORDS)]
        for item in source:
            if isinstance(item, str) and isinstance(previous, str) and _OPTION.match(previous):
                target.append(self._argument(previous, item))
            else:
                target.append(self._part(item, name, waiting))
            previous = item

    def _argument(self, option: str, argument: str) -> str:
        together = self.text(f"{option} {argument}")
        return self.text(together.removeprefix(option)[1:] if together.startswith(option) else argument)


def _unused(key: str, members: dict[str, Json]) -> str:
    """Give the key, numbered where another one has become equal to it."""
    if key not in members:
        return key
    return next(other for number in count(len(members) + 1) if (other := f"{key} {number}") not in members)


_Container = tuple[Json, Json, Name | None]


def _texts(value: Json) -> list[str]:
    """
    Give every text that `_Redaction` looks at, those within texts that are JSON too.

    Keys come with a sign behind them, as they name what they hold; so do members and options that name others.
    """
    texts: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            texts.append(item)
            if (inside := _container(item)) is not None:
                waiting.append(inside)
        elif isinstance(item, dict):
            texts.append("=\n".join(item) + "=")
            if named := _named_by_member(item):
                texts.append(named + "=")
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
            if line := _command_line(item):
                texts.append(line)
            if len(item) > 1:
                texts.extend(f"{one} {two}" for one, two in pairwise(item) if isinstance(one, str) and one[:1] == "-")
    return texts


def _are_suspicious(texts: list[str]) -> bool:
    return _anything().search("\n".join(texts).encode("utf-8", "surrogatepass")) is not None


def _named_by_member(members: dict[str, Json]) -> str:
    """Give the name in ``{"name": "API_TOKEN", "value": "…"}``, as lists of variables and headers are written."""
    if not any(key in members for key in _VALUES):
        return ""
    return next((name for key in _NAMES if isinstance(name := members.get(key), str)), "")


def _command_line(items: list[Json]) -> str:
    """Give a command that may take a password and comes as a list of its words; nothing where it does not."""
    if not 1 < len(items) <= WORDS_MAX or not isinstance(items[0], str) or not _PROGRAM.match(items[0]):
        return ""
    if not any(isinstance(item, str) and item[:2] in {"-p", "-a"} for item in items):
        return ""
    words = [item for item in items if isinstance(item, str) and _BETWEEN_WORDS not in item]
    return _BETWEEN_WORDS.join(words) if len(words) == len(items) else ""


def _container(text: str) -> dict[str, Json] | list[Json] | None:
    """Read a text that is a JSON object or list; None where it is not."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            # Lone surrogates and NaN, which programs write and the standard library reads.
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict | list) else None


def _written(value: Json) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        try:
            return json.dumps(value)
        except (ValueError, RecursionError):
            return f'["[redacted:{_UNREAD}]"]'


@cache
def _shapes() -> tuple[Shapes, Shapes, Shapes]:
    return Shapes((*TOKENS, *kept_patterns())), Shapes(IN_CONTEXT), Shapes(COMMANDS)


@cache
def _finders() -> tuple[Finder, ...]:
    # Whole keys before what else they may hold; what shows by its own shape before what is only named a secret.
    return (ended_keys, open_keys, *(shapes.secrets for shapes in _shapes()), assigned_secrets, flagged_secrets)


@cache
def _anything() -> Searcher:
    """Find what any of the finders would look at."""
    expressions = [expression for shapes in _shapes() for expression in shapes.expressions]
    return compiled(*expressions, ASSIGNMENT, FLAG, BEGIN, END)
