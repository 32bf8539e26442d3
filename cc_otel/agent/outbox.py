"""The journal's outbox as the sender sees it, with the dead letters of spans that no receiver takes."""

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cc_otel.dead_letter import DeadLetter, SpanDeadLetters
from cc_otel.journal.counters import Counter
from cc_otel.journal.journal import Journal
from cc_otel.journal.outbox import DamagedSpan
from cc_otel.otlp.encode import is_sound_envelope, is_sound_span
from cc_otel.span import EncodedSpan


class JournalOutbox:
    """The outbox; ``dead`` is where dead letters go."""

    def __init__(self, journal: Journal, dead: Path) -> None:
        self._journal = journal
        self._dead = SpanDeadLetters(dead)
        self._damaged = DeadLetter(dead, time.time, source="journal")

    def waiting(self, spans_max: int, bytes_max: int) -> Sequence[EncodedSpan]:
        """Return the oldest spans that wait. Those that our disk has damaged become dead letters."""
        while True:
            batch, damaged = self._journal.outbox.oldest(spans_max, bytes_max)
            sound = [span for span in batch if _is_sound(span)]
            self._set_aside(damaged, [span for span in batch if not _is_sound(span)] if len(sound) < len(batch) else [])
            if sound or not (batch or damaged):
                return sound

    def acknowledge(self, batch: Sequence[EncodedSpan]) -> None:
        """Delete spans that a receiver has."""
        self._journal.outbox.acknowledge(batch)

    def dead_letter(self, encoded: EncodedSpan, reason: str) -> None:
        """Move a span that no receiver takes to the dead letters, with the reason."""
        self._dead.add(encoded, reason)
        # In this order: a crash in between writes it twice, under the same name.
        self._journal.outbox.acknowledge([encoded])
        self._journal.counters.add(Counter.SPANS_BURIED)

    def _set_aside(self, rows: Sequence[DamagedSpan], spans: Sequence[EncodedSpan]) -> None:
        if not rows and not spans:
            return
        reason = "damaged in the journal"
        self._damaged.add([(reason, {"row": row.row}) for row in rows])
        self._damaged.add([(reason, {"row": (it.trace_id, it.span_id, it.resource, it.span)}) for it in spans])
        self._journal.outbox.delete([row.number for row in rows])
        self._journal.outbox.acknowledge(spans)
        self._journal.counters.add(Counter.ROWS_UNREADABLE, len(rows) + len(spans))


def _is_sound(encoded: EncodedSpan) -> bool:
    return _known_envelope(encoded.resource) and is_sound_span(encoded.span)


_known_envelope = lru_cache(64)(is_sound_envelope)
