"""
Files of a repository, which anybody may have made: read as what they are, or not at all.

Git is never started, because a repository's own configuration can run programs. A link is not followed, a pipe or a
device not opened, another user's file not read, and never more than was asked for.
"""

import os
import stat
from typing import Final, NamedTuple

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class State(NamedTuple):
    """By which a file is known to be as it was: its time of change (ns since the epoch), number and size (bytes)."""

    mtime_ns: int
    inode: int
    size_bytes: int


MISSING: Final = State(0, 0, 0)
"""The state of what is not there, or not ours to read."""


def folder_at(path: str) -> bool:
    """Whether there is a folder of this user, and no link to one."""
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def file_at(path: str) -> bool:
    """Whether there is a regular file of this user."""
    status = _status(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def state_of(path: str) -> State:
    """Return the state of a regular file of this user."""
    status = _status(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return MISSING
    return State(status.st_mtime_ns, status.st_ino, status.st_size)


def read(path: str, bytes_max: int) -> bytes:
    """Return how a regular file of this user begins; nothing where there is none."""
    if not file_at(path):
        return b""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return b""
    try:
        # What was looked at may have been replaced since.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return b""
        return os.read(descriptor, bytes_max)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def below(folder: str, relative: str) -> str:
    """Return the path of a file in a folder; empty where a link is on the way."""
    *between, _ = relative.split("/")
    path = folder
    for name in between:
        path = f"{path}/{name}"
        if not folder_at(path):
            return ""
    return f"{folder}/{relative}"


def _status(path: str) -> os.stat_result | None:
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status if status.st_uid == os.geteuid() else None
