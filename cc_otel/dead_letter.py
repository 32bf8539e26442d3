"""
The dead letter: what can never be stored, kept for a while so that somebody can look.

One file of JSON lines a day. It is bounded in size and age, because a producer that is broken is broken all day.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

DEAD_BYTES_MAX: Final = 64 << 20
DEAD_DAYS_MAX: Final = 7


class DeadLetter:
    """A directory of lines, each with its time (s since the epoch), the reason, and what could not be stored."""

    def __init__(self, directory: Path, clock: Callable[[], float], bytes_max: int = DEAD_BYTES_MAX) -> None:
        self._directory = directory
        self._clock = clock
        self._bytes_max = bytes_max
        self._lock = threading.Lock()

    def add(self, letters: Sequence[tuple[str, Mapping[str, object]]]) -> int:
        """
        Keep pairs of reason and content, durably; answer how many there was room for.

        Raise OSError where they cannot be written now.
        """
        now_s = self._clock()
        with self._lock:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            room = self._bytes_max - self._clear(now_s)
            lines: list[bytes] = []
            for reason, content in letters:
                line = _line({"time": now_s, "reason": reason, **content})
                room -= len(line)
                if room < 0:
                    break
                lines.append(line)
            if lines:
                self._append(_name(now_s), b"".join(lines))
        return len(lines)

    def clear(self) -> None:
        """Remove the files of days that are too long ago."""
        with self._lock:
            self._clear(self._clock())

    def _clear(self, now_s: float) -> int:
        """Answer the size of what is left, bytes."""
        oldest = _name(now_s - (DEAD_DAYS_MAX - 1) * 86_400)
        size_bytes = 0
        for file in self._directory.glob("graph-*.jsonl"):
            if file.name < oldest:
                file.unlink(missing_ok=True)
            else:
                size_bytes += file.stat().st_size
        return size_bytes

    def _append(self, name: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with os.fdopen(os.open(self._directory / name, flags, 0o600), "ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _name(time_s: float) -> str:
    # Sorted by name is sorted by day.
    return f"graph-{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d}.jsonl"


def _line(content: Mapping[str, object]) -> bytes:
    # ASCII, so that a lone surrogate is no obstacle; whatever JSON has no word for is told as Python would.
    return json.dumps(content, default=repr).encode("ascii") + b"\n"
