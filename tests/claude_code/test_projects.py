"""Projects folders: which transcripts are not read, and what would have to be known to read them."""

import os
from pathlib import Path

import pytest

from cc_otel.claude_code.projects import UnreadTranscripts, folders, unread, with_folder
from cc_otel.claude_code.transcript.files import Unread


def transcript(folder: Path, name: str = "s.jsonl") -> str:
    """Make a transcript in a project's folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("{}\n")
    return str(folder / name)


@pytest.mark.parametrize("text", ["/a", "/a:/b", "~/c:/a"])
def test_folders(text: str) -> None:
    """The setting names folders as PATH does, the home folder by its short name too."""
    assert folders(text) == tuple(Path(name).expanduser() for name in text.split(os.pathsep))
    assert folders("") == (Path.home() / ".claude" / "projects",)


def test_with_folder() -> None:
    """A folder is added at the end, once."""
    assert with_folder("", Path("/a")) == "/a"
    assert with_folder("/a", Path("/b")) == "/a:/b"
    assert with_folder("~/x:/b", Path.home() / "x") == "~/x:/b"


def test_another_config_folder(tmp_path: Path) -> None:
    """Transcripts of another config folder are read once its projects folder is known."""
    known, other = tmp_path / ".claude" / "projects", tmp_path / "work" / "projects"
    paths = [transcript(known / "p"), transcript(other / "p"), transcript(other / "q")]
    [found] = unread(paths, [known])

    assert found == UnreadTranscripts(Unread.OUTSIDE, other, 2)
    assert unread(paths, [known, found.folder]) == []


def test_a_linked_project(tmp_path: Path) -> None:
    """Transcripts of a project whose folder is a link are read once the folder that it leads to is known."""
    known, elsewhere = tmp_path / "projects", tmp_path / "big-disk" / "p"
    transcript(elsewhere)
    known.mkdir()
    (known / "p").symlink_to(elsewhere)
    [found] = unread([str(known / "p" / "s.jsonl")], [known])

    assert found == UnreadTranscripts(Unread.OUTSIDE, elsewhere, 1)
    assert unread([str(known / "p" / "s.jsonl")], [known, found.folder]) == []


def test_what_no_folder_mends(tmp_path: Path) -> None:
    """A transcript that does not exist, or is no file, is told apart; no path at all is none."""
    folder = tmp_path / "p"
    (folder / "folder.jsonl").mkdir(parents=True)
    found = unread(["", str(folder / "gone.jsonl"), str(folder / "folder.jsonl")], [tmp_path])

    assert {(it.reason, it.folder, it.count) for it in found} == {
        (Unread.MISSING, folder, 1),
        (Unread.NOT_A_FILE, folder, 1),
    }
