"""
The client's transcripts: which may be read, and what they prove of interruptions and launching calls.

The transcript is the client's own file, internal to it and late. No tree needs it; what cannot be read counts as
absent. Payloads name these files, and a payload may lie: only regular files below the known projects folders are ever
opened.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cc_otel.claude_code.transcript.records import json_of, timestamp_ns
from cc_otel.event import Interruption
from cc_otel.json_values import object_of, text_in

TAIL_BYTES_MAX: Final = 4 << 20
"""How much of a transcript is searched, from its end. An interruption is near the end when it is asked for."""

META_BYTES_MAX: Final = 1 << 16

DEPTH_MAX: Final = 8
"""How deep below a session's folder subagents' files are looked for; workflows have theirs two folders down."""

ENTRIES_MAX: Final = 20_000
"""How many entries of a session's folder are looked at."""

_AGENT_FILE: Final = re.compile(r"agent-(.+)\.jsonl\Z")
_INTERRUPTED: Final = b"[Request interrupted by user"


class Unread(StrEnum):
    """Why a transcript that events name is not read."""

    OUTSIDE = "outside"
    """It lies below no known projects folder."""
    MISSING = "missing"
    """It does not exist: the client keeps none, or its folder is not mounted here."""
    NOT_A_FILE = "not a file"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class TranscriptFile:
    """One file of a session: ``agent_id`` is its subagent's, empty for the session's own. ``size`` is in bytes."""

    path: Path
    agent_id: str
    size: int


class Transcripts:
    """Reads below the projects folders of one user: ``~/.claude/projects``, and those of other config folders."""

    def __init__(self, *projects: Path) -> None:
        """Take the folders of which every file must be below one."""
        self._projects = projects

    def interruptions(self, transcript_path: str) -> tuple[Interruption, ...]:
        """Return the interruptions recorded near the end of a session's transcript, the first of each prompt."""
        found: dict[str, Interruption] = {}
        for line in self._tail(transcript_path):
            if _INTERRUPTED in line and (interruption := _interruption(line)):
                found.setdefault(interruption.prompt_id, interruption)
        return tuple(found.values())

    def launching_call(self, transcript_path: str, session_id: str, agent_id: str) -> str:
        """Return the ``toolUseId`` of the call that launched a subagent from its ``meta.json``; empty if unknown."""
        name = f"agent-{agent_id}.meta.json"
        for path in _below(transcript_path, session_id):
            if path.name == name:
                return text_in(object_of(json_of(self._read(path, META_BYTES_MAX))).get("toolUseId"))
        return ""

    def agent_folder(self, transcript_path: str, session_id: str, agent_id: str) -> str:
        """Return the folder of a subagent's transcript as it is found on disk; empty if there is none."""
        name = f"agent-{agent_id}.jsonl"
        return next((str(path.parent) for path in _below(transcript_path, session_id) if path.name == name), "")

    def files(self, paths: Iterable[str], session_id: str, folders: Iterable[str] = ()) -> Iterator[TranscriptFile]:
        """
        Return the files of a session that may be read.

        These are the ``paths`` that were named, and the subagents' files below the folders of the session and below
        the ``folders`` that were named.
        """
        named = dict.fromkeys(Path(path) for path in paths)
        below = (path for main in named for path in _below(str(main), session_id))
        others = (path for folder in folders for path in _tree(Path(folder)))
        for path in dict.fromkeys((*named, *below, *others)):
            found = _AGENT_FILE.match(path.name)
            if (found or path in named) and (size := self._size(path)) is not None:
                yield TranscriptFile(path, found[1] if found else "", size)

    def _size(self, path: Path) -> int | None:
        try:
            return path.stat().st_size if self.reason_unread(str(path)) is None else None
        except (OSError, ValueError):
            return None

    def reason_unread(self, transcript_path: str) -> Unread | None:
        """Return why a transcript is not read, None if it can be."""
        try:
            real = Path(transcript_path).resolve(strict=True)
            if not self._is_inside(real):
                return Unread.OUTSIDE
            if not stat.S_ISREG(real.stat().st_mode):
                return Unread.NOT_A_FILE
            return None if os.access(real, os.R_OK) else Unread.UNREADABLE
        except FileNotFoundError:
            return Unread.MISSING
        except (OSError, ValueError, RuntimeError):
            return Unread.UNREADABLE

    def read_on(self, path: Path, offset: int, bytes_max: int) -> bytes:
        """Return what a regular file below a projects folder holds from there on; nothing of any other."""
        return self._read(path, bytes_max, offset)

    def _tail(self, transcript_path: str) -> Iterator[bytes]:
        if transcript_path:
            yield from self._read(Path(transcript_path), TAIL_BYTES_MAX).splitlines()

    def _is_inside(self, real: Path) -> bool:
        return any(real.is_relative_to(projects.resolve()) for projects in self._projects)

    def _read(self, path: Path, bytes_max: int, offset: int | None = None) -> bytes:
        """Return bytes of a regular file below a projects folder, the last ones without an offset."""
        try:
            real = path.resolve(strict=True)
            if not self._is_inside(real):
                return b""
            # Not blocking: opening a pipe without a writer would wait for ever.
            descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    return b""
                file.seek(max(0, status.st_size - bytes_max) if offset is None else offset)
                return file.read(bytes_max)
        except (OSError, ValueError, RuntimeError):
            return b""


def _below(transcript_path: str, session_id: str) -> Iterator[Path]:
    """Return what lies below the folder of a session's subagents."""
    return _tree(Path(transcript_path).parent / session_id / "subagents") if transcript_path else iter(())


def _tree(top: Path) -> Iterator[Path]:
    """Return the files below a folder, at any depth; links are not followed."""
    folders = [(top, 0)]
    left = ENTRIES_MAX
    while folders and left > 0:
        folder, depth = folders.pop()
        with suppress(OSError, ValueError), os.scandir(folder) as entries:
            for entry in entries:
                left -= 1
                if entry.is_dir(follow_symlinks=False):
                    if depth < DEPTH_MAX:
                        folders.append((Path(entry.path), depth + 1))
                else:
                    yield Path(entry.path)
                if left <= 0:
                    break


def _interruption(line: bytes) -> Interruption | None:
    record = object_of(json_of(line))
    prompt_id, clock_ns = record.get("promptId"), timestamp_ns(record.get("timestamp"))
    if record.get("type") != "user" or not isinstance(prompt_id, str) or not clock_ns:
        return None
    return Interruption(prompt_id, clock_ns)
