"""
Text as blocks that a page and a terminal draw alike: runs of plain text, each with words for its style.

Never markup: who draws a block makes text of its runs, so nothing in them can act.
"""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pygments.lexer import Lexer

CHARS_MAX: Final = 64_000
"""How much text of one block is styled, characters; of more the first so many are shown, and how many are not."""

DIFF_LINES_MAX: Final = 2_000
"""Of more lines on one side no difference is looked for: it takes time that grows faster than they do."""

Run = tuple[str, str]
"""Words for a style, with blanks between them, and a text that has it. ``docs/ui.md`` lists the words."""


@dataclass(frozen=True, slots=True)
class Block:
    """
    A piece of text: what it is, what it is called, and its runs.

    ``kind`` is text, markdown, code, diff, ansi, json or table; ``hidden_chars`` are those that were left out.
    """

    kind: str
    runs: Sequence[Run]
    title: str = ""
    hidden_chars: int = 0


def text(content: str, title: str = "") -> Block:
    """Return a text as it is."""
    shown, hidden = cut(content)
    return Block("text", [("", shown)], title, hidden)


def code(content: str, language: str, title: str = "", kind: str = "code") -> Block:
    """Return code in a language, or in that of a file's name; as a text where nobody knows it."""
    lexer = _lexer(language) if language else None
    shown, hidden = cut(content)
    if lexer is None:
        return Block(kind, [("", shown)], title, hidden)
    return Block(
        kind, joined((_token_style(str(token)), part) for token, part in lexer.get_tokens(shown)), title, hidden
    )


def json_value(content: object, title: str = "") -> Block:
    """Return a value as indented JSON."""
    return code(json.dumps(content, ensure_ascii=False, indent=2), "json", title, "json")


def ansi(content: str, title: str = "") -> Block:
    """Return a program's output in its colours; what else it would have done to a terminal is gone."""
    shown, hidden = cut(content)
    if "\x1b" not in shown:
        return Block("ansi", [("", _printable(shown))], title, hidden)
    from rich.text import Text  # noqa: PLC0415 - mostly there are no colours

    # Rich splits lines where a terminal would not; and has no ear for what is neither colour nor link.
    drawn = Text.from_ansi(_SEQUENCES.sub("", shown))
    runs: list[Run] = []
    styles = [(span.start, span.end, _ansi_style(str(span.style))) for span in drawn.spans]
    edges = sorted({0, len(drawn.plain), *(at for start, end, _ in styles for at in (start, end))})
    for start, end in pairwise(edges):
        words = " ".join(style for first, last, style in styles if first <= start and end <= last and style)
        runs.append((words, _printable(drawn.plain[start:end])))
    return Block("ansi", joined(runs), title, hidden)


def diff(before: str, after: str, title: str = "") -> Block:
    """Return what was changed, line by line, with the lines around it."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > DIFF_LINES_MAX:
        lines: Iterable[str] = [*(f"-{it}" for it in old), *(f"+{it}" for it in new)]
    else:
        lines = list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]
    return patch(lines, title)


def patch(lines: Iterable[str], title: str = "") -> Block:
    """Return the lines of a unified diff."""
    shown, hidden = cut("\n".join(lines))
    styles = {"+": "add", "-": "del", "@": "hunk"}
    return Block("diff", joined((styles.get(it[:1], ""), f"{it}\n") for it in shown.splitlines()), title, hidden)


_SEQUENCES: Final = re.compile(
    # Everything that a terminal acts on but colours (CSI … m): commands to it, titles and links, single shifts.
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-Z\\`-~]"
)
_KEPT: Final = frozenset("\n\t")
_COLOUR: Final = re.compile(r"(on )?color\((\d{1,3})\)")
_COLOURS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_WEIGHTS: Final = {"bold": "b", "italic": "i", "dim": "dim", "underline": "u"}


def _printable(shown: str) -> str:
    """Return the text with lines as they end on a screen: what a carriage return overwrites is gone."""
    if shown.isprintable():
        return shown
    lines = (it.rstrip("\r").rpartition("\r")[2] for it in shown.split("\n"))
    return "".join(it if it.isprintable() or it in _KEPT else " " for it in "\n".join(lines))


def _ansi_style(style: str) -> str:
    """Return the words of a style of rich's that pages have, in words of ours."""
    words = [_WEIGHTS[part] for part in style.split() if part in _WEIGHTS]
    for background, number in _COLOUR.findall(style):
        # Of 256 colours those with a name: the eight, and the same brighter.
        if int(number) < 16:
            words.append(f"{'bg' if background else 'fg'}-{_COLOURS[int(number) % 8]}")
    return " ".join(words)


_TOKENS: Final = (
    ("Token.Comment", "comment"),
    ("Token.Keyword", "keyword"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Name.Function", "name"),
    ("Token.Name.Class", "name"),
    ("Token.Name.Tag", "keyword"),
    ("Token.Name.Attribute", "name"),
    ("Token.Name.Builtin", "builtin"),
    ("Token.Generic.Inserted", "add"),
    ("Token.Generic.Deleted", "del"),
    ("Token.Generic.Heading", "hunk"),
    ("Token.Generic.Subheading", "hunk"),
)


@cache
def _token_style(token: str) -> str:
    return next((style for beginning, style in _TOKENS if token.startswith(beginning)), "")


@cache
def _lexer(language: str) -> "Lexer | None":
    from pygments.lexers import get_lexer_by_name, get_lexer_for_filename  # noqa: PLC0415 - 20 ms
    from pygments.util import ClassNotFound  # noqa: PLC0415 - the same

    for find in (get_lexer_by_name, get_lexer_for_filename):
        with suppress(ClassNotFound):
            lexer: Lexer = find(language, stripnl=False, ensurenl=False)
            return lexer
    return None


def cut(content: str) -> tuple[str, int]:
    """Return what is shown of a text, and how many characters are not."""
    return content[:CHARS_MAX], max(len(content) - CHARS_MAX, 0)


def joined(runs: Iterable[Run]) -> list[Run]:
    """Return the runs with neighbours of one style as one, and none that is empty."""
    found: list[Run] = []
    for style, part in runs:
        if not part:
            continue
        if found and found[-1][0] == style:
            found[-1] = (style, found[-1][1] + part)
        else:
            found.append((style, part))
    return found
