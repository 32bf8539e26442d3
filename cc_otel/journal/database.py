"""One connection for all parts of the journal: transactions, rows, and SQLite's errors under our names."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cc_otel.journal.file import is_damage, mark_damaged, open_file, open_sound, open_to_read

log = logging.getLogger(__name__)

_MEND: Final = " (the agent sets a damaged journal aside when it starts)"


class JournalUnavailable(Exception):
    """The journal cannot be read or written now: its disk is full, or its file is locked or gone."""


class JournalBroken(Exception):
    """The file is damaged, and its owner cannot go on. Opened by its owner again, it is set aside."""


def inode(path: Path) -> tuple[int, int] | None:
    """Return what a file is known by to the system, None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class Database:
    """The journal's file, opened once. Any thread may use it."""

    def __init__(self, path: Path, *, owner: bool, read_only: bool) -> None:
        """
        Open the file. ``aside`` is the path of a damaged one that was set aside for it.

        Raises:
            JournalUnavailable: it cannot be opened, or was written by a newer version.

        """
        self._lock = threading.RLock()
        self._path = path
        self._inode: tuple[int, int] | None = None
        self._owner = owner
        self.aside: Path | None = None
        try:
            if read_only:
                self._db, self.version = open_to_read(path)
            elif owner:
                self._db, self.version, self.aside = open_sound(path)
            else:
                self._db, self.version = open_file(path, may_migrate=False)
        except sqlite3.DatabaseError as error:
            hint = _MEND if is_damage(error) else ""
            raise JournalUnavailable(f"{path}: {error}{hint}") from error
        self._inode = inode(path)
        # A damaged text must not end all reading: its row fails where it is used.
        self._db.text_factory = _text

    def require_place(self) -> None:
        """
        Make sure that the open file is the one under its name: what is written to a deleted file is lost.

        Raises:
            JournalBroken: it was deleted or replaced.

        """
        if inode(self._path) != self._inode:
            raise JournalBroken(f"{self._path} was deleted or replaced while it was in use")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block does, or nothing of it."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError):
                    raise self._known(error) from error
                raise

    def all(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return all rows that a query finds."""
        with self._lock:
            return list(self._rows(sql, *parameters))

    @contextmanager
    def rows(self, sql: str, *parameters: object) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Let the block take rows one by one: one may have a MiB."""
        with self._lock:
            yield self._rows(sql, *parameters)

    def one(self, sql: str, *parameters: object) -> int:
        """Return the one number that a query finds."""
        return int(self.all(sql, *parameters)[0][0])

    def size_bytes(self) -> int:
        """Return how much of the disk the data needs, free pages aside."""
        pages = self.one("PRAGMA page_count") - self.one("PRAGMA freelist_count")
        return pages * self.one("PRAGMA page_size")

    def shrink(self) -> None:
        """Return free pages to the disk."""
        try:
            with self._lock:
                # It frees a page a step, and only a script is stepped to its end.
                self._db.executescript("PRAGMA incremental_vacuum")
        except sqlite3.DatabaseError as error:
            raise self._known(error) from error

    def overwrite_deleted(self) -> None:
        """From now on overwrite what is deleted."""
        self.all("PRAGMA secure_delete = ON")

    def empty_log(self) -> None:
        """Copy the write-ahead log into the file, as far as no reader needs it, and truncate it."""
        self.all("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rows(self, sql: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, parameters)
        except sqlite3.DatabaseError as error:
            raise self._known(error) from error

    def _known(self, error: sqlite3.DatabaseError) -> Exception:
        if is_damage(error):
            if not self._owner:
                return JournalUnavailable(f"{self._path}: {error}{_MEND}")
            mark_damaged(self._path)
            log.error("%s: %s; this agent ends, and the next one sets it aside and begins anew", self._path, error)
            return JournalBroken(f"{self._path}: {error}")
        return JournalUnavailable(f"{self._path}: {error}") if isinstance(error, sqlite3.OperationalError) else error
