"""SQLite files with a write-ahead log, private to their owner."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

MAGIC: Final = b"SQLite format 3\0"
"""How a database begins (SQLite, Database File Format, 1.3)."""

_NO_SHARED_MEMORY: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_PRIMARY: Final = 0xFF


def beside(path: Path) -> tuple[Path, ...]:
    """Return the files that a database with a write-ahead log consists of: the database last."""
    return tuple(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", ""))


def move(path: Path, target: Path) -> None:
    """
    Move a database away, all files of it.

    Raises:
        OSError: it cannot be moved.

    """
    # What stands beside it first: left behind, it would be read into the next one of that name.
    for source, destination in zip(beside(path), beside(target), strict=True):
        with suppress(FileNotFoundError):
            source.rename(destination)


def connect_to_write(path: Path, timeout_s: float, *settings: str) -> sqlite3.Connection:
    """
    Open a database to write, or make it, with a write-ahead log; ``settings`` are set before its first table is made.

    What a transaction has committed survives kill -9 and, unless a setting says otherwise, a power failure.

    Raises:
        OSError: it cannot be made.
        sqlite3.DatabaseError: it cannot be opened, or is damaged.

    """
    # First: SQLite would make it readable by others, and takes the mode of what is beside it from it.
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    try:
        for setting in (*settings, "journal_mode = WAL"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, timeout_s: float) -> sqlite3.Connection:
    """
    Open a database that others write, without writing: its disk may be full, or it may be mounted read-only.

    Readers share memory with the writer through a file beside the database, and where no writer has made it, they
    would. Where that fails nobody is writing: the file is read as it is, or, where a killed writer has left something
    in its log, under a lock that keeps other readers out.

    Raises:
        sqlite3.DatabaseError: it is not there, cannot be read, or is damaged.

    """
    address = path.absolute().as_uri()
    # Not "ro", which leaves its shared memory behind: "rw" makes no file that is not there, and becomes "ro" by itself
    # where the file cannot be written.
    try:
        return _connected(f"{address}?mode=rw", timeout_s)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY not in _NO_SHARED_MEMORY or not path.exists():
            raise
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        return _connected(f"{address}?mode=rw", timeout_s, "PRAGMA locking_mode = EXCLUSIVE")
    return _connected(f"{address}?immutable=1", timeout_s)


def _connected(address: str, timeout_s: float, *settings: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, timeout=timeout_s, isolation_level=None, check_same_thread=False, uri=True)
    try:
        for setting in (*settings, "PRAGMA query_only = 1"):
            connection.execute(setting)
        # Nothing of the file is looked at before the first question.
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
