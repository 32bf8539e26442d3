"""
Dead letters: what can never be delivered or stored, kept in ``dead/`` for a while so that somebody can look.

The agent writes a file a span, the graph-exporter a file of JSON lines a day. Both are bounded in size and age, because
a producer or receiver that is broken is broken all day.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cc_otel import files
from cc_otel.files import files_in
from cc_otel.otlp.encode import to_json
from cc_otel.span import EncodedSpan

DEAD_BYTES_MAX: Final = 64 << 20
"""How much of the disk each of the two may take."""

DEAD_DAYS_MAX: Final = 7
_DAY_NS: Final = 86_400 * 1_000_000_000


class SpanDeadLetters:
    """Spans that no receiver takes, each in a file that is named after its ids."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, span: EncodedSpan, reason: str) -> None:
        """
        Keep a span as OTLP/JSON with the reason; the same span twice is kept once.

        Raises:
            OSError: it cannot be written now.

        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"reason": reason}) + "\n" + to_json([span]) + "\n"
        files.write_whole(self._directory / f"{span.trace_id}-{span.span_id}.json", text.encode(), durable=True)

    def prune(self, now_ns: int) -> int:
        """
        Remove what is older than seven days, and the oldest spans over `DEAD_BYTES_MAX`. Return how many spans.

        Raises:
            OSError: the directory cannot be read.

        """
        oldest_ns = now_ns - DEAD_DAYS_MAX * _DAY_NS
        # Where no graph-exporter runs any more, nobody else removes its files.
        files.prune(self._directory, before_ns=oldest_ns, bytes_max=1 << 62, suffix=".jsonl")
        return files.prune(self._directory, before_ns=oldest_ns, bytes_max=DEAD_BYTES_MAX, suffix=".json")


class DeadLetter:
    """A directory of lines, each with its time (s since the epoch), the reason, and what could not be stored."""

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], float],
        bytes_max: int = DEAD_BYTES_MAX,
        *,
        source: str = "graph",
    ) -> None:
        self._directory = directory
        self._source = source
        self._clock = clock
        self._bytes_max = bytes_max
        self._lock = threading.Lock()

    def add(self, letters: Sequence[tuple[str, Mapping[str, object]]]) -> int:
        """
        Keep pairs of reason and content, durably. Return how many there was room for.

        Raises:
            OSError: they cannot be written now.

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
                files.append(self._directory / self._name(now_s), b"".join(lines))
        return len(lines)

    def clear(self) -> None:
        """Remove the files of expired days."""
        with self._lock:
            self._clear(self._clock())

    def _clear(self, now_s: float) -> int:
        """Remove expired files. Return the size of what is left, bytes."""
        oldest = self._name(now_s - (DEAD_DAYS_MAX - 1) * 86_400)
        size_bytes = 0
        for entry in files_in(self._directory):
            if not entry.name.startswith(f"{self._source}-") or not entry.name.endswith(".jsonl"):
                continue
            if entry.name < oldest:
                (self._directory / entry.name).unlink(missing_ok=True)
            else:
                size_bytes += entry.size_bytes
        return size_bytes

    def _name(self, time_s: float) -> str:
        # Sorted by name is sorted by day.
        return f"{self._source}-{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d}.jsonl"


def _line(content: Mapping[str, object]) -> bytes:
    # ASCII, so that a lone surrogate is no obstacle; what JSON cannot hold is written as Python's repr of it.
    return json.dumps(content, default=repr).encode("ascii") + b"\n"
