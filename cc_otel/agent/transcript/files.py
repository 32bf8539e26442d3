"""
The client's transcripts: which may be read, and what they prove of interruptions and launching calls.

The transcript is the client's own file, internal to it and late. Nothing here is needed for a tree, everything here
makes one truer; so whatever cannot be read counts as silence. Payloads name these files, and a payload may lie:
only regular files below Claude's own projects folder are ever opened.
"""

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from cc_otel.agent.events import Interruption

TAIL_BYTES_MAX: Final = 4 << 20
"""How much of a transcript is searched, from its end. An interruption is near the end when it is asked for."""

META_BYTES_MAX: Final = 1 << 16

_INTERRUPTED: Final = b"[Request interrupted by user"


class Transcripts:
    """Reads below one projects folder, ``~/.claude/projects`` unless the client was told otherwise."""

    def __init__(self, projects: Path) -> None:
        """Take the folder that every file must be below."""
        self._projects = projects

    def interruptions(self, transcript_path: str) -> tuple[Interruption, ...]:
        """Give the interruptions recorded near the end of a session's transcript, the first of each prompt."""
        found: dict[str, Interruption] = {}
        for line in self._tail(transcript_path):
            if _INTERRUPTED in line and (interruption := _interruption(line)):
                found.setdefault(interruption.prompt_id, interruption)
        return tuple(found.values())

    def launching_call(self, transcript_path: str, session_id: str, agent_id: str) -> str:
        """Give the ``toolUseId`` of the call that launched a subagent, as its ``meta.json`` says; empty if unknown."""
        if not transcript_path:
            return ""
        name = f"agent-{agent_id}.meta.json"
        data = self._read(Path(transcript_path).parent / session_id / "subagents" / name, META_BYTES_MAX)
        meta = _json(data)
        tool_use_id = meta.get("toolUseId") if isinstance(meta, dict) else None
        return tool_use_id if isinstance(tool_use_id, str) else ""

    def files(self, transcript_path: str, session_id: str) -> list[tuple[Path, str]]:
        """Give a session's transcript and its subagents', each with the id of its agent (empty: the main one)."""
        main = Path(transcript_path)
        found = [(main, "")]
        try:
            folder = main.parent / session_id / "subagents"
            names = sorted(path.name for path in folder.glob("agent-*.jsonl"))
        except (OSError, ValueError):
            return found
        return found + [(folder / name, name.removeprefix("agent-").removesuffix(".jsonl")) for name in names]

    def size(self, path: Path) -> int:
        """Give a file's size, bytes; 0 where there is none."""
        try:
            return path.stat().st_size
        except (OSError, ValueError):
            return 0

    def read_on(self, path: Path, offset: int, bytes_max: int) -> bytes:
        """Give what a regular file below the projects folder holds from there on; nothing of any other."""
        return self._read(path, bytes_max, offset)

    def _tail(self, transcript_path: str) -> Iterator[bytes]:
        if transcript_path:
            yield from self._read(Path(transcript_path), TAIL_BYTES_MAX).splitlines()

    def _read(self, path: Path, bytes_max: int, offset: int | None = None) -> bytes:
        """Give bytes of a regular file below the projects folder, the last ones without an offset."""
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self._projects.resolve(strict=True)):
                return b""
            # Not blocking: a pipe that nobody writes to would wait for ever.
            descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    return b""
                file.seek(max(0, status.st_size - bytes_max) if offset is None else offset)
                return file.read(bytes_max)
        except (OSError, ValueError, RuntimeError):
            return b""


def _interruption(line: bytes) -> Interruption | None:
    record = _json(line)
    if not isinstance(record, dict) or record.get("type") != "user":
        return None
    prompt_id, timestamp = record.get("promptId"), record.get("timestamp")
    if not isinstance(prompt_id, str) or not isinstance(timestamp, str):
        return None
    try:
        return Interruption(prompt_id, int(datetime.fromisoformat(timestamp).timestamp() * 1000) * 1_000_000)
    except (ValueError, OverflowError, OSError):
        return None


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
