"""The models in order of preference: which one is asked, which one is in a cooldown after a failure, and why."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cc_otel.agent.summary import sentences
from cc_otel.agent.summary.budget import Budget
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import ANSWER_TOKENS_MAX, SCHEMA, Prompt
from cc_otel.agent.summary.wire import Answer, Failure

log = logging.getLogger(__name__)

COOLDOWN_S_MAX: Final = 300.0
FAILURES_MAX: Final = 3
"""After this many unusable answers in a row a model enters a cooldown."""

_FIRST_COOLDOWN_S: Final = {
    Failure.BUSY: 1.0,
    Failure.UNREACHABLE: 1.0,
    Failure.TIMEOUT: 5.0,
    Failure.UNUSABLE: 10.0,
    Failure.CREDENTIALS: 60.0,
}
_IN_WORDS: Final = {
    Failure.BUSY: "too many requests",
    Failure.UNREACHABLE: "the service cannot be reached",
    Failure.TIMEOUT: "no answer in time",
    Failure.UNUSABLE: "the model cannot be used",
    Failure.CREDENTIALS: "credentials missing or refused",
}


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote: the usable sentences of its answer, by the ids of their items."""

    model: str
    sentences: dict[str, str]


@dataclass(frozen=True, slots=True)
class NotWritten:
    """No model answered. ``again_s`` is the time until the first of them may be asked again, s."""

    again_s: float


@dataclass(eq=False, slots=True)
class _State:
    """The state of a model: end of its cooldown (s, monotonic), failures in a row, and the last error."""

    cooldown_until_s: float = 0.0
    failures: int = 0
    error: str = ""
    tokens: list[int] = field(default_factory=lambda: [0, 0])


class Chain:
    """Asks the first model that is not in a cooldown, then the next. Thread-safe."""

    def __init__(
        self,
        models: Sequence[str],
        process: ModelProcess,
        budget: Budget,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the models, the first choice first."""
        self._states = {model: _State() for model in models}
        self._process = process
        self._budget = budget
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def models(self) -> list[str]:
        """The models, the first choice first."""
        return list(self._states)

    def write(self, prompt: Prompt) -> Written | NotWritten:
        """
        Ask until one model has written a sentence for at least one of the subjects.

        Where models answered and nothing could be used, what they wrote is empty: asking again would not help.
        """
        answered = ""
        for model in self._states:
            if self._cooldown_s(model) > 0:
                continue
            if not self._budget.take():
                break
            answer = self._process.ask(model, prompt.messages(), SCHEMA, ANSWER_TOKENS_MAX)
            self._budget.pay(answer.cost_usd if not answer.failure else 0.0)
            written = sentences.read(answer.text, prompt.subjects) if not answer.failure else {}
            self._note(model, answer, usable=bool(written))
            if written:
                return Written(model, written)
            answered = answered or ("" if answer.failure else model)
        return Written(answered, {}) if answered else NotWritten(self.again_s())

    def again_s(self) -> float:
        """Return the time until the first model may be asked, s; 0 if one may be asked at once."""
        return min(self._cooldown_s(model) for model in self._states)

    def reset(self) -> None:
        """End all cooldowns: the credentials have changed."""
        with self._lock:
            for state in self._states.values():
                state.cooldown_until_s, state.failures, state.error = 0.0, 0, ""

    def errors(self) -> dict[str, str]:
        """Return the last error of each model whose last call failed, in words."""
        with self._lock:
            return {model: state.error for model, state in self._states.items() if state.error}

    def tokens(self) -> tuple[int, int]:
        """Return the input and output tokens since the start."""
        with self._lock:
            ins, outs = zip(*(state.tokens for state in self._states.values()), strict=True)
            return sum(ins), sum(outs)

    def _cooldown_s(self, model: str) -> float:
        with self._lock:
            return max(self._states[model].cooldown_until_s - self._clock(), 0.0)

    def _note(self, model: str, answer: Answer, *, usable: bool) -> None:
        with self._lock:
            state = self._states[model]
            state.tokens[0] += answer.tokens_in
            state.tokens[1] += answer.tokens_out
            if usable:
                state.cooldown_until_s, state.failures, state.error = 0.0, 0, ""
                return
            failure = Failure(answer.failure) if answer.failure else Failure.UNUSABLE
            state.failures += 1
            if state.failures == 1:
                # In our own words: what the service said may hold something of what it was asked. `status` has it.
                log.warning("%s writes no summaries: %s", model, _IN_WORDS[failure])
            # The content may itself have provoked an unusable answer: one such answer starts no cooldown.
            if answer.failure or state.failures >= FAILURES_MAX:
                cooldown_s = min(_FIRST_COOLDOWN_S[failure] * 2.0 ** min(state.failures - 1, 10), COOLDOWN_S_MAX)
                # The service's own Retry-After wins, even where it is longer than our cooldown.
                state.cooldown_until_s = self._clock() + max(cooldown_s, answer.retry_after_s)
            detail = answer.detail if answer.failure else "its answers are not of the form asked for"
            state.error = f"{_IN_WORDS[failure]}: {detail}" if detail else _IN_WORDS[failure]
