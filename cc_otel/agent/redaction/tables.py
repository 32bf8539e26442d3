"""
Secrets that show by what stands above them: the head of a column, a plural with its members, a section.

As psql, CSV, Markdown and kubectl write tables; `INSERT`; YAML and TOML below ``secrets:``; a Kubernetes Secret.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from cc_otel.agent.redaction.linear import Searcher, Secret, compiled, innocent
from cc_otel.agent.redaction.values import has_digit, is_meant, looks_random
from cc_otel.agent.redaction.words import NAME_END, Name, telling

ROWS_MAX: Final = 10_000
"""How many rows are looked at below one head."""

BLOCK_BYTES_MAX: Final = 16_384
"""How far the members of a plural, or a Secret, are looked for, bytes."""

# What Read, grep, diff and blame write before a line.
_MARGIN: Final = rb"(?:[ \t]*[0-9]{1,7}(?:\xe2\x86\x92|\t|[:|-] ?))?[+|> -]?[ \t]*"
_CELL: Final = rb"[ \t]*[\"'`]?[A-Za-z0-9_. #()/-]*[\"'`]?[ \t]*"
_BETWEEN: Final = rb"(?:[|,;\t]|\xe2\x94\x82)"
_TELLING: Final = rb"[ \t]*[\"'`]?[A-Za-z0-9_. -]*" + NAME_END + rb"(?:[_ ]hash)?[\"'`]?[ \t]*"
_ENDS: Final = rb"[ \t|\r]*(?m:$)"
HEAD: Final = (
    rb"(?m:^)(?:\xe2\x94\x82|[|])?(?:[ \t]*[0-9]{1,7}\xe2\x86\x92)?(?:"
    + rb"(?:" + _CELL + _BETWEEN + rb")+" + _TELLING + rb"(?:" + _BETWEEN + _CELL + rb")*" + _ENDS
    + rb"|" + _TELLING + rb"(?:" + _BETWEEN + _CELL + rb")+" + _ENDS
    # Columns that are aligned by blanks.
    + rb"|(?:[A-Z][A-Z_ -]*[ ]{2,})*[A-Z_ -]*(?:TOKEN|PASSWORD|SECRET|API[ _-]KEY)(?:[ ]{2,}[A-Z_ -]+)*[ ]*(?m:$)"
    + rb")"
)  # fmt: skip
_INSERT: Final = (
    rb"(?i:\binsert\s{1,8}into\s{1,8}[^\s(]+\s{0,8}\([^()]*?)" + NAME_END + rb"[^()]*\)\s{0,8}(?i:values)\s{0,8}\("
)
_PLURAL: Final = rb"(?i:passwords|passwds|secrets|[a-z_]*tokens|credentials|creds|api[_-]?keys|cookies)"
_YAML: Final = rb"(?m:^)" + _MARGIN + rb"[\"']?" + _PLURAL + rb"[\"']?:[ \t]*\r?(?m:$)"
_TOML: Final = rb"(?m:^)" + _MARGIN + rb"\[{1,2}[A-Za-z0-9_. \"-]*" + _PLURAL + rb"\"?\]{1,2}[ \t]*\r?(?m:$)"
_INLINE: Final = rb"\b" + _PLURAL + rb"\\{0,4}[\"']?\]?[ \t]{0,8}[:=][ \t]{0,8}[\[{(][ \t\r\n]*\\{0,4}[\"']"
_KUBERNETES: Final = rb"(?m:^)" + _MARGIN + rb"kind:[ \t]*[\"']?(?:Sealed)?Secret[\"']?[ \t]*\r?(?m:$)"
PLACES: Final = (_INSERT, _YAML, _TOML, _INLINE, _KUBERNETES)
"""What a place looks like, beside the head of a table, below which secrets may stand."""

_SEPARATORS: Final = (b"\xe2\x94\x82", b"|", b"\t", b";", b",")
_CSV_CELL: Final = {
    sep: re.compile(rb"\"(?:[^\"\n]|\"\")*\"|[^%s\n]*" % re.escape(sep))
    for sep in (b"\t", b";", b",", b"|", b"\xe2\x94\x82")
}
_BLANKS: Final = re.compile(rb"[ ]{2,}")
_RULE: Final = re.compile(rb"[\s|+:=-]*(?:\xe2\x94[\x80-\xbf]|\xe2\x95[\x90-\xbf]|[\s|+:=-])*\Z")
_MARGIN_OF: Final = re.compile(rb"(?:[ \t]*[0-9]{1,7}(?:\xe2\x86\x92|\t))?[+-]?")
_HASH: Final = re.compile(rb"[_ ]hash\Z")
_SQL_VALUE: Final = re.compile(
    rb"[ \t\r\n]*(?:[NEBX]?'((?:[^'\n]|'')*)'|\"([^\"\n]*)\"|([^,()'\"]*(?:\([^()]*\))?))[ \t\r\n]*"
)
_ENTRY: Final = re.compile(
    rb"(?P<indent>[ \t]*)(?:-[ \t]+)?(?:[\"']?[A-Za-z0-9_./ -]{1,80}[\"']?[ \t]*[:=][ \t]*)?"
    rb"(?:\"(?P<double>[^\"\n]*)\"|'(?P<single>[^'\n]*)'|(?P<bare>[^\s\"'\[{|>&*!#][^\n#]*?))[ \t]*(?:#[^\n]*)?\r?\Z"
)
_INLINE_TEXT: Final = re.compile(rb"\\{0,4}([\"'])((?:[^\"'\\\n]){1,400})\\{0,4}\1(\s*:)?")
_CLOSING: Final = {b"[": b"]", b"{": b"}", b"(": b")"}
_WORDS: Final = re.compile(rb"[A-Za-z]+[0-9]{0,2}(?:[ _./:-][A-Za-z0-9]+)*\Z")
_DATA: Final = re.compile(rb"[\"']?(?:data|stringData)[\"']?:\s*\Z")


def column_secrets(text: bytes) -> Iterator[Secret]:
    """Yield the secrets below the head of a column."""
    yield from _found(text, _heads())


def block_secrets(text: bytes) -> Iterator[Secret]:
    """Yield the secrets in a telling plural or section, in a Secret, in an ``INSERT``."""
    yield from _found(text, _places())


def _found(text: bytes, places: Searcher) -> Iterator[Secret]:
    position = 0
    while (found := places.search(text, position)) is not None:
        place = text[found.start() : found.end()]
        # A Secret's data may stand before its kind; what is behind the last secret has not been looked at.
        floor, position = position, found.end()
        for secret in _below(text, place, found.start(), found.end()):
            if secret[1] >= floor:
                yield secret
                floor = secret[2]
        position = max(position, floor)


def _below(text: bytes, place: bytes, start: int, end: int) -> Iterator[Secret]:
    if b"(" in place[-1:] and place[:6].lower() == b"insert":
        yield from _inserted(text, place, end)
    elif b"kind:" in place and b"Secret" in place:
        yield from _kubernetes(text, start)
    elif _is(_INLINE_START, place):
        yield from _inline(text, start, end)
    elif _is(_SECTION_START, place):
        yield from _section(text, place, end)
    else:
        yield from _columns(text, place, end)


def _is(expression: re.Pattern[bytes], place: bytes) -> bool:
    return expression.match(place) is not None


_INLINE_START: Final = re.compile(_INLINE)
_SECTION_START: Final = re.compile(rb"(?:" + _YAML + rb"|" + _TOML + rb")")


def _lines(text: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines behind the one of ``position``, each with its offset; all of them for -1."""
    for _ in range(ROWS_MAX):
        begin = text.find(b"\n", position) + 1 if position >= 0 else 0
        if begin == 0 and position >= 0:
            return
        position = text.find(b"\n", begin)
        line = text[begin : position if position >= 0 else len(text)]
        yield begin, line
        if position < 0:
            return


def _columns(text: bytes, head: bytes, end: int) -> Iterator[Secret]:
    separator = next((sep for sep in _SEPARATORS if sep in head), b"")
    cells = list(_cells(head, separator))
    names = {index: name for index, (_, cell) in enumerate(cells) if (name := _name(cell)) is not None}
    if separator in {b",", b";"} and not all(_is_head(cell) for _, cell in cells):
        # A line of code that ends with a comma is no head, nor is a sentence.
        return
    if not names or (len(cells) < 2 and separator != b"\xe2\x94\x82"):
        return
    is_ruled = separator not in {b"|", b"\xe2\x94\x82"}
    last = end
    for begin, line in _lines(text, end):
        if line.strip() and _RULE.match(line):
            is_ruled = True
            continue
        row = list(_cells(line, separator))
        if not is_ruled or len(row) != len(cells):
            break
        last = begin + len(line)
        for index, name in names.items():
            offset, cell = row[index]
            if _is_entry(cell, name, separator):
                yield name.kind, begin + offset, begin + offset + len(cell)
    # Rows are not read again as heads.
    yield innocent(last)


def _cells(line: bytes, separator: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the cells of a row, without blanks and quotes, each with its offset."""
    position = 0
    if not separator:
        for gap in _BLANKS.finditer(line):
            if line[position : gap.start()].strip():
                yield _bare(line, position, gap.start())
            position = gap.end()
        if line[position:].strip():
            yield _bare(line, position, len(line))
        return
    while position <= len(line):
        cell = _CSV_CELL[separator].match(line, position)
        end = cell.end() if cell else len(line)
        # A quoted cell may have blanks around it; what is no cell at all goes to the next separator.
        behind = line.find(separator, end)
        end = behind if behind >= 0 else len(line)
        yield _bare(line, position, end)
        position = end + len(separator)


def _bare(line: bytes, start: int, end: int) -> tuple[int, bytes]:
    cell = line[start:end]
    stripped = cell.strip(b" \t\r\"'`")
    return start + cell.find(stripped) if stripped else start, stripped


def _name(cell: bytes) -> Name | None:
    text = _HASH.sub(b"", cell.split(b"\xe2\x86\x92")[-1].lstrip(b"+- ")).decode("utf-8", "replace")
    name = telling(text.replace(" ", "_"))
    return (
        name if name is not None and name.last and name.kind != "key" and not text.lower().endswith("tokens") else None
    )


def _is_head(cell: bytes) -> bool:
    return bool(cell) and cell.count(b" ") <= 2


def _is_entry(cell: bytes, name: Name, separator: bytes) -> bool:
    if len(cell) < 3 or not is_meant(cell[:256]) or cell.upper() == b"NULL":
        return False
    if re.search(rb"\s", cell):
        return False
    if looks_random(cell[:256]):
        return True
    # A word may be a password in a file of values; in a table that people read it may be about one.
    is_file = separator in {b",", b";", b"\t"} and len(cell) >= 4 and cell.isalpha()
    is_entry = has_digit(cell[:256]) or (is_file and telling(cell.decode("latin-1")) is None)
    return name.strong and separator != b"" and is_entry


def _inserted(text: bytes, place: bytes, end: int) -> Iterator[Secret]:
    """Yield what ``INSERT INTO t (columns) VALUES (…), (…)`` puts into telling columns."""
    columns = place[place.find(b"(") + 1 : place.find(b")")].split(b",")
    names = {index: _name(column.strip(b" \t\r\n\"`[]'")) for index, column in enumerate(columns)}
    position, index = end, 0
    for _ in range(ROWS_MAX):
        value = _SQL_VALUE.match(text, position)
        if value is None or position >= len(text):
            return
        group = 1 if value[1] is not None else 2 if value[2] is not None else 0
        name = names.get(index)
        if name and group and is_meant(value[group][:256]) and (name.strong or looks_random(value[group][:256])):
            yield name.kind, value.start(group), value.end(group)
        index, position = index + 1, value.end() + 1
        if text[value.end() : position] == b")":
            opening = re.compile(rb"\s{0,8},\s{0,8}\(").match(text, position)
            if opening is None:
                return
            index, position = 0, opening.end()
        elif text[value.end() : position] != b",":
            return


def _inline(text: bytes, start: int, end: int) -> Iterator[Secret]:
    """Yield what a list or a map holds under a plural, in a text that is no JSON as a whole."""
    plural = re.compile(_PLURAL).match(text, start)
    name = _plural(plural.group()) if plural else None
    opening = re.compile(rb"[\[{(]").search(text, start, end)
    if name is None or opening is None:
        return
    closing = text.find(_CLOSING[opening.group()], opening.end(), opening.end() + BLOCK_BYTES_MAX)
    limit = closing if closing >= 0 else min(len(text), end + BLOCK_BYTES_MAX)
    for item in _INLINE_TEXT.finditer(text, opening.end(), limit):
        if not item[3] and _is_member(item[2], name):
            yield name.kind, item.start(2), item.end(2)
    yield innocent(limit)


def _plural(name: bytes) -> Name | None:
    return telling(name.decode().lower().replace("tokens", "token"))


def _section(text: bytes, place: bytes, end: int) -> Iterator[Secret]:
    """Yield what stands below ``secrets:``, further in, or below ``[secrets]`` up to the next section."""
    is_toml = b"[" in place
    plural = re.search(_PLURAL, place)
    name = _plural(plural.group()) if plural else None
    if name is None:
        return
    margin = len(_indent(place))
    last = end
    for begin, line in _lines(text, end):
        if begin > end + BLOCK_BYTES_MAX:
            break
        body = line[_margin(line) :]
        if not body.strip():
            continue
        indent = len(_indent(line))
        is_item = body.lstrip().startswith(b"- ")
        if (is_toml and body.lstrip()[:1] == b"[") or (not is_toml and indent <= margin and not is_item):
            break
        last = begin + len(line)
        entry = _ENTRY.match(line, _margin(line))
        if entry is None:
            continue
        group = entry.lastgroup or "bare"
        if _is_member(entry[group], name):
            yield name.kind, begin + entry.start(group), begin + entry.end(group)
    yield innocent(last)


def _kubernetes(text: bytes, start: int) -> Iterator[Secret]:
    """Yield what the ``data`` of a Secret holds, which stands before or behind its kind."""
    begin = max(text.rfind(b"\n---", max(0, start - BLOCK_BYTES_MAX), start), start - BLOCK_BYTES_MAX, 0)
    finish = text.find(b"\n---", start, start + BLOCK_BYTES_MAX)
    limit, margin = finish if finish >= 0 else min(len(text), start + BLOCK_BYTES_MAX), -1
    for offset, line in _lines(text, begin - 1 if begin else -1):
        if offset > limit:
            break
        body = line[_margin(line) :].strip()
        indent = len(_indent(line))
        if _DATA.match(body):
            margin = indent
        elif body and indent <= margin:
            margin = -1
        elif body and margin >= 0:
            entry = _ENTRY.match(line, _margin(line))
            group = entry.lastgroup if entry else None
            if entry and group and len(entry[group]) >= 3 and is_meant(entry[group][:256]):
                yield "secret", entry.start(group) + offset, entry.end(group) + offset
    yield innocent(limit)


def _margin(line: bytes) -> int:
    found = _MARGIN_OF.match(line)
    return found.end() if found else 0


def _indent(line: bytes) -> bytes:
    body = line[_margin(line) :]
    return body[: len(body) - len(body.lstrip(b" \t"))]


def _is_member(value: bytes, name: Name) -> bool:
    """Whether a member of a plural is a secret: nobody would have thought of it; of passwords, it is no word."""
    head = value[:256]
    if not is_meant(head) or re.search(rb"\s", head):
        return False
    return looks_random(head) if name.kind != "password" else has_digit(head)


@cache
def _heads() -> Searcher:
    return compiled(HEAD)


@cache
def _places() -> Searcher:
    return compiled(*PLACES)
