"""
Private keys as PEM, OpenPGP and PuTTY write them: many lines, perhaps escaped, numbered, coloured, cut at either end.

What stands between the lines of base64 does not matter: line numbers, marks of a diff or of blame, comments, escape
sequences, ``%0A``. From the first line to the last everything goes if there is base64 between them.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from cc_otel.agent.redaction.linear import Found, Searcher, Secret, compiled, innocent

KIND: Final = "private-key"
BLOCK_BYTES_MAX: Final = 65_536
"""A longer block is two that were cut: an RSA key of 16,384 bits takes 13 KB, line numbers included."""

_GAP_BYTES_MAX: Final = 240
"""How much may stand between two lines of base64, bytes: what git blame writes before a line, and colours."""

_BLANK: Final = rb"(?: |\+|%20|_|\\ |\\x20|\\u0020)"
_DASHES: Final = rb"(?:-{4,5}|(?:%2[dD]){4,5}|(?:\\x2[dD]){4,5}|(?:\\u002[dD]){4,5}|(?:&#45;){4,5})"
_NAME: Final = rb"(?:[A-Z0-9]{1,12}" + _BLANK + rb"){0,4}PRIVATE" + _BLANK + rb"KEY(?:" + _BLANK + rb"BLOCK)?"
# A key whose first line is missing shows by how its base64 begins: OpenSSH's magic, the version of PKCS 1, 8 and SEC 1.
_HEADLESS: Final = (
    rb"\bb3BlbnNzaC1rZXktdjE[A-Za-z0-9+/]{8,}|\bMII[A-Z][A-Za-z0-9+/][AQgw]IBA(?:AKC|DAN)[A-Za-z0-9+/]{8,}"
    rb"|\bM(?:HcCAQEE|IGHAgEAMBMG|IG2AgEAMBAG|C4CAQAwBQYDK2Vw|IGkAgEBBD)[A-Za-z0-9+/]{8,}"
)
BEGIN: Final = (
    _DASHES + rb"[ +]?BEGIN" + _BLANK + _NAME + rb"[ +]?" + _DASHES + rb"|PuTTY-User-Key-File-[0-9]:|" + _HEADLESS
)
END: Final = _DASHES + rb"[ +]?END" + _BLANK + _NAME + rb"[ +]?" + _DASHES + rb"|Private-MAC: [0-9a-f]{40,64}"

_RUN: Final = re.compile(rb"[A-Za-z0-9+/=_-]{16,}+")
_HEADER: Final = re.compile(rb"-|PuTTY|%|\\|&")
_CASES: Final = (re.compile(rb"[A-Z]"), re.compile(rb"[a-z]"), re.compile(rb"[0-9]"))
_SHORT_LINE: Final = re.compile(
    rb"(?:[\s\\\"'`$]|\x1b\[[0-9;]*m|%0[AaDd]|[0-9|:>+*#/-])*[A-Za-z0-9+/]{1,15}={0,2}(?![A-Za-z0-9])"
)


def private_keys(text: bytes) -> Iterator[Secret]:
    """Yield each key: its kind, and the offsets of all of it that is there. A first line alone is no key."""
    position = 0
    while (found := _either().search(text, position)) is not None:
        begins = _begin().search(text[found.start() : found.end()]) is not None
        start, end = _begun(text, found.start(), found.end()) if begins else _ended(text, position, found)
        yield (KIND, start, end) if end > start else innocent(found.end())
        position = max(end, found.end())


def _begun(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where a key ends that begins here: behind its last line, or its last base64; an empty range if none is."""
    position = start if _HEADER.match(text, start) is None else end
    another = _first_line().search(text, end)
    limit = min(len(text), start + BLOCK_BYTES_MAX, another.start() if another else len(text))
    closing = _end().search(text[position:limit])
    if closing is None:
        return start, max(start, _last_run(text, position, limit))
    is_key = _has_key(text, position, position + closing.start())
    return start, position + closing.end() if is_key else start


def _ended(text: bytes, floor: int, found: Found) -> tuple[int, int]:
    """Return where a key begins whose last line this is: where its base64 does."""
    start, end = found.start(), found.end()
    floor = max(floor, start - BLOCK_BYTES_MAX)
    first = start
    for run in reversed([run for run in _RUN.finditer(text, floor, start) if _is_key(run.group())]):
        if first - run.end() > _GAP_BYTES_MAX:
            break
        first = run.start()
    return (first, end) if first < start else (start, start)


def _last_run(text: bytes, start: int, end: int) -> int:
    """Return the end of the last base64 that goes on from ``start`` without too wide a gap."""
    last = start
    for run in _RUN.finditer(text, start, end):
        if run.start() - last > _GAP_BYTES_MAX:
            break
        if _is_key(run.group()):
            last = run.end()
    if last == start:
        return 0
    if (short := _SHORT_LINE.match(text, last, end)) is not None:
        last = short.end()
    return last


def _has_key(text: bytes, start: int, end: int) -> bool:
    return any(_is_key(run.group()) for run in _RUN.finditer(text, start, end))


def _is_key(run: bytes) -> bool:
    """Whether a run is base64 and no long name: capitals, small letters and digits are mixed in it."""
    return all(case.search(run) for case in _CASES)


@cache
def _begin() -> Searcher:
    return compiled(BEGIN)


@cache
def _end() -> Searcher:
    return compiled(END)


@cache
def _first_line() -> Searcher:
    return compiled(BEGIN.removesuffix(b"|" + _HEADLESS))


@cache
def _either() -> Searcher:
    return compiled(BEGIN, END)
