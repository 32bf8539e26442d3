"""Files that only their owner reads: replaced whole, and kept within an age and a size."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

BLOCK_BYTES: Final = 4096
"""What the smallest file takes on a disk: limits are about the user's disk, so sizes are counted in blocks."""


class FileEntry(NamedTuple):
    """A regular file of a folder: its time of change (ns since the Unix epoch), name and size. They sort by age."""

    mtime_ns: int
    name: str
    size_bytes: int

    @property
    def disk_bytes(self) -> int:
        """How much of the disk it takes; at least a block."""
        return max(-(-self.size_bytes // BLOCK_BYTES), 1) * BLOCK_BYTES


def files_in(folder: Path) -> Iterator[FileEntry]:
    """
    Yield the regular files in a folder; nothing where there is none.

    Raises:
        OSError: the folder cannot be read.

    """
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
        for item in found:
            # Racy, and fine: what vanishes here was removed, or was never ours.
            with suppress(FileNotFoundError):
                status = item.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield FileEntry(status.st_mtime_ns, item.name, status.st_size)


def prune(folder: Path, *, before_ns: int, bytes_max: int, suffix: str = "") -> int:
    """
    Remove the files with that suffix that are older than that time, and the oldest over ``bytes_max`` on disk.

    Return how many were removed; what cannot be removed stays.

    Raises:
        OSError: the folder cannot be read.

    """
    count, used_bytes = 0, 0
    for entry in sorted((it for it in files_in(folder) if it.name.endswith(suffix)), reverse=True):
        used_bytes += entry.disk_bytes
        if entry.mtime_ns < before_ns or used_bytes > bytes_max:
            with suppress(OSError):
                (folder / entry.name).unlink()
                count += 1
    return count


def write_whole(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = False) -> None:
    """
    Put a file in its place at once and whole, written beside it and renamed: a reader sees the old one or the new.

    ``durable`` waits for the disk first.

    Raises:
        OSError: it cannot be written. Then nothing has changed.

    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with open_private(fresh, os.O_TRUNC, mode) as file:
            # The umask takes part in what `open` sets.
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def append(path: Path, data: bytes) -> None:
    """
    Add to the end of a file, and wait for the disk.

    Raises:
        OSError: it cannot be written.

    """
    with open_private(path, os.O_APPEND) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def open_private(path: Path, flags: int, mode: int = 0o600) -> BinaryIO:
    """Open a file to write, made readable by its owner alone where it is new."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, mode), "wb")


def forget(folder: Path, texts: Sequence[bytes], *, dry_run: bool = False) -> int:
    """
    Remove the files of a folder that hold one of the texts, of ``.jsonl`` files the lines that do. Return how many.

    Raises:
        OSError: the folder or a file in it cannot be read or written.

    """
    count = 0
    for entry in list(files_in(folder)):
        path = folder / entry.name
        with suppress(FileNotFoundError):
            content = path.read_bytes()
            if not any(text in content for text in texts):
                continue
            kept = b""
            if path.suffix == ".jsonl":
                lines = content.splitlines(keepends=True)
                stay = [line for line in lines if not any(text in line for text in texts)]
                count, kept = count + len(lines) - len(stay), b"".join(stay)
            else:
                count += 1
            if not dry_run:
                write_whole(path, kept) if kept else path.unlink()
    return count
