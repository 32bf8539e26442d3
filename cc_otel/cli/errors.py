"""Failures of disks, files, addresses and databases, in one line with what to do next."""

import errno
import sqlite3
from typing import Final

from cc_otel.claude_code.settings_file import Unusable
from cc_otel.graph.store import StoreUnavailable
from cc_otel.journal.database import JournalUnavailable
from cc_otel.text import squeezed

_NO_ROOM: Final = "make room on that disk, and run the command again"
_NOT_ALLOWED: Final = "allow it to this user, or name another home with --home"
_DAMAGED: Final = "move the file aside: a new one is made, without what this one holds"
_LOOK: Final = "`cc-otel doctor` looks for the cause"

_BY_ERRNO: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _NO_ROOM),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR), _NOT_ALLOWED),
}
_BY_SQLITE: Final = {
    sqlite3.SQLITE_FULL: _NO_ROOM,
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM), _NOT_ALLOWED),
    **dict.fromkeys((sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT), _DAMAGED),
}
_PRIMARY: Final = 0xFF
"""The part of SQLite's extended result code that says what kind it is (SQLite, Result and Error Codes)."""

MISHAPS: Final = (OSError, sqlite3.Error, JournalUnavailable, StoreUnavailable, Unusable)
"""The exceptions whose cause is the machine, not the program."""


def in_words(error: Exception, otherwise: str = _LOOK) -> str:
    """Return a failure in one line with what to do next; ``otherwise`` where the failure alone does not say that."""
    told = str(error) if isinstance(error, MISHAPS) else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror:
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return "; ".join(filter(None, (squeezed(told), _advice(error, otherwise))))


def _advice(error: Exception, otherwise: str) -> str:
    if isinstance(error, Unusable):
        # Its text says what to do.
        return ""
    cause = error.__cause__ or error
    if isinstance(cause, OSError):
        return _BY_ERRNO.get(cause.errno or 0, otherwise)
    code = getattr(cause, "sqlite_errorcode", None)
    return otherwise if code is None else _BY_SQLITE.get(code & _PRIMARY, otherwise)
