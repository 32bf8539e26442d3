"""
The versions of the file, and how one becomes the next.

Only the writer migrates. Whoever reads a file of an older version sees it through views, as the queries know it.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from cc_otel.graph.model import COLLECTIONS, FILES, SPANS, TOUCHED, Collection
from cc_otel.graph.sqlite import words
from cc_otel.graph.sqlite.rows import VIEWS
from cc_otel.graph.store import StoreUnavailable

SCHEMA_VERSION: Final = 3

PAGE_BYTES: Final = 8_192
"""Four spans fit on one; beside SQLite's own 4,096 a tenth less is written and read."""

REBUILT_BYTES_MAX: Final = 256 << 20
"""A file of version 1 gives free pages back only once it was rebuilt: done up to this size, in about three seconds."""

_USAGE: Final = {
    "model": "gen_ai_response_model",
    "response_id": "gen_ai_response_id",
    "input_tokens": "gen_ai_usage_input_tokens",
    "output_tokens": "gen_ai_usage_output_tokens",
    "cache_read_tokens": "gen_ai_usage_cache_read_input_tokens",
    "cache_write_tokens": "gen_ai_usage_cache_creation_input_tokens",
    "cost_usd": "cc_otel_cost_usd",
}
_READ: Final = {name: f"json_extract(document, '$.attributes.{attribute}')" for name, attribute in _USAGE.items()}
_TYPES: Final = dict.fromkeys(("dialect", "model", "response_id"), "TEXT") | {
    **dict.fromkeys(("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "seq"), "INTEGER"),
    "cost_usd": "REAL",
}

_SET: Final = ", ".join(f"{name} = {value}" for name, value in _READ.items())
_TO_2: Final = "\n".join(
    (
        *(f"ALTER TABLE spans ADD COLUMN {name} {_TYPES[name]};" for name in ("dialect", *_USAGE, "seq")),
        f"UPDATE spans SET {_SET} WHERE kind = 'chat';",  # noqa: S608
        "DROP INDEX IF EXISTS spans_session;",
        "",
    )
)

_ATTRIBUTES_OF_3: Final = {"agent_id": "cc_otel_agent_id", "wait_ms": "cc_otel_tool_wait_ms"}
_READ_BY_3: Final = {
    name: f"json_extract(document, '$.attributes.{attribute}')" for name, attribute in _ATTRIBUTES_OF_3.items()
}
_NEW_IN_3: Final = {
    SPANS: ("outcome", "command_class", "program", "error_key", "repository", "agent_id", "wait_ms"),
    FILES: ("repository", "extension"),
    TOUCHED: ("rule", "certainty", "lines_added", "lines_removed"),
}
_TO_3: Final = "\n".join(
    (
        *(f"DROP TABLE {name};" for name in sorted(VIEWS)),
        *(
            f"ALTER TABLE {name} ADD COLUMN {column} {COLLECTIONS[name].columns[column]};"
            for name, columns in _NEW_IN_3.items()
            for column in columns
        ),
        f"UPDATE spans SET {', '.join(f'{name} = {value}' for name, value in _READ_BY_3.items())} "  # noqa: S608
        "WHERE kind IN ('tool', 'subagent');",
        "",
    )
)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the file's schema; 0 of an empty file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def is_older(connection: sqlite3.Connection) -> bool:
    """Whether an earlier version wrote the file."""
    return 0 < version_of(connection) < SCHEMA_VERSION


def make(connection: sqlite3.Connection, path: Path) -> None:
    """
    Make the tables that are missing, and migrate a file of an older version, in one transaction.

    Raises:
        StoreUnavailable: a newer version wrote it.
        sqlite3.Error: it cannot be written now.

    """
    version = version_of(connection)
    if version > SCHEMA_VERSION:
        raise StoreUnavailable(f"{path} was written by a newer cc-otel (schema {version}): upgrade this one")
    schema = resources.files("cc_otel.graph").joinpath("schema.sql").read_text(encoding="utf-8")
    # Asked again under the lock: another writer may have migrated it meanwhile.
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = version_of(connection)
        steps = (_TO_2 if found == 1 else "") + (_TO_3 if found in (1, 2) else "")
        for statement in _statements(steps + schema):
            connection.execute(statement)
        words.make(connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    if version == 1:
        _rebuild(connection, path)


def show_as_current(connection: sqlite3.Connection) -> None:
    """Let a reader of a file of an older version see it as the current one. The file is not changed."""
    connection.execute("PRAGMA query_only = 0")
    for collection in COLLECTIONS.values():
        if view := _view(connection, collection):
            connection.execute(view)
    connection.execute("PRAGMA query_only = 1")


def _view(connection: sqlite3.Connection, collection: Collection) -> str:
    """Return the view of a table as it is now, empty if it has all columns. It comes before the table of its name."""
    name = collection.name
    present = [row[1] for row in connection.execute(f"PRAGMA main.table_info({name})")]
    ends = ("source", "target") if collection.holds_edges else ()
    wanted = ("key", *ends, *collection.columns, "document", *(("seq",) if name == SPANS else ()))
    missing = [column for column in wanted if column not in present]
    if not missing:
        return ""
    # Of version 1 all that a model call took stands in its document alone.
    read = (_READ | _READ_BY_3) if name == SPANS else {}
    columns = [*present, *(f"{read.get(column, 'NULL')} AS {column}" for column in missing)]
    source = f"main.{name}" if present else "(SELECT 1) WHERE 0"
    return f"CREATE TEMP VIEW {name} AS SELECT {', '.join(columns)} FROM {source}"  # noqa: S608


def without_hints(statement: str) -> str:
    """Return a query without the indexes that it names: a view has none, and SQLite finds those below it."""
    return re.sub(r"\bINDEXED BY \w+", "", statement)


def without_later_columns(statement: str) -> str:
    """Return a query of the table itself with null for the columns that version 1 did not have."""
    return re.sub(r"\b(model|input_tokens|output_tokens|cost_usd)\b", r"NULL AS \1", statement)


def _statements(script: str) -> Iterator[str]:
    # sqlite3's own executescript ends the transaction that it is run in.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _rebuild(connection: sqlite3.Connection, path: Path) -> None:
    size_bytes = path.stat().st_size
    if size_bytes <= REBUILT_BYTES_MAX and shutil.disk_usage(path.parent).free > 3 * size_bytes:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")
