"""
Shapes of secrets: what a pattern is, how many of them are looked for at once, and what decides on a match.

All are bytes, so that no text has to be measured in characters, and they are found by RE2, in time linear in the text.
What RE2 lacks, looking around, is decided on the match itself (``accept``).
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cc_otel.agent.redaction.linear import Secret, compiled, innocent
from cc_otel.agent.redaction.values import is_placeholder, looks_random

Accept = Callable[[bytes, int, int], bool]
"""Whether what matched at these offsets of the text is a secret after all."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    One shape: the kind of secret, the regular expression, the group that holds the secret.

    The expression MUST mean the same to `re` and to RE2, and look at nothing beyond its match but word and line
    boundaries: then what matches in a text still matches when other lines are put around it.
    """

    kind: str
    regex: bytes
    group: int = 0
    accept: Accept | None = None


def is_whole(text: bytes, start: int, end: int) -> bool:
    """Whether no letter or digit goes on before or after: of a longer run, a hash say, a part means nothing."""
    return not (text[start - 1 : start].isalnum() if start else False) and not text[end : end + 1].isalnum()


def is_whole_with_digit(text: bytes, start: int, end: int) -> bool:
    """Whether it is whole and has a digit."""
    return is_whole(text, start, end) and _DIGIT.search(text, start, end) is not None


def is_framed_with_digit(text: bytes, start: int, end: int) -> bool:
    """Whether it stands alone, as a word or a value: base64 is full of what begins like a key after a slash."""
    before, after = text[start - 1 : start] if start else b"", text[end : end + 1]
    return before in b" \t\n\r=:\"'" and after in b" \t\n\r\"',;)" and _DIGIT.search(text, start, end) is not None


def is_mixed(text: bytes, start: int, end: int) -> bool:
    """Whether letters and at least two digits are mixed in it, and it stands for nothing else."""
    value = text[start : min(end, start + 256)]
    return is_whole(text, start, end) and len(_DIGIT.findall(value)) >= 2 and looks_random(value)


def is_framed_mixed(text: bytes, start: int, end: int) -> bool:
    """Whether it stands alone and has small letters, capitals and digits."""
    value = text[start:end]
    return (
        is_framed_with_digit(text, start, end) and _LOWER.search(value) is not None and _UPPER.search(value) is not None
    )


def is_mixed_run(text: bytes, start: int, end: int) -> bool:
    """Whether its last run has many digits among its letters, and is no hash of a file's name."""
    run = _LAST_RUN.search(text[start:end])
    return (
        is_whole(text, start, end)
        and run is not None
        and _PUBLIC.match(text, start, end) is None
        and len(_DIGIT.findall(run.group())) >= 4
        and len(set(run.group())) >= 10
        and text[end : end + 1] != b"."
        and (start == 0 or text[start - 1] not in b"-_.")
    )


def is_random(text: bytes, start: int, end: int) -> bool:
    """Whether nobody would have thought of it."""
    return looks_random(text[start : min(end, start + 256)])


def is_literal(text: bytes, start: int, end: int) -> bool:
    """Whether it is no placeholder."""
    return not is_placeholder(text[start:end])


def is_login(text: bytes, start: int, end: int) -> bool:
    """Whether it is ``user:password`` in base64, as basic authentication has it (RFC 7617, section 2)."""
    token = text[start : min(end, start + 512)].rstrip(b"=")
    try:
        login = b64decode(token[: len(token) & ~3])
    except ValueError:
        return False
    return b":" in login and login.isascii() and bytes(login).decode().isprintable()


def is_password_of_user(text: bytes, start: int, end: int) -> bool:
    """Whether it is the password of ``-u user:password``, and no group, path or port."""
    # `-u 1000:1000` names a user of a container, `-u host:/path` a place to copy to.
    value = text[start:end]
    return not value.isdigit() and value[:1] not in b"/.~" and not is_placeholder(value)


def is_no_port(text: bytes, start: int, end: int) -> bool:
    """Whether it is no ``8080/path`` of an address without a password, where an @ may stand in the path."""
    return (
        _PORT.match(text, start, end) is None
        and text[start:end] not in _STAND_INS
        and not is_placeholder(text[start:end])
    )


_DIGIT: Final = re.compile(rb"[0-9]")
_STAND_INS: Final = (b"PASSWORD", b"PASS", b"PWD")
_LOWER: Final = re.compile(rb"[a-z]")
_UPPER: Final = re.compile(rb"[A-Z]")
_PUBLIC: Final = re.compile(rb"(?i:pk|pub|public|phc|pkey)[_-]")
_LAST_RUN: Final = re.compile(rb"[A-Za-z0-9]+\Z")
_FIRST_BYTE: Final = re.compile(rb"(?:\\b)?([A-Za-z0-9])(?![?*{|+])")
_PORT: Final = re.compile(rb"(?:[0-9]{1,5}|(?i:port))[/?#]")


class Shapes:
    """Patterns that are looked for in one pass over a text."""

    def __init__(self, patterns: Iterable[Pattern], reach_bytes: int | None = None) -> None:
        """
        Compile them; where several match at one place, the first names what is found there.

        ``reach_bytes`` bounds how far a match may go, where many that begin in one line could each read all of it.
        """
        self._reach_bytes = reach_bytes
        self._patterns = tuple((pattern, re.compile(pattern.regex)) for pattern in patterns)
        self._anywhere = compiled(*self.expressions)
        first_bytes = [_first_byte(pattern) for pattern, _ in self._patterns]
        self._by_first_byte = [
            tuple(row for row, first in zip(self._patterns, first_bytes, strict=True) if first in {None, byte})
            for byte in range(256)
        ]

    @property
    def expressions(self) -> tuple[bytes, ...]:
        """What is looked for."""
        return tuple(pattern.regex for pattern, _ in self._patterns)

    def secrets(self, text: bytes) -> Iterator[Secret]:
        """Yield what is found, from left to right."""
        position = 0
        while (start := self._next(text, position)) is not None:
            secret = self._at(text, start)
            yield secret
            position = secret[2]

    def _next(self, text: bytes, position: int) -> int | None:
        """Return where the next match begins, looking at a piece at a time where matches are bounded."""
        reach = self._reach_bytes
        if reach is None:
            found = self._anywhere.search(text, position)
            return found.start() if found is not None else None
        while True:
            end = position + 2 * reach
            found = self._anywhere.search(text, position, min(end, len(text)))
            if found is not None and (found.start() < position + reach or end >= len(text)):
                return found.start()
            if end >= len(text):
                return None
            position += reach

    def _at(self, text: bytes, start: int) -> Secret:
        rows = self._by_first_byte[text[start]] if start < len(text) else self._patterns
        end = len(text) if self._reach_bytes is None else start + self._reach_bytes
        for pattern, regex in rows:
            if (match := regex.match(text, start, end)) is not None:
                first, last = match.span(pattern.group)
                first, last = _unquoted(text, first, last)
                if pattern.accept is None or pattern.accept(text, first, last):
                    return pattern.kind, first, last
        return innocent(start + 1)


def _first_byte(pattern: Pattern) -> int | None:
    """Return the byte that a pattern begins with, where it is one: others need not be tried at a place."""
    found = _FIRST_BYTE.match(pattern.regex) if b"|" not in _outside_groups(pattern.regex) else None
    return found[1][0] if found else None


def _outside_groups(regex: bytes) -> bytes:
    depth, outside = 0, bytearray()
    for byte in re.sub(rb"\\.|\[[^\]]*\]", b"", regex):
        depth += (byte == ord("(")) - (byte == ord(")"))
        if depth == 0:
            outside.append(byte)
    return bytes(outside)


def _unquoted(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the offsets without the quotes around what is there, which may be escaped."""
    opening = _OPENING.match(text, start, end)
    if (
        opening is None
        or end - start < 2 * len(opening.group())
        or text[start : opening.end()] != text[end - len(opening.group()) : end]
    ):
        return start, end
    return opening.end(), end - len(opening.group())


_OPENING: Final = re.compile(rb"\\{0,4}[\"']")
