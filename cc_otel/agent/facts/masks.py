"""
What differs from one failure to the next of the same kind, masked: a line becomes the text that its key is made of.

The masks are fixed. A template that was learned from earlier lines would make a key depend on what came before.
"""

import re
from typing import Final

LINE_LENGTH_MAX: Final = 1000
"""How much of a line is looked at, characters."""

MASKED_LENGTH_MAX: Final = 300
"""Longest masked line, characters."""

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f]+")

_MASKS: Final = tuple(
    (mask, re.compile(pattern))
    for mask, pattern in (
        # Quotes within a word are apostrophes.
        (
            "<value>",
            r"(?<![\w<])'[^'\n]{0,400}'(?!\w)|(?<!\w)\"[^\"\n]{0,400}\"(?!\w)|`[^`\n]{1,400}`|[\u2018\u201c][^\u2019\u201d\n]{0,400}[\u2019\u201d]",
        ),
        ("<url>", r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s<>\"')\]]+"),
        ("<address>", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"),
        ("<time>", r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"),
        ("<time>", r"\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b"),
        ("<address>", r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"),
        ("<address>", r"\b0[xX][0-9a-fA-F]+\b"),
        ("<address>", r"\blocalhost:\d{1,5}\b"),
        ("<hash>", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
        ("<hash>", r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,128}\b"),
        # One that goes on from a root, a home or a dot; or names of folders and a file with an ending.
        ("<path>", r"(?<![\w<./~-])(?:[A-Za-z]:\\|~/|\.{1,2}/|/)[\w.@+~\-\\/]*[\w@+~\-\\/](?::\d+(?:[:,]\d+)?)?"),
        ("<path>", r"(?<![\w<./~-])(?:[\w.@+\-]+/)+[\w.@+\-]*\.\w{1,10}\b(?::\d+(?:[:,]\d+)?)?"),
        ("<path>", r"(?<![\w<./~-])[\w.@+\-]*[A-Za-z_]\.[A-Za-z]\w{0,9}:\d+(?:[:,]\d+)?\b"),
        ("<time>", r"(?<![\w.])\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s|sec|secs|seconds?|min|mins|minutes?|h|hours?)\b"),
        ("<n>", r"(?<![\w<.])[+-]?\d+(?:[.,_]\d+)*(?:[eE][+-]?\d+)?"),
    )
)


def masked(line: str) -> str:
    """Return a line without paths, numbers, hashes, addresses, times and quoted values; masked, it stays as it is."""
    text = _SPACE.sub(" ", plain(line)[:LINE_LENGTH_MAX]).strip()
    for mask, pattern in _MASKS:
        text = pattern.sub(mask, text)
    return text[:MASKED_LENGTH_MAX].strip()


def plain(text: str) -> str:
    """Return a text without the terminal's escape sequences."""
    return _ANSI.sub("", text) if "\x1b" in text else text
