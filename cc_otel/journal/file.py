"""
The journal's file: how it is opened, and what becomes of one that is damaged.

A damaged file is not repaired but set aside: SQLite cannot tell what is missing. Damage shows when the file is opened
or at any time later; then a mark beside it is left for the next start.
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from cc_otel.journal.schema import VERSION, create, migrate, show_as_current, version_of
from cc_otel.sqlite_file import beside, connect_to_read, connect_to_write, move

BUSY_TIMEOUT_S: Final = 30.0
BROKEN: Final = ".broken-"
"""What stands between a journal's name and the time it was set aside."""

_MARK: Final = ".damaged"
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_file(path: Path, *, may_migrate: bool) -> tuple[sqlite3.Connection, int]:
    """
    Open a journal to write, or make it. Return the version of its tables too: an older one can only be read.

    Raises:
        sqlite3.DatabaseError: it cannot be opened, is damaged, or was written by a newer version.

    """
    # It cannot be switched on later without rewriting the file.
    db = connect_to_write(path, BUSY_TIMEOUT_S, "auto_vacuum = INCREMENTAL")
    try:
        version = version_of(db)
        if version == 0:
            create(db)
        elif version < VERSION and not may_migrate:
            show_as_current(db)
            return db, version
        elif version < VERSION:
            migrate(db)
        # What is damaged at its root shows now, not in the middle of the work.
        db.execute("SELECT count(*) FROM inputs").fetchone()
    except BaseException:
        db.close()
        raise
    return db, VERSION


def open_to_read(path: Path) -> tuple[sqlite3.Connection, int]:
    """
    Open a journal without writing to its disk. Return the version of its tables too.

    Raises:
        sqlite3.DatabaseError: it cannot be read, is damaged, or was written by a newer version.

    """
    db = connect_to_read(path, BUSY_TIMEOUT_S)
    try:
        version = version_of(db)
        if version == 0:
            # Its agent has not made the tables yet: nothing is in them.
            db.close()
            db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            create(db)
        elif version < VERSION:
            db.execute("PRAGMA query_only = 0")
            show_as_current(db)
            db.execute("PRAGMA query_only = 1")
    except BaseException:
        db.close()
        raise
    return db, version or VERSION


def open_sound(path: Path) -> tuple[sqlite3.Connection, int, Path | None]:
    """
    Open a journal for its owner: migrate an older one, set a damaged one aside first. Return where it is then.

    Raises:
        sqlite3.DatabaseError: it cannot be opened, or was written by a newer version.

    """
    if not _mark(path).exists() and not _is_cut(path):
        try:
            return *open_file(path, may_migrate=True), None
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
    aside = _set_aside(path)
    return *open_file(path, may_migrate=True), aside


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


def _is_cut(path: Path) -> bool:
    """Whether the file was cut to nothing beside its log. SQLite would make an empty one, and drop the log."""
    log = beside(path)[0]
    return path.exists() and not path.stat().st_size and log.exists() and log.stat().st_size > 0


def _mark(path: Path) -> Path:
    return path.with_name(path.name + _MARK)


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}{BROKEN}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    # First, so that a kill in between leaves this to the next start.
    mark_damaged(path)
    # One is enough to look at: a disk that goes on damaging them must not be filled with them.
    for old in path.parent.glob(f"{path.name}{BROKEN}*"):
        old.unlink(missing_ok=True)
    move(path, aside)
    # So that it is kept for as long as anything that was set aside is, counted from now.
    for file in path.parent.glob(f"{aside.name}*"):
        os.utime(file)
    _mark(path).unlink(missing_ok=True)
    return aside
