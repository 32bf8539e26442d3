"""
The full-text index of the file: FTS5 without a copy of the text, which stands in the spans already.

Such an index forgets a text only when it is shown the text again, so that must happen before the span is replaced or
removed. New spans come into it after their write (`index`), in the order of the change feed: indexing takes as long as
writing, and nobody waits for it. Where it has got to stands in `counters`.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from cc_otel.graph import words
from cc_otel.graph.store import Json

STEP_SPANS: Final = 256
"""How many spans one transaction brings into the index: about 20 ms."""

_COLUMNS: Final = "rowid, kind, summary, command, document, coalesce(seq, 0)"
_NEXT: Final = (
    # Spans of version 1 have no number, and come first.
    f"SELECT {_COLUMNS} FROM spans WHERE seq IS NULL AND :seq = 0 AND rowid > :row ORDER BY rowid LIMIT :limit",  # noqa: S608
    f"SELECT {_COLUMNS} FROM spans WHERE (seq, rowid) > (max(:seq, 1), iif(:seq = 0, 0, :row)) "  # noqa: S608
    "ORDER BY seq, rowid LIMIT :limit",
)
_STORED: Final = f"SELECT {_COLUMNS} FROM spans WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608
_ADD: Final = "INSERT INTO words (rowid, text) VALUES (?, ?)"
_FORGET: Final = "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)"
_SAVE: Final = "INSERT OR REPLACE INTO counters VALUES ('words_seq', ?), ('words_row', ?)"
_BEGIN_ANEW: Final = (
    "INSERT INTO words (words) VALUES ('delete-all')",
    "INSERT OR REPLACE INTO counters VALUES ('words_seq', 0), ('words_row', 0)",
    f"INSERT OR REPLACE INTO counters VALUES ('words_rule', {words.RULE})",  # noqa: S608
)

Row = tuple[int, str | None, str | None, str | None, str | None, int]


def make(connection: sqlite3.Connection) -> None:
    """Begin the index anew where another rule made it."""
    rule = connection.execute("SELECT value FROM counters WHERE name = 'words_rule'").fetchone()
    if rule is None or rule[0] != words.RULE:
        for statement in _BEGIN_ANEW:
            connection.execute(statement)


def index(connection: sqlite3.Connection, limit: int = STEP_SPANS) -> int:
    """Bring the spans that were stored next into the index. Return how many."""
    seq, row = _place(connection)
    found: list[Row] = []
    for statement in _NEXT:
        if len(found) < limit:
            place = {"seq": seq, "row": row, "limit": limit - len(found)}
            found += connection.execute(statement, place).fetchall()
    if found:
        connection.executemany(_ADD, _texts(found))
        connection.execute(_SAVE, (found[-1][5], found[-1][0]))
    return len(found)


def forget(connection: sqlite3.Connection, keys: Sequence[str]) -> None:
    """Take spans out of the index, which are stored still."""
    place = _place(connection)
    found: list[Row] = connection.execute(_STORED, (orjson.dumps(keys).decode(),)).fetchall()
    connection.executemany(_FORGET, _texts(row for row in found if (row[5], row[0]) <= place))


def merge(connection: sqlite3.Connection) -> None:
    """Write the index anew without what was taken out of it: until then its words stand in the file still."""
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")


def add_functions(connection: sqlite3.Connection) -> None:
    """
    Give queries `matching`, what FTS5 looks for, and `excerpt`, where in a span it stands.

    A file that was written before there was an index has an empty one.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone():
        connection.execute("PRAGMA query_only = 0")
        connection.execute("CREATE VIRTUAL TABLE temp.words USING fts5 (text, content = '')")
        connection.execute("PRAGMA query_only = 1")
    connection.create_function("matching", 1, _matching, deterministic=True)
    connection.create_function("excerpt", 5, _excerpt, deterministic=True)


def _matching(text: str | None) -> str:
    if text is None:
        return '""'  # Which nothing holds.
    asked = words.asked(text)
    wanted = " AND ".join(map(_quoted, asked.wanted))
    return " NOT ".join([f"({wanted})", *map(_quoted, asked.unwanted)])


def _quoted(phrase: words.Phrase) -> str:
    # Words hold no quotation marks.
    return f'"{" ".join(phrase.words)}"' + ("*" if phrase.begins else "")


def _place(connection: sqlite3.Connection) -> tuple[int, int]:
    found = dict(connection.execute("SELECT name, value FROM counters WHERE name IN ('words_seq', 'words_row')"))
    return found["words_seq"], found["words_row"]


def _texts(rows: Iterable[Row]) -> Iterable[tuple[int, str]]:
    return ((row[0], _text(*row[1:5])) for row in rows)


def _text(kind: str | None, summary: str | None, command: str | None, document: str | None) -> str:
    try:
        rest: dict[str, Json] = orjson.loads(document) if document else {}
    except orjson.JSONDecodeError:
        rest = {}  # No span of ours.
    return words.text_of({**rest, "kind": kind, "summary": summary, "command": command})


def _excerpt(asked: str, kind: str | None, summary: str | None, command: str | None, document: str | None) -> str:
    return words.excerpt(_text(kind, summary, command, document), words.asked(asked).first)
