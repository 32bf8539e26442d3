"""The journal's outbox as the sender sees it, with the dead letters of spans that no receiver takes."""

from collections.abc import Sequence
from pathlib import Path

from cc_otel.dead_letter import SpanDeadLetters
from cc_otel.journal.counters import Counter
from cc_otel.journal.journal import Journal
from cc_otel.span import EncodedSpan


class JournalOutbox:
    """The outbox; ``dead`` is where dead letters go."""

    def __init__(self, journal: Journal, dead: Path) -> None:
        self._journal = journal
        self._dead = SpanDeadLetters(dead)

    def waiting(self, spans_max: int, bytes_max: int) -> Sequence[EncodedSpan]:
        """Return the oldest spans that wait."""
        return self._journal.outbox.waiting(spans_max, bytes_max)

    def acknowledge(self, batch: Sequence[EncodedSpan]) -> None:
        """Delete spans that a receiver has."""
        self._journal.outbox.acknowledge(batch)

    def dead_letter(self, encoded: EncodedSpan, reason: str) -> None:
        """Move a span that no receiver takes to the dead letters, with the reason."""
        self._dead.add(encoded, reason)
        # In this order: a crash in between writes it twice, under the same name.
        self._journal.outbox.acknowledge([encoded])
        self._journal.counters.add(Counter.SPANS_BURIED)
