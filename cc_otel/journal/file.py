"""
The journal's file: its tables, and what becomes of one that is damaged.

A damaged file is not mended, it is set aside: SQLite cannot tell what is missing. It is found out when it is opened or
at any time later; then a mark beside it tells the next start.
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from cc_otel.sqlite_file import connect_to_read

VERSION: Final = 1
BUSY_TIMEOUT_S: Final = 30.0
BROKEN: Final = ".broken-"
"""What stands between a journal's name and the time it was set aside."""

_MARK: Final = ".damaged"
_BESIDE: Final = ("-wal", "-shm", "-journal")
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SCHEMA: Final = """
CREATE TABLE inputs (
  id INTEGER PRIMARY KEY,
  digest TEXT UNIQUE,
  session TEXT NOT NULL,
  clock_ns INTEGER NOT NULL,
  seq INTEGER,
  fields BLOB NOT NULL,
  content BLOB
) STRICT;
CREATE INDEX inputs_pending ON inputs (clock_ns, id) WHERE seq IS NULL;
CREATE INDEX inputs_of_session ON inputs (session, seq, clock_ns);
CREATE INDEX inputs_clock ON inputs (clock_ns);
CREATE INDEX inputs_live ON inputs (session) WHERE content IS NOT NULL;
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY,
  span_id TEXT NOT NULL UNIQUE,
  trace_id TEXT NOT NULL,
  session TEXT NOT NULL,
  start_ns INTEGER NOT NULL,
  resource BLOB,
  span BLOB
) STRICT;
CREATE INDEX outbox_waiting ON outbox (number, trace_id, start_ns, length(span)) WHERE span IS NOT NULL;
CREATE INDEX outbox_of_session ON outbox (session);
CREATE TABLE counts (
  what TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


def open_file(path: Path) -> tuple[sqlite3.Connection, int]:
    """
    Open a journal, or make it; give the last place in its order too.

    Raises:
        sqlite3.DatabaseError: it cannot be opened, is damaged, or was written by a newer version.

    """
    path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        # Before the first table: it cannot be switched on later without rewriting the file.
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if _version(db) == 0:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        return db, int(db.execute("SELECT coalesce(max(seq), 0) FROM inputs").fetchone()[0])
    except BaseException:
        db.close()
        raise


def open_to_read(path: Path) -> sqlite3.Connection:
    """
    Open a journal without writing to its disk.

    Raises:
        sqlite3.DatabaseError: it cannot be read, is damaged, or was written by a newer version.

    """
    db = connect_to_read(path, BUSY_TIMEOUT_S)
    try:
        if _version(db) == 0:
            # Its agent has not made the tables yet: nothing is in them.
            db.close()
            db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection) -> int:
    """Return the version of a journal's tables, 0 where there are none."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.NotSupportedError(f"written by a newer cc-otel (journal version {version}): upgrade cc-otel")
    return version


def open_sound(path: Path) -> tuple[sqlite3.Connection, int, Path | None]:
    """
    Do the same for the journal's owner; set a damaged one aside first, and give where it is then.

    Raises:
        sqlite3.DatabaseError: it cannot be opened, or was written by a newer version.

    """
    if not _mark(path).exists():
        try:
            return *open_file(path), None
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
    aside = _set_aside(path)
    return *open_file(path), aside


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is not what it should be, now or later."""
    # The first byte is the error, the rest its kind. What Python itself complains of has none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def mark_damaged(path: Path) -> None:
    """Tell the next start that this journal is damaged."""
    with suppress(OSError):
        _mark(path).touch(mode=0o600)


def remove_broken(path: Path, before_s: float) -> None:
    """Remove what was set aside of this journal before that time (s); raise OSError where that is impossible."""
    for old in path.parent.glob(f"{path.name}{BROKEN}*"):
        if old.stat().st_mtime < before_s:
            old.unlink(missing_ok=True)


def _mark(path: Path) -> Path:
    return path.with_name(path.name + _MARK)


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}{BROKEN}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    # First, so that a kill in between leaves this to the next start.
    mark_damaged(path)
    # One is enough to look at: a disk that goes on damaging them must not be filled with them.
    for old in path.parent.glob(f"{path.name}{BROKEN}*"):
        old.unlink(missing_ok=True)
    # What stands beside it first: left behind, it would be read into the new one.
    for suffix in (*_BESIDE, ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    # So that it is kept for as long as anything that was set aside is, counted from now.
    for file in path.parent.glob(f"{aside.name}*"):
        os.utime(file)
    _mark(path).unlink(missing_ok=True)
    return aside
