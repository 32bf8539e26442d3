"""What goes wrong outside of us, told in one line with what to do next: disks, files, addresses, databases."""

import errno
import sqlite3
from typing import Any, Final

import click

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


class Commands(click.Group):
    """Commands that end with one line and exit code 1 where the machine, not the program, is at fault."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read has gone, and wants no more words: click ends in silence.
            raise
        except mishaps() as error:
            raise click.ClickException(in_words(error)) from None


def mishaps() -> tuple[type[Exception], ...]:
    """Give the exceptions that are the machine's. What they come from is imported when one is on its way."""
    from cc_otel.claude_code.settings_file import Unusable
    from cc_otel.graph.store import StoreUnavailable
    from cc_otel.journal.database import JournalUnavailable

    return (OSError, sqlite3.Error, JournalUnavailable, StoreUnavailable, Unusable)


def in_words(error: Exception, otherwise: str = _LOOK) -> str:
    """Tell a mishap in one line, and what to do next; ``otherwise`` where nobody can tell by the mishap alone."""
    told = str(error) if isinstance(error, mishaps()) else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror:
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return "; ".join(filter(None, (squeezed(told), _advice(error, otherwise))))


def _advice(error: Exception, otherwise: str) -> str:
    from cc_otel.claude_code.settings_file import Unusable

    if isinstance(error, Unusable):
        # Its text says it.
        return ""
    cause = error.__cause__ or error
    if isinstance(cause, OSError):
        return _BY_ERRNO.get(cause.errno or 0, otherwise)
    code = getattr(cause, "sqlite_errorcode", None)
    return otherwise if code is None else _BY_SQLITE.get(code & _PRIMARY, otherwise)
