"""The journal as the sender sees it, and ``dead/``, where spans end that no receiver takes."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from cc_otel.journal.counters import Counter
from cc_otel.journal.journal import Journal
from cc_otel.otlp.encode import to_json
from cc_otel.span import EncodedSpan
from cc_otel.spool import BLOCK_BYTES

DEAD_AGE_S: Final = 7 * 86400.0
DEAD_BYTES_MAX: Final = 64 << 20
"""How much disk buried spans may take. The graph-exporter's own files in ``dead/`` have a limit of their own."""


class JournalOutbox:
    """The journal as the sender sees it; what it buries goes to ``dead/``, one file a span."""

    def __init__(self, journal: Journal, dead: Path) -> None:
        self._journal = journal
        self._dead = dead

    def waiting(self, spans_max: int, bytes_max: int) -> Sequence[EncodedSpan]:
        """Give the oldest spans that wait."""
        return self._journal.outbox.waiting(spans_max, bytes_max)

    def acknowledge(self, parcels: Sequence[EncodedSpan]) -> None:
        """Let go of spans that a receiver has."""
        self._journal.outbox.acknowledge(parcels)

    def bury(self, parcel: EncodedSpan, reason: str) -> None:
        """Set aside a span that no receiver takes, as OTLP JSON with the reason."""
        self._dead.mkdir(mode=0o700, parents=True, exist_ok=True)
        grave = self._dead / f"{parcel.trace_id}-{parcel.span_id}.json"
        descriptor = os.open(grave, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps({"reason": reason}) + "\n" + to_json([parcel]) + "\n")
        # In this order: a crash in between buries it twice, under the same name.
        self._journal.outbox.acknowledge([parcel])
        self._journal.counters.add(Counter.SPANS_BURIED)


class _Grave(NamedTuple):
    mtime_s: float
    disk_bytes: int
    path: Path


def prune_dead(dead: Path, now_s: float) -> int:
    """
    Remove from ``dead/`` what is older than `DEAD_AGE_S`, and buried spans, oldest first, over `DEAD_BYTES_MAX`.

    Give how many buried spans were removed; what cannot be removed stays.

    Raises:
        OSError: the directory cannot be read.

    """
    count, used_bytes = 0, 0
    for grave in sorted(_graves(dead), reverse=True):
        buried = grave.path.suffix == ".json"
        used_bytes += grave.disk_bytes if buried else 0
        if now_s - grave.mtime_s > DEAD_AGE_S or (buried and used_bytes > DEAD_BYTES_MAX):
            with suppress(OSError):
                grave.path.unlink()
                count += buried
    return count


def _graves(dead: Path) -> Iterator[_Grave]:
    if not dead.exists():
        return
    for path in dead.iterdir():
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield _Grave(status.st_mtime, -(-status.st_size // BLOCK_BYTES) * BLOCK_BYTES, path)
