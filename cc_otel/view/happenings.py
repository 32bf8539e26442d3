"""What happens, event by event: what began, what goes on for long, what waits for a person and what has ended."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from cc_otel.graph.store import Json
from cc_otel.view.trees import TreeSpan

LONG_MS: Final = 3_000.0
"""A call that takes longer is mentioned while it goes on."""

INSTANT_MS: Final = 0.01
"""What takes less happened at one moment."""

REMEMBERED_MAX: Final = 50_000
"""So many spans are known not to be news."""


class What(StrEnum):
    """What there is to say of a span."""

    BEGAN = "began"
    RUNNING = "running"
    WAITING = "waiting"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened in a session, and when (ms since the epoch); ``text`` says it in a sentence."""

    at_ms: float
    what: What
    session_id: str | None
    trace_id: str
    span_id: str
    kind: str
    name: str
    text: str
    error_type: str | None
    outcome: str | None
    duration_ms: float | None
    wait_ms: float | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None

    def to_json(self) -> dict[str, Json]:
        """Return it as one object."""
        return asdict(self)


class Teller:
    """Says of spans what is news, each thing once, however often a span is seen."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, What], None] = OrderedDict()

    def news(self, ended: Iterable[TreeSpan], going_on: Iterable[TreeSpan], now_ms: float) -> list[Happening]:
        """Return what is new in spans that were stored and in those that are open now (ms), in order of time."""
        found = [happening for span in ended for happening in self._of_ended(span)]
        found += [happening for span in going_on if span.open for happening in self._of_open(span, now_ms)]
        return sorted(found, key=lambda it: (it.at_ms, it.trace_id, it.span_id))

    def _of_ended(self, span: TreeSpan) -> Iterator[Happening]:
        failed = span.status == "ERROR"
        instant = span.kind == "hook" and span.duration_ms < INSTANT_MS
        if (failed or not instant) and self._is_news(span, What.ENDED):
            # What was stored is over, whatever a look at the journal that came too late says.
            for before in (What.BEGAN, What.RUNNING, What.WAITING):
                self._is_news(span, before)
            at_ms = span.start_ms + span.duration_ms if span.end_ms is None else span.end_ms
            yield _happening(span, What.FAILED if failed else What.ENDED, at_ms)

    def _of_open(self, span: TreeSpan, now_ms: float) -> Iterator[Happening]:
        if span.kind == "hook":
            what, at_ms = What.WAITING, span.start_ms
        elif span.kind in {"turn", "subagent"}:
            what, at_ms = What.BEGAN, span.start_ms
        elif now_ms - span.start_ms >= LONG_MS:
            what, at_ms = What.RUNNING, now_ms
        else:
            return
        if self._is_news(span, what):
            yield _happening(span, what, at_ms)

    def _is_news(self, span: TreeSpan, what: What) -> bool:
        key = (*span.key, what)
        if key in self._known:
            self._known.move_to_end(key)
            return False
        self._known[key] = None
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return True


def _happening(span: TreeSpan, what: What, at_ms: float) -> Happening:
    lasted = span.duration_ms if what in {What.ENDED, What.FAILED, What.RUNNING} else None
    return Happening(
        at_ms=at_ms,
        what=what,
        session_id=span.session_id,
        trace_id=span.trace_id,
        span_id=span.span_id,
        kind=span.kind,
        name=span.name,
        text=span.label or span.name,
        error_type=span.error_type,
        outcome=span.outcome,
        duration_ms=lasted,
        wait_ms=span.wait_ms,
        model=span.model,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        cost_usd=span.cost_usd,
    )
