"""
The client's transcripts: which may be read, and what they prove of interruptions and launching calls.

The transcript is the client's own file, internal to it and late. Nothing here is needed for a tree, everything here
makes one truer; so whatever cannot be read counts as silence. Payloads name these files, and a payload may lie:
only regular files below Claude's own projects folder are ever opened.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from cc_otel.claude_code.transcript.records import json_of, timestamp_ns
from cc_otel.event import Interruption
from cc_otel.json_values import object_of, text_in

TAIL_BYTES_MAX: Final = 4 << 20
"""How much of a transcript is searched, from its end. An interruption is near the end when it is asked for."""

META_BYTES_MAX: Final = 1 << 16

_AGENT_FILE: Final = re.compile(r"agent-(.+)\.jsonl\Z")
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
        return text_in(object_of(json_of(data)).get("toolUseId"))

    def sizes(self, transcript_path: str, session_id: str) -> Iterator[tuple[Path, str, int]]:
        """Give a session's transcript and its subagents' with their sizes, bytes, and the agent's id (main: none)."""
        main = Path(transcript_path)
        with suppress(OSError, ValueError):
            yield main, "", main.stat().st_size
        with suppress(OSError, ValueError), os.scandir(main.parent / session_id / "subagents") as entries:
            for entry in entries:
                if found := _AGENT_FILE.match(entry.name):
                    yield Path(entry.path), found[1], entry.stat().st_size

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
    record = object_of(json_of(line))
    prompt_id, clock_ns = record.get("promptId"), timestamp_ns(record.get("timestamp"))
    if record.get("type") != "user" or not isinstance(prompt_id, str) or not clock_ns:
        return None
    return Interruption(prompt_id, clock_ns)
