"""The models in their order: who is asked, who rests after a failure and for how long, and what a person is told."""

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

REST_S_MAX: Final = 300.0
STRIKES: Final = 3
"""After so many answers in a row of which nothing could be used a model rests."""

_FIRST_REST_S: Final = {
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
    """What a model wrote: sentences by the ids they were asked under, as far as its answer could be used."""

    model: str
    sentences: dict[str, str]


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Nobody wrote anything. ``again_s`` is when the first of the models may be asked again, s from now."""

    again_s: float


@dataclass(eq=False, slots=True)
class _State:
    """How a model is doing: until when it rests (s, monotonic), how often in a row it failed, and why last."""

    rests_until_s: float = 0.0
    failures: int = 0
    trouble: str = ""
    tokens: list[int] = field(default_factory=lambda: [0, 0])


class Chain:
    """Asks the first model that is not resting, then the next. Any thread may use it."""

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
            if self._rest_s(model) > 0:
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
        """Give when the first of the models may be asked, s from now; 0 where one may be asked at once."""
        return min(self._rest_s(model) for model in self._states)

    def forgive(self) -> None:
        """Let everyone be asked again: what they lacked has changed."""
        with self._lock:
            for state in self._states.values():
                state.rests_until_s, state.failures, state.trouble = 0.0, 0, ""

    def troubles(self) -> dict[str, str]:
        """Give what is wrong with the models whose last call failed, for a person."""
        with self._lock:
            return {model: state.trouble for model, state in self._states.items() if state.trouble}

    def tokens(self) -> tuple[int, int]:
        """Give how many tokens went in and came out since the start."""
        with self._lock:
            ins, outs = zip(*(state.tokens for state in self._states.values()), strict=True)
            return sum(ins), sum(outs)

    def _rest_s(self, model: str) -> float:
        with self._lock:
            return max(self._states[model].rests_until_s - self._clock(), 0.0)

    def _note(self, model: str, answer: Answer, *, usable: bool) -> None:
        with self._lock:
            state = self._states[model]
            state.tokens[0] += answer.tokens_in
            state.tokens[1] += answer.tokens_out
            if usable:
                state.rests_until_s, state.failures, state.trouble = 0.0, 0, ""
                return
            failure = Failure(answer.failure) if answer.failure else Failure.UNUSABLE
            state.failures += 1
            if state.failures == 1:
                # In our own words: what the service said may hold something of what it was asked. `status` has it.
                log.warning("%s writes no summaries: %s", model, _IN_WORDS[failure])
            # What is asked about may itself have led to an answer that is none: that alone silences nobody.
            if answer.failure or state.failures >= STRIKES:
                rest_s = min(_FIRST_REST_S[failure] * 2.0 ** min(state.failures - 1, 10), REST_S_MAX)
                # What the service asks for counts, also where it is longer than we would wait.
                state.rests_until_s = self._clock() + max(rest_s, answer.retry_after_s)
            detail = answer.detail if answer.failure else "its answers are not of the form asked for"
            state.trouble = f"{_IN_WORDS[failure]}: {detail}" if detail else _IN_WORDS[failure]
