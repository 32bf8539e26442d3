"""
Secrets that go on from one text of a list to the next: a patch is a list of its lines, a notebook's cell too.

The texts are looked at joined by line ends, and what is found there is mapped back onto them.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import Final

from cc_otel.agent.redaction.key_blocks import private_keys
from cc_otel.agent.redaction.linear import Finder, Secret
from cc_otel.agent.redaction.names import paired_secrets
from cc_otel.agent.redaction.nested import container
from cc_otel.agent.redaction.tables import block_secrets, column_secrets

FINDERS: Final[tuple[Finder, ...]] = (private_keys, paired_secrets, column_secrets, block_secrets)
"""What looks further than one line."""

Mark = tuple[int, int, str]
"""Offsets in the joined texts, and what stands there instead."""


def spans_across(lines: Sequence[bytes], candidates_max: int) -> Iterator[Secret]:
    """Yield what shows only in the joined texts, from left to right, apart from each other."""
    joined, starts = b"\n".join(lines), _starts(lines)
    found = [
        secret
        for finder in FINDERS
        for secret in islice(finder(joined), max(candidates_max, 0))
        if secret[0] and not _shows_alone(finder, secret, lines, starts)
    ]
    position = 0
    for secret in sorted(found, key=lambda secret: secret[1]):
        if secret[1] >= position:
            yield secret
            position = secret[2]


def without(lines: Sequence[bytes], marks: Sequence[Mark]) -> Iterator[bytes]:
    """Yield the texts with each mark in every text that its secret goes through."""
    waiting = list(marks)[::-1]
    for line, start in zip(lines, _starts(lines), strict=True):
        end, position = start + len(line), 0
        pieces: list[bytes] = []
        while waiting and waiting[-1][0] <= end:
            first, last, mark = waiting[-1]
            pieces += line[position : max(first - start, 0)], mark.encode()
            position = min(last - start, len(line))
            if last > end:
                break
            waiting.pop()
        yield b"".join([*pieces, line[position:]]) if pieces else line


def _starts(lines: Sequence[bytes]) -> list[int]:
    return list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))


def _shows_alone(finder: Finder, secret: Secret, lines: Sequence[bytes], starts: Sequence[int]) -> bool:
    """Whether the text that a secret is in is enough to find it, or is JSON, whose members are looked at apart."""
    kind, first, last = secret
    index = bisect_right(starts, first) - 1
    line, start = lines[index], starts[index]
    if last > start + len(line):
        return False
    if container(line.decode("utf-8", "surrogatepass")) is not None:
        return True
    return b"\n" in line and (kind, first - start, last - start) in list(finder(line))
