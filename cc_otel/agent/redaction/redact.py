"""
Secrets out, before anything leaves the process: at any depth, in keys and values, in JSON within texts.

Best effort, by shape and by name (docs/redaction.md). A look at all texts at once decides whether there is anything
to do, which for most payloads there is not; it runs the same expressions as the work itself, and so misses nothing
that the work would find.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import count, groupby
from typing import Final

from cc_otel.agent.redaction.kept import kept_patterns
from cc_otel.agent.redaction.key_blocks import BEGIN, END, private_keys
from cc_otel.agent.redaction.linear import Finder, Searcher, compiled
from cc_otel.agent.redaction.lists import spans_across, without
from cc_otel.agent.redaction.members import NUMBER_MIN, command_line, named_by_member, promise_of, texts_of
from cc_otel.agent.redaction.names import (
    ASSIGNMENT,
    FLAG,
    PAIR,
    assigned_secrets,
    flagged_secrets,
    is_member_secret,
    paired_secrets,
)
from cc_otel.agent.redaction.neighbours import NEIGHBOUR, neighbouring_secrets
from cc_otel.agent.redaction.nested import container, embedded, written
from cc_otel.agent.redaction.patterns import Shapes
from cc_otel.agent.redaction.places import COMMANDS, IN_CONTEXT
from cc_otel.agent.redaction.tables import HEAD, PLACES, block_secrets, column_secrets
from cc_otel.agent.redaction.vendors import TOKENS
from cc_otel.agent.redaction.words import NAME_END, Name, telling
from cc_otel.json_values import Json

CANDIDATES_MAX: Final = 50_000
"""How much that looks like a secret is judged in one payload; what comes after is taken out unread."""

COMMAND_PASSES_MAX: Final = 8
"""How many secrets one command may be given; each pass finds the next one of every command."""

COMMAND_BYTES_MAX: Final = 2_048
"""How far a command is read for what it is given, bytes."""

KNOWN_LENGTH_MAX: Final = 256
KNOWN_MAX: Final = 4096
"""Whether texts of that length are suspicious is remembered of so many: paths, ids and names come with every event."""

UNREAD: Final = "too-much"
_UNREAD_MARK: Final = f"[redacted:{UNREAD}]".encode()
_OPTION: Final = re.compile(r"--?[A-Za-z][A-Za-z0-9_-]*\Z")
_VALUES: Final = ("value", "Value", "ParameterValue")


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
    if not are_suspicious(texts_of(value)):
        return Redacted(value, 0)
    work = _Redaction()
    redacted = work.value(value)
    return Redacted(redacted, work.count) if work.count else Redacted(value, 0)


def redact_text(text: str) -> tuple[str, int]:
    """Replace every secret in a text by its kind, as `redact` does. Return the text and how many there were."""
    work = _Redaction()
    return work.text(text), work.count


def are_suspicious(texts: list[str]) -> bool:
    """Whether anything in these texts is worth looking at closer. Where it is not, no finder finds anything."""
    data = "\n".join(texts).encode("utf-8", "surrogatepass")
    shapes, names = _first_looks()
    if any(look.search(data) is not None for look in shapes):
        return True
    if _telling().search(data) is None:
        return False
    # A table has more lines than its head.
    has_lines = data.count(b"\n") >= len(texts)
    return any(look.search(data) is not None for look in names) or (has_lines and _head().search(data) is not None)


@lru_cache(KNOWN_MAX)
def _known_suspicious(text: str) -> bool:
    return are_suspicious(texts_of(text))


class _Redaction:
    """One payload being redacted."""

    def __init__(self) -> None:
        self.count = 0
        self._candidates_left = CANDIDATES_MAX

    def value(self, value: Json) -> Json:
        """Return the value without secrets."""
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
        """Return the text without secrets, as JSON where it was JSON."""
        suspicious = _known_suspicious(text) if len(text) <= KNOWN_LENGTH_MAX else are_suspicious(texts_of(text))
        if not suspicious:
            return text
        if self._candidates_left <= 0:
            return self._mark(UNREAD)
        self._candidates_left -= 1
        inside = container(text)
        if inside is None:
            return self._plain(self._embedded(text))
        count = self.count
        safe = self.value(inside)
        if self.count > count:
            text = written(safe)
        count = self.count
        redacted = self._plain(text)
        if container(redacted) is None:
            # What was found across members took a quote along: only a member that is there twice was not seen above.
            self.count = count
            return written(safe)
        return redacted

    def _embedded(self, text: str) -> str:
        """Redact the JSON that a text holds among other lines, a log's or a stream's, as JSON."""
        pieces: list[str] = []
        position = 0
        for start, end, inside in embedded(text):
            count = self.count
            safe = self.value(inside)
            if self.count > count:
                pieces += text[position:start], written(safe)
                position = end
        return "".join([*pieces, text[position:]]) if pieces else text

    def _plain(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        for finder in _finders():
            data = self._without(data, finder)
        return self._commands(data).decode("utf-8", "surrogatepass")

    def _commands(self, data: bytes) -> bytes:
        for _ in range(COMMAND_PASSES_MAX):
            count = self.count
            data = self._without(data, _shapes()[2].secrets)
            if self.count == count:
                break
        return data

    def _without(self, data: bytes, finder: Finder) -> bytes:
        pieces: list[bytes] = []
        position = 0
        for kind, start, end in finder(data):
            self._candidates_left -= 1
            is_last = self._candidates_left < 0
            if is_last and data.endswith(_UNREAD_MARK):
                # Another finder came to the limit before, further on: its mark goes with the rest.
                self.count -= 1
            if kind or is_last:
                mark = self._mark(UNREAD if is_last else kind)
                pieces += data[position:start], mark.encode()
                position = len(data) if is_last else end
            if is_last:
                break
        return b"".join([*pieces, data[position:]]) if pieces else data

    def _mark(self, kind: str) -> str:
        self.count += 1
        return f"[redacted:{kind}]"

    def _part(self, part: Json, name: Name | None, waiting: list["_Container"]) -> Json:
        """Return a text or a number without secrets, or an empty container, and add the work of filling it."""
        match part:
            case str():
                return self._named(part, name) if name else self.text(part)
            case dict():
                members: dict[str, Json] = {}
                waiting.append((part, members, name if name and (name.strong or name.plural) else None))
                return members
            case list():
                items: list[Json] = []
                waiting.append((part, items, name))
                return items
            case int() if name and name.strong and abs(part) >= NUMBER_MIN:
                return self._mark(name.kind)
            case _:
                return part

    def _named(self, text: str, name: Name) -> str:
        """Return what stands under a telling name: its kind, in full, unless it holds no secret."""
        count = self.count
        redacted = self.text(text)
        if not is_member_secret(name, text) or (redacted.startswith("[redacted:") and redacted.endswith("]")):
            return redacted
        self.count = count
        return self._mark(name.kind)

    def _fill_object(
        self, source: dict[str, Json], target: dict[str, Json], name: Name | None, waiting: list["_Container"]
    ) -> None:
        keys = {key: self.text(key) for key in source} if are_suspicious(["\n".join(source)]) else {}
        named = named_by_member(source)
        for key, member in source.items():
            promise = promise_of(key, source, name)
            if key in _VALUES and named:
                promise = telling(named) or (name if name and name.plural else None)
            target[_unused(keys.get(key, key), target)] = self._part(member, promise, waiting)

    def _fill_list(
        self, source: list[Json], target: list[Json], name: Name | None, waiting: list["_Container"]
    ) -> None:
        items = self._joined(source)
        if line := command_line(items):
            items = [
                *self._commands(line.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass").split("\t")
            ]
        # [["Authorization", "…"], …], as headers are listed.
        is_pair = len(items) == 2 and isinstance(items[0], str) and name is None
        pair = telling(items[0]) if is_pair and isinstance(items[0], str) else None
        previous: Json = None
        for item in items:
            if isinstance(item, str) and isinstance(previous, str) and _OPTION.match(previous):
                target.append(self._argument(previous, item))
            elif pair and previous is not None and isinstance(item, str):
                target.append(self._argument(f"{previous}:", item))
            else:
                target.append(self._part(item, name, waiting))
            previous = item

    def _joined(self, items: list[Json]) -> list[Json]:
        """Redact what goes on from one text of a list to the next, as the lines of a diff do; all keep their places."""
        joined: list[Json] = []
        for are_texts, run in groupby(items, key=lambda item: isinstance(item, str)):
            texts = list(run)
            if are_texts and len(texts) > 1 and are_suspicious(["\n".join(map(str, texts))]):
                lines = [str(text).encode("utf-8", "surrogatepass") for text in texts]
                spans = list(spans_across(lines, self._candidates_left))
                self._candidates_left -= len(spans)
                marks = [(start, end, self._mark(kind)) for kind, start, end in spans if kind]
                texts = [line.decode("utf-8", "surrogatepass") for line in without(lines, marks)]
            joined += texts
        return joined

    def _argument(self, option: str, argument: str) -> str:
        together = self.text(f"{option} {argument}")
        return self.text(together.removeprefix(option)[1:] if together.startswith(option) else argument)


_Container = tuple[Json, Json, Name | None]


def _unused(key: str, members: dict[str, Json]) -> str:
    """Return the key, numbered where another one has become equal to it."""
    if key not in members:
        return key
    return next(other for number in count(len(members) + 1) if (other := f"{key} {number}") not in members)


@cache
def _shapes() -> tuple[Shapes, Shapes, Shapes]:
    return Shapes((*TOKENS, *kept_patterns())), Shapes(IN_CONTEXT), Shapes(COMMANDS, COMMAND_BYTES_MAX)


@cache
def _finders() -> tuple[Finder, ...]:
    # Whole keys before what else they may hold; what shows by its own shape before what is only named a secret.
    tokens, in_context, commands = _shapes()
    named = (paired_secrets, assigned_secrets, flagged_secrets, column_secrets, block_secrets, neighbouring_secrets)
    return (private_keys, tokens.secrets, in_context.secrets, commands.secrets, *named)


@cache
def _first_looks() -> tuple[tuple[Searcher, ...], tuple[Searcher, ...]]:
    """
    Return what finds whatever any of the finders would look at: by its shape or place, and by a telling name.

    Several expressions and not one: RE2 makes a state of each combination of what may still match, and too many of
    these drive it from its fast machine to its slower one. These go together.
    """
    tokens, in_context, commands = _shapes()
    shapes = (
        compiled(*tokens.expressions, BEGIN, END),
        compiled(*in_context.expressions, *commands.expressions),
    )
    return shapes, (compiled(ASSIGNMENT, FLAG, NEIGHBOUR), compiled(*PLACES, PAIR))


@cache
def _telling() -> Searcher:
    """Find what is in every telling name: where it is not, there is no name to look for."""
    return compiled(NAME_END, rb"bearer")


@cache
def _head() -> Searcher:
    return compiled(HEAD)
