"""Claude Code's projects folders: where its transcripts are, and which of those that events name are not read."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cc_otel.claude_code.transcript.files import Transcripts, Unread


@dataclass(frozen=True, slots=True)
class UnreadTranscripts:
    """Transcripts that are not read for one reason; ``folder`` is what would have to be known to read them."""

    reason: Unread
    folder: Path
    count: int


def folders(text: str) -> tuple[Path, ...]:
    """Return the folders of a setting, separated as in ``PATH``; Claude's own where it is empty."""
    named = tuple(Path(name).expanduser() for name in text.split(os.pathsep) if name)
    return named or (Path.home() / ".claude" / "projects",)


def with_folder(text: str, folder: Path) -> str:
    """Return the setting with one more folder in it; a folder that is in it is not added again."""
    known = [name for name in text.split(os.pathsep) if name]
    if folder in [Path(name).expanduser() for name in known]:
        return text
    return os.pathsep.join([*known, str(folder)])


def unread(paths: Iterable[str], projects: Sequence[Path]) -> list[UnreadTranscripts]:
    """Return which of these transcripts are not read, by reason and folder, the most first."""
    transcripts, found = Transcripts(*projects), dict[tuple[Unread, Path], int]()
    for path in dict.fromkeys(paths):
        if path and (reason := transcripts.reason_unread(path)):
            key = reason, folder_of(Path(path)) if reason is Unread.OUTSIDE else Path(path).parent
            found[key] = found.get(key, 0) + 1
    rows = [UnreadTranscripts(*key, count) for key, count in found.items()]
    return sorted(rows, key=lambda row: row.count, reverse=True)


def folder_of(transcript: Path) -> Path:
    """
    Return the folder that a transcript is read from once it is known.

    That is the projects folder of another config folder; of a project's folder that is a link, where the link leads.
    """
    project = transcript.resolve().parent
    return project.parent if project.parent.name == "projects" else project
