"""Transcripts that are not read, and what would have to be known to read them."""

from pathlib import Path

from cc_otel.claude_code.transcript.files import Unread
from cc_otel.claude_code.transcript.unread import UnreadTranscripts, unread


def transcript(folder: Path, name: str = "s.jsonl") -> str:
    """Make a transcript in a project's folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("{}\n")
    return str(folder / name)


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
