"""Files that are replaced whole and folders that are kept within limits."""

import os
import stat
from pathlib import Path

import pytest

from cc_otel.files import BLOCK_BYTES, FileEntry, append, files_in, prune, write_whole


def put(folder: Path, name: str, age: int, size_bytes: int = 1) -> None:
    """Make a file of an age, ns before 1,000."""
    (folder / name).write_bytes(b"x" * size_bytes)
    os.utime(folder / name, ns=(1000 - age, 1000 - age))


def test_regular_files_alone_are_listed(tmp_path: Path) -> None:
    """A folder, a link and a FIFO are no files; entries sort by age, then by name."""
    for name, age in (("b", 1), ("a", 1), ("c", 9)):
        put(tmp_path, name, age)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "fifo")

    assert sorted(files_in(tmp_path)) == [FileEntry(991, "c", 1), FileEntry(999, "a", 1), FileEntry(999, "b", 1)]
    assert list(files_in(tmp_path / "nowhere")) == []


def test_what_is_old_or_too_much_is_removed_the_oldest_first(tmp_path: Path) -> None:
    """Files before a time go, then the oldest until the rest fits, in blocks; others of the folder stay."""
    for age in range(1, 7):
        put(tmp_path, f"{age}.json", age)
    put(tmp_path, "other.txt", 9)

    assert prune(tmp_path, before_ns=995, bytes_max=3 * BLOCK_BYTES, suffix=".json") == 3
    assert {path.name for path in tmp_path.iterdir()} == {"1.json", "2.json", "3.json", "other.txt"}


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new content stands under the name with its mode, and nothing beside it."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_whole(path, b"new", 0o700, durable=True)

    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o700)
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    """Where the place is a folder the write fails, and no half file is left."""
    (tmp_path / "file" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_appended_is_private(tmp_path: Path) -> None:
    """A file that grows is its owner's alone."""
    for _ in range(2):
        append(tmp_path / "file", b"x")

    assert ((tmp_path / "file").read_bytes(), stat.S_IMODE((tmp_path / "file").stat().st_mode)) == (b"xx", 0o600)
