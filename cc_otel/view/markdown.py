"""Markdown as blocks: its marks become styles, its code and tables blocks of their own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cc_otel.view.blocks import Block, Run, code, cut, joined

if TYPE_CHECKING:
    from markdown_it.token import Token

_MARKS: Final = {"strong": "b", "em": "i", "link": "link"}


def markdown(content: str, title: str = "") -> list[Block]:
    """Return a text with markdown's marks as styles; fenced code and tables are blocks of their own."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - 30 ms

    shown, hidden = cut(content)
    writer = _Writer()
    for token in MarkdownIt("commonmark", {"html": False}).enable("table").parse(shown):
        writer.take(token)
    found = writer.finish()
    found[0] = replace(found[0], title=title)
    found[-1] = replace(found[-1], hidden_chars=hidden)
    return found


class _Writer:
    """Takes markdown's tokens one by one, and writes them down as blocks."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._runs: list[Run] = []
        self._numbers: list[int | None] = []
        self._bullet = ""
        self._heading = ""
        self._rows: list[list[str]] = []

    def take(self, token: "Token") -> None:
        """Write one token down."""
        if token.type in {"fence", "code_block"}:
            self._end_text()
            self._blocks.append(code(token.content, (token.info.split() or [""])[0]))
        elif token.type == "inline":
            self._inline(token.children or [])
        elif token.type == "hr":
            self._runs.append(("dim", "────────\n"))
        elif token.type.startswith(("bullet_list", "ordered_list", "list_item")):
            self._list(token)
        elif token.type.startswith(("table", "tr", "th", "td")):
            self._table(token)
        elif token.type == "heading_open":
            self._heading = f"h{token.tag[1:]}"
        elif token.type == "heading_close":
            self._heading = ""
        elif token.type == "paragraph_close" and not self._numbers:
            self._runs.append(("", "\n"))

    def finish(self) -> list[Block]:
        """Return the blocks, one at least."""
        self._end_text()
        return self._blocks or [Block("markdown", [("", "")])]

    def _end_text(self) -> None:
        runs = joined(self._runs)
        while runs and not runs[-1][1].strip():
            runs.pop()
        if runs:
            runs[-1] = (runs[-1][0], runs[-1][1].rstrip("\n"))
            self._blocks.append(Block("markdown", runs))
        self._runs = []

    def _list(self, token: "Token") -> None:
        if token.type.endswith("list_open"):
            ordered = token.type.startswith("ordered")
            self._numbers.append(int(token.attrGet("start") or 1) if ordered else None)
        elif token.type.endswith("list_close"):
            self._numbers.pop()
            if not self._numbers:
                self._runs.append(("", "\n"))
        elif token.type == "list_item_open":
            number = self._numbers[-1]
            self._bullet = "  " * (len(self._numbers) - 1) + ("• " if number is None else f"{number}. ")
            self._numbers[-1] = None if number is None else number + 1

    def _table(self, token: "Token") -> None:
        if token.type == "table_open":
            self._end_text()
            self._rows = []
        elif token.type == "tr_open":
            self._rows.append([])
        elif token.type == "table_close":
            self._blocks.append(Block("table", _aligned(self._rows)))
            self._rows = []

    def _inline(self, tokens: "Sequence[Token]") -> None:
        if self._rows:
            self._rows[-1].append("".join(it.content for it in tokens))
            return
        if self._bullet:
            self._runs.append(("dim", self._bullet))
            self._bullet = ""
        styles = [self._heading] if self._heading else []
        for token in tokens:
            mark, _, edge = token.type.rpartition("_")
            if edge == "open":
                styles.append(_MARKS.get(mark, ""))
            elif edge == "close":
                styles.pop()
            elif token.type in {"softbreak", "hardbreak"}:
                self._runs.append(("", "\n"))
            else:
                more = ["code"] if token.type == "code_inline" else []
                self._runs.append((" ".join(filter(None, [*styles, *more])), token.content))
        self._runs.append(("", "\n"))


def _aligned(rows: Sequence[Sequence[str]]) -> list[Run]:
    """Return the cells of a table in columns, the first row as its head."""
    columns = max(map(len, rows), default=0)
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(columns)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return joined([("b", "\n".join(lines[:1])), ("", "".join(f"\n{it}" for it in lines[1:]))])
