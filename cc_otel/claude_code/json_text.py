"""
JSON as the text somebody wrote: parts are added and taken out, and every other character stays as it is.

Strict JSON (RFC 8259), as Claude Code reads its settings: a byte order mark may stand before it; comments and trailing
commas are refused. Where a key stands twice, the last one counts.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"
DEFAULT_INDENT: Final = "  "
SPACE: Final = " \t\n\r"
_SPACE: Final = re.compile(f"[{SPACE}]*")


class Malformed(ValueError):
    """The text is no JSON; the message says where."""


class Number(str):
    """A number as it is written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A member of an object or an item of a list. ``start`` is its key's, or its value's where it has no key."""

    key: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class Container:
    """An object or a list: the positions of its brackets, and its parts."""

    opened: int
    closed: int
    parts: tuple[Part, ...]

    def last(self, key: str) -> Part | None:
        """Return the member that counts."""
        return next((part for part in reversed(self.parts) if part.key == key), None)


def _refuse(constant: str) -> object:
    raise Malformed(f"{constant} is no JSON value")


# Numbers stay text: a limit on their digits is no reason to refuse a file.
_DECODER: Final = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse)


def is_blank(text: str) -> bool:
    """Whether there is nothing in it."""
    return not text.strip(BYTE_ORDER_MARK + SPACE)


def parse(text: str) -> object:
    """
    Return the value of a whole text, its numbers as text.

    Raises:
        Malformed: it is no JSON.

    """
    try:
        return _DECODER.decode(text.removeprefix(BYTE_ORDER_MARK))
    except json.JSONDecodeError as error:
        raise Malformed(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None


def position(text: str, at: int) -> str:
    """Return a place as line and column, both counted from 1."""
    before = text[:at].removeprefix(BYTE_ORDER_MARK)
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def root(text: str) -> int:
    """Return where the value of a text that parses starts."""
    return _after_space(text, 1 if text.startswith(BYTE_ORDER_MARK) else 0)


def container(text: str, opened: int) -> Container:
    """Return the object or list that opens at a position of a text that parses."""
    parts = []
    at = _after_space(text, opened + 1)
    while text[at] not in "}]":
        key, start = "", at
        if text[opened] == "{":
            key, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        _, end = _DECODER.raw_decode(text, at)
        parts.append(Part(key, start, at, end))
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return Container(opened, at, tuple(parts))


def without(text: str, where: Container, number: int) -> str:
    """Take one of several parts out, with the comma and the space that set it apart."""
    part = where.parts[number]
    if number:
        return text[: where.parts[number - 1].end] + text[part.end :]
    return text[: part.start] + text[where.parts[1].start :]


def append(text: str, where: Container, value: object, key: str = "") -> str:
    """Add a last part, set apart and indented like its older siblings; ``key`` is for objects."""
    if where.parts:
        last = where.parts[-1]
        gap = text[len(text[: last.start].rstrip(SPACE)) : last.start]
        return text[: last.end] + "," + gap + _written(text, value, key, gap) + text[last.end :]
    if where.opened != root(text) and "\n" not in text.strip():
        return text[: where.opened + 1] + _written(text, value, key, "") + text[where.closed :]
    outer = _line_indent(text, where.opened)
    gap = _newline(text) + outer + _indent(text)
    return (
        text[: where.opened + 1] + gap + _written(text, value, key, gap) + _newline(text) + outer + text[where.closed :]
    )


def _written(text: str, value: object, key: str, gap: str) -> str:
    """Write a part so that it looks at home after this gap: on one line, or on several."""
    comma, colon = (", ", ": ") if gap else (",", ":")
    head = json.dumps(key, ensure_ascii=False) + colon if key else ""
    if "\n" not in gap:
        return head + json.dumps(value, ensure_ascii=False, separators=(comma, colon))
    lines = json.dumps(value, ensure_ascii=False, indent=_indent(text)).split("\n")
    return head + (_newline(text) + gap.rpartition("\n")[2]).join(lines)


def _indent(text: str) -> str:
    """Return what the text indents by: what stands before the first member that has a line of its own."""
    for part in container(text, root(text)).parts:
        _, newline, indent = text[: part.start].rpartition("\n")
        if newline and not indent.strip(SPACE):
            return indent
    return DEFAULT_INDENT


def _line_indent(text: str, at: int) -> str:
    line = text[:at].rpartition("\n")[2]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
