"""Claude Code's projects folders: where its transcripts are."""

import os
from pathlib import Path


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


def folder_of(transcript: Path) -> Path:
    """
    Return the folder that a transcript is read from once it is known.

    That is the projects folder of another config folder; of a project's folder that is a link, where the link leads.
    """
    project = transcript.resolve().parent
    return project.parent if project.parent.name == "projects" else project
