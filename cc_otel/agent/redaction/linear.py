"""Regular expressions in time linear in the text, however it was made up: RE2, on bytes."""

from collections.abc import Callable, Iterator
from typing import Final, Protocol, cast

import re2

STATES_BYTES_MAX: Final = 12 << 20
"""
How much an expression and the states that RE2 keeps of it may take, bytes.

With its default of 8 MB the table of vendors goes over it in ordinary source and is ten times slower.
"""

Secret = tuple[str, int, int]
"""Something found that must not leave: its kind, and its offsets in the text. Without a kind it was no secret."""

Finder = Callable[[bytes], Iterator[Secret]]
"""Looks for secrets in a text, from left to right. It also yields what it judged harmless, as that takes time too."""


class Found(Protocol):
    """Where something was found, as offsets into the text."""

    def start(self) -> int:
        """Return the offset of its first byte."""

    def end(self) -> int:
        """Return the offset behind its last byte."""


class Searcher(Protocol):
    """A compiled regular expression."""

    def search(self, text: bytes, pos: int = 0, endpos: int | None = None) -> Found | None:
        """
        Return the leftmost match that begins at ``pos`` or later; what stands before it still counts as there.

        It ends at ``endpos`` at the latest. Without one, RE2 reads on as far as an earlier alternative might match.
        """


def innocent(position: int) -> Secret:
    """Return the mark of what was looked at and is no secret; the search goes on at ``position``."""
    return "", position, position


def compiled(*expressions: bytes) -> Searcher:
    """
    Compile expressions into one that finds where any of them matches; at one place the first of them wins.

    Groups do not capture. Letters beyond ASCII are bytes that are no word characters.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.max_mem = STATES_BYTES_MAX
    # RE2 writes to standard error when a text made for it drives it from its fast machine to its slower one.
    options.log_errors = False
    return cast(Searcher, re2.compile(b"|".join(b"(?:%s)" % expression for expression in expressions), options))
