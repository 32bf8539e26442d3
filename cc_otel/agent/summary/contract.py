"""What the agent asks of whoever writes its summaries."""

from collections.abc import Sequence
from typing import Protocol

from cc_otel.agent.describe import SpanSource, Summary
from cc_otel.agent.summary.rules.sentence import by_rule


class Summaries(Protocol):
    """Writes the sentence of each finished span. For use by one thread."""

    def offer(self, source: SpanSource) -> Summary | None:
        """
        Return the span's summary, or None where it is worth waiting for a better one.

        MUST return at once, and MUST give every span that waits through `settled`, in the time that was promised.
        """

    def settled(self) -> Sequence[tuple[str, Summary]]:
        """Return the summaries of spans that waited and may go now, by span id, each once."""


class ByRule:
    """Every summary by its rule, at once: what there is without a model."""

    def __init__(self, *, with_content: bool) -> None:
        """Take whether the sentences may quote what was said."""
        self._with_content = with_content

    def offer(self, source: SpanSource) -> Summary:
        """Return the rule's text."""
        return by_rule(source, with_content=self._with_content)

    def settled(self) -> Sequence[tuple[str, Summary]]:
        """Return nothing: no span waits."""
        return ()
