"""
Delivery from the outbox to a receiver: a span is deleted when it is acknowledged, not before.

Every failure is retried or, if a span causes it, narrowed down to that span, which goes to the dead letter. The rules
are in docs/delivery.md, the reason for our own sender in docs/decisions/0005-own-sender.md.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Event
from typing import Final, Protocol

from cc_otel.otlp.encode import request
from cc_otel.otlp.transport import Delivered, ExportResult, Poison, Refused, Retry, Transport
from cc_otel.span import EncodedSpan

log = logging.getLogger(__name__)

SPANS_MAX: Final = 512
BYTES_MAX: Final = 2 << 20
"""How many bytes of spans go in one request; the default limit of receivers is 4 MiB."""
BACKOFF_MIN_S: Final = 1.0
BACKOFF_MAX_S: Final = 60.0
THROTTLE_MAX_S: Final = 300.0
"""The longest delay accepted from a receiver, s: a mistaken number must not end the delivery."""
IDLE_S: Final = 1.0
"""How often an empty outbox is polled, s."""
WARNING_S: Final = 60.0
"""How often one kind of failure is logged, s."""


class Outbox(Protocol):
    """Encoded spans, oldest first, until they are acknowledged or go to the dead letter."""

    def waiting(self, spans_max: int, bytes_max: int) -> Sequence[EncodedSpan]:
        """
        Return the oldest spans, at most ``spans_max`` of them with at most ``bytes_max`` bytes of ``span``.

        MUST return at least one if there are any, however large; MUST return the same ones, in the same order, until
        they are acknowledged or go to the dead letter.
        """

    def acknowledge(self, batch: Sequence[EncodedSpan]) -> None:
        """Delete spans that a receiver has. MUST return only once they will not be returned again."""

    def dead_letter(self, encoded: EncodedSpan, reason: str) -> None:
        """Move a span that no receiver will ever take to the dead letter. MUST keep it here until it is safe there."""


class Situation(StrEnum):
    """The state of the delivery."""

    IDLE = "idle"
    DELIVERING = "delivering"
    RETRYING = "retrying"
    REFUSED = "refused"
    ISOLATING = "isolating"


@dataclass(frozen=True, slots=True)
class SenderState:
    """
    What ``status`` shows of the delivery. Times are ns since the Unix epoch.

    ``last_error`` and ``last_error_ns`` stay after the delivery has recovered. ``next_attempt_ns`` is set during a
    backoff. ``sent`` and ``set_aside`` count spans, ``retried`` counts attempts after which they stayed in the outbox.
    ``failing_since_ns`` is set from the first attempt that failed until one succeeds.
    """

    situation: Situation = Situation.IDLE
    last_success_ns: int | None = None
    last_error: str = ""
    last_error_ns: int | None = None
    next_attempt_ns: int | None = None
    sent: int = 0
    retried: int = 0
    set_aside: int = 0
    failing_since_ns: int | None = None


class Sender:
    """
    Delivers an outbox over a transport, one request at a time.

    ``jitter`` returns numbers from 0 to 1 and ``clock_ns`` the time, ns since the Unix epoch. Errors of the outbox
    are not caught: nothing is acknowledged then, and ``step`` may be called again.
    """

    def __init__(
        self,
        outbox: Outbox,
        transport: Transport,
        timeout_s: float = 10.0,
        *,
        jitter: Callable[[], float] = random.random,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._outbox = outbox
        self._transport = transport
        self._timeout_s = timeout_s
        self._jitter = jitter
        self._clock_ns = clock_ns
        self._failures = 0
        # After a failure that a span may have caused, requests carry half as many spans until all suspects are settled;
        # then they grow again.
        self._spans_max = SPANS_MAX
        self._suspects = 0
        self._warned_ns: dict[Situation, int] = {}
        self.state = SenderState()
        """The state of the delivery; replaced as a whole, so that any thread may read it."""

    def run(self, stop: Event, wake: Event) -> None:
        """
        Deliver until ``stop`` is set. ``wake`` is set when spans are added to an empty outbox.

        A backoff ends early for ``stop`` only: new spans are no reason to hurry a receiver that is down.
        """
        while not stop.is_set():
            wake.clear()
            wait_s = self.step()
            if wait_s:
                idle = self.state.situation is Situation.IDLE
                (wake if idle else stop).wait(wait_s)

    def step(self) -> float:
        """Make one attempt if the outbox has spans. Return how long to wait before the next step, s (0: do not)."""
        batch = self._outbox.waiting(self._spans_max, BYTES_MAX)
        if not batch:
            self.state = replace(self.state, situation=Situation.IDLE, failing_since_ns=None, next_attempt_ns=None)
            return IDLE_S
        wait_s = self._settle(batch, self._transport.export(request(batch), self._timeout_s))
        next_attempt_ns = self._clock_ns() + int(wait_s * 1e9) if wait_s else None
        self.state = replace(self.state, next_attempt_ns=next_attempt_ns)
        return wait_s

    def _settle(self, batch: Sequence[EncodedSpan], outcome: ExportResult) -> float:
        match outcome:
            case Delivered(rejected_spans=0, message=message):
                return self._delivered(batch, message)
            case Delivered():
                return self._rejected(batch, outcome)
            case Poison():
                return self._poisoned(batch, outcome.reason)
            case Refused():
                self._keep(Situation.REFUSED, f"the receiver takes nothing from us: {outcome.reason}")
                return self._backoff_s()
            case Retry():
                self._keep(Situation.RETRYING, f"not delivered yet: {outcome.reason}")
                return max(self._backoff_s(), min(outcome.delay_s or 0.0, THROTTLE_MAX_S))

    def _delivered(self, batch: Sequence[EncodedSpan], warning: str) -> float:
        self._outbox.acknowledge(batch)
        if self._failures:
            log.info("delivering again after %d failures", self._failures)
        self._failures = 0
        self.state = replace(
            self.state,
            situation=Situation.DELIVERING,
            last_success_ns=self._clock_ns(),
            failing_since_ns=None,
            sent=self.state.sent + len(batch),
        )
        if warning:
            self._note(Situation.DELIVERING, f"the receiver warns: {warning}")
        self._suspects = max(self._suspects - len(batch), 0)
        if not self._suspects:
            self._spans_max = min(2 * self._spans_max, SPANS_MAX)
        return 0.0

    def _rejected(self, batch: Sequence[EncodedSpan], answer: Delivered) -> float:
        if answer.rejected_spans >= len(batch):
            # Either the spans are bad or the receiver is over its quota, so only one span at a time is risked.
            return self._poisoned(batch, f"rejected: {answer.message}")
        # The response says how many and not which. The specification gives them up; sent again in halves they are
        # found, and the others are stored a second time under the same id.
        share = f"{answer.rejected_spans} of {len(batch)} spans"
        self._keep(Situation.ISOLATING, f"the receiver rejects {share}: {answer.message}")
        self._halve(batch)
        return 0.0

    def _poisoned(self, batch: Sequence[EncodedSpan], reason: str) -> float:
        if len(batch) > 1:
            self._keep(Situation.ISOLATING, f"the receiver cannot take a request of {len(batch)} spans: {reason}")
            self._halve(batch)
            return BACKOFF_MIN_S
        self._dead_letter(batch[0], reason)
        # Among good spans, a refused one is bad itself. If nothing is delivered between one and the next, the receiver
        # refuses everything; so the waits grow, and few spans are set aside before somebody notices.
        return self._backoff_s()

    def _dead_letter(self, encoded: EncodedSpan, reason: str) -> None:
        self._outbox.dead_letter(encoded, reason)
        self.state = replace(self.state, set_aside=self.state.set_aside + 1)
        self._note(Situation.ISOLATING, f"span {encoded.span_id} can never be delivered and was set aside: {reason}")
        self._suspects = max(self._suspects - 1, 0)

    def _halve(self, batch: Sequence[EncodedSpan]) -> None:
        self._spans_max = len(batch) // 2
        self._suspects = len(batch)

    def _backoff_s(self) -> float:
        """Return the next wait, s: doubled with every consecutive failure, minus up to half of it at random."""
        # The exponent is bounded: a receiver may be down for weeks.
        self._failures += 1
        longest_s = min(BACKOFF_MIN_S * 2.0 ** min(self._failures, 10), BACKOFF_MAX_S)
        return longest_s * (0.5 + 0.5 * self._jitter())

    def _keep(self, situation: Situation, text: str) -> None:
        self.state = replace(self.state, retried=self.state.retried + 1)
        self._note(situation, text)
        self.state = replace(self.state, failing_since_ns=self.state.failing_since_ns or self.state.last_error_ns)

    def _note(self, situation: Situation, text: str) -> None:
        now_ns = self._clock_ns()
        self.state = replace(self.state, situation=situation, last_error=text, last_error_ns=now_ns)
        warned_ns = self._warned_ns.get(situation)
        # The absolute difference: a clock that was set back must not silence the log.
        if warned_ns is None or abs(now_ns - warned_ns) >= WARNING_S * 1e9:
            self._warned_ns[situation] = now_ns
            log.warning("%s", text)
