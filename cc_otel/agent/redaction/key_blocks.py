"""Private keys as PEM, OpenPGP and PuTTY write them: many lines, perhaps escaped, perhaps cut at either end."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from cc_otel.agent.redaction.linear import Searcher, Secret, compiled, innocent

KIND: Final = "private-key"
BLOCK_BYTES_MAX: Final = 65_536
"""A longer block is two that were cut: an RSA key of 16,384 bits takes 13 KB, line numbers included."""

_NAME: Final = rb"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"
BEGIN: Final = rb"-{4,5} ?BEGIN " + _NAME + rb" ?-{4,5}|PuTTY-User-Key-File-[0-9]:"
END: Final = rb"-{4,5} ?END " + _NAME + rb" ?-{4,5}|Private-MAC: [0-9a-f]{40,64}"

# What stands inside: base64, line ends escaped or not, headers, line numbers, marks of a diff.
_INSIDE: Final = rb"A-Za-z0-9+/=\s\\:,.|>*-"
_OPEN_END: Final = re.compile(rb"[" + _INSIDE + rb"]*+")
_INSIDE_BYTES: Final = bytes(byte for byte in range(256) if _OPEN_END.fullmatch(bytes([byte])))
# Between both lines also the quotes of a source that puts a key together.
_INSIDE_SOURCE_BYTES: Final = _INSIDE_BYTES + b"\"'`;"
_KEY_MATERIAL: Final = re.compile(rb"[A-Za-z0-9+/=]{16}")


def ended_keys(text: bytes) -> Iterator[Secret]:
    """Give each key that has its last line: its kind, and the offsets of all of it that is there."""
    position = 0
    while (end := _end().search(text, position)) is not None:
        window = text[max(position, end.start() - BLOCK_BYTES_MAX) : end.start()]
        inside = window[len(window.rstrip(_INSIDE_SOURCE_BYTES)) :]
        begin = _begin().search(inside)
        key = _KEY_MATERIAL.search(inside, begin.end() if begin else len(inside.rstrip(_INSIDE_BYTES)))
        position = end.end()
        if key is None:
            yield innocent(position)
        else:
            # Without its first line a key begins where its base64 does.
            yield KIND, end.start() - len(inside) + (begin or key).start(), position


def open_keys(text: bytes) -> Iterator[Secret]:
    """Give each key that was cut before its last line. A first line alone is no key."""
    position = 0
    while (begin := _begin().search(text, position)) is not None:
        inside = _OPEN_END.match(text, begin.end())
        position = inside.end() if inside else begin.end()
        is_key = _KEY_MATERIAL.search(text, begin.end(), position)
        yield (KIND, begin.start(), position) if is_key else innocent(position)


@cache
def _begin() -> Searcher:
    return compiled(BEGIN)


@cache
def _end() -> Searcher:
    return compiled(END)
