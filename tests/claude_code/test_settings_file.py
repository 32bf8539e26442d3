"""A settings file that others own too: replaced whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from cc_otel.claude_code.settings_file import Change, SettingsFile, Unusable


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    """A file that is there."""
    path = tmp_path / "settings.json"
    path.write_text("old")
    return SettingsFile(path)


def test_changed_meanwhile(file: SettingsFile) -> None:
    """What another program wrote since the file was read is not lost."""
    file.path.write_text("theirs")

    with pytest.raises(Unusable, match="was changed by somebody else"):
        file.replace("old", "new")

    assert (file.read(), list(file.path.parent.iterdir())) == ("theirs", [file.path])


def test_disk_error(file: SettingsFile) -> None:
    """A write that fails half-way leaves the file as it was, and nothing beside it."""
    with pytest.raises(UnicodeEncodeError):
        file.replace("old", "new \ud83d")

    assert (file.read(), list(file.path.parent.iterdir())) == ("old", [file.path])


def test_folder_in_the_way(file: SettingsFile) -> None:
    """A folder where the file should be is named, with what the system says of it."""
    file.path.unlink()
    file.path.mkdir()

    with pytest.raises(Unusable, match=r"settings\.json cannot be read: Is a directory"):
        file.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a file to somebody else")
def test_owner(file: SettingsFile) -> None:
    """A file that is changed under sudo stays its owner's."""
    os.chown(file.path, 12345, 23456)
    file.path.chmod(0o640)
    file.replace("old", "new")

    status = file.path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o640)


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        ("a\n", "a\n", ""),
        (None, "a\n", "--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+a\n"),
        ("a\n", None, "--- {path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"),
        (
            "a\u2028b\r\nc",
            "a\u2028b\r\nd",
            "--- {path}\n+++ {path}\n@@ -1,2 +1,2 @@\n a\u2028b\r\n-c\n\\ No newline at end of file\n"
            "+d\n\\ No newline at end of file\n",
        ),
    ],
)
def test_diff(file: SettingsFile, old: str | None, new: str | None, diff: str) -> None:
    """A change is told as diff(1) tells it."""
    assert diff.format(path=file.path) == Change(file, old, new).diff()
