"""
The queue of questions to the model, and the spans that wait for their answers.

One thread adds spans and collects what is settled, others ask. A question is one content: spans that say the same
wait together. It ends settled by a sentence or dropped, and then its spans leave with their rules' texts.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cc_otel.agent.describe import Summary
from cc_otel.agent.summary import prompt
from cc_otel.agent.summary.subject import Subject
from cc_otel.agent.summary.wire import CALLS_MAX

WAITING_MAX: Final = 256
"""How many spans may wait at once. Under a backlog the others leave with their rule's text."""

GATHER_S: Final = 0.25
"""Longest wait for further questions to ask together, s. Calls of one message end within it, others do not anyway."""

SHORTEST_WAIT_S: Final = 0.01

ASK_WITHIN_S: Final = 30.0
"""A question not asked within this time, s, is dropped: its spans have left with their rule's text."""

MARGIN_S: Final = 0.1
"""How much earlier than promised a wait ends, s: the agent's round and the span's encoding come after it."""

TRIES_MAX: Final = 3
HOPELESS_MAX: Final = 1000
"""How many contents are remembered for which no model wrote a sentence."""

Keys = tuple[str, ...]
"""The cache keys of one content, one for each model."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a span may wait (s), how many questions a call holds, and how long others are waited for (s)."""

    timeout_s: float
    batch_max: int = prompt.ITEMS_MAX
    gather_s: float = GATHER_S


@dataclass(eq=False, slots=True)
class Question:
    """
    One content that is asked about, and the spans that wait for it, with their rule's text and until when.

    Times are s, monotonic. ``call`` is the number of the call that asks, 0 while none does. One that stands
    ``alone`` is asked in a call of its own, after a call with others brought no usable answer.
    """

    subject: Subject
    keys: Keys
    session_id: str
    since_s: float
    waiting: dict[str, tuple[Summary, float]] = field(default_factory=dict)
    tries: int = 0
    not_before_s: float = 0.0
    call: int = 0
    alone: bool = False


class Questions:
    """All open questions. Thread-safe, but `add` and `settled` belong to one thread."""

    def __init__(self, pace: Pace) -> None:
        """Take the pace they are asked at."""
        self._pace = pace
        # Never more than a fifth of what a span may wait.
        self._gather_s = min(pace.gather_s, pace.timeout_s / 5)
        self._changed = threading.Condition()
        self._open: dict[Keys, Question] = {}
        self._settled: list[tuple[str, Summary]] = []
        self._hopeless: dict[Keys, None] = {}
        self._calls = 0
        self._calls_begun = 0
        self.spans_waiting = 0

    def add(self, span_id: str, session_id: str, subject: Subject, keys: Keys, rule: Summary, *, new: bool) -> bool:
        """
        Queue a span; return whether it waits now.

        It does not if the queue is full, if no model found words for its content before, or if it would need a new
        question and ``new`` is false.
        """
        with self._changed:
            if self.spans_waiting >= WAITING_MAX or keys in self._hopeless:
                return False
            now_s = time.monotonic()
            question = self._open.get(keys)
            if question is None:
                if not new:
                    return False
                question = self._open[keys] = Question(subject, keys, session_id, now_s)
                self._changed.notify()
            self.spans_waiting += span_id not in question.waiting
            until_s = now_s + self._pace.timeout_s - min(MARGIN_S, self._pace.timeout_s / 10)
            question.waiting[span_id] = (rule, until_s)
        return True

    def settled(self) -> list[tuple[str, Summary]]:
        """Return the summaries that spans waited for, by span id: those that came, and the rule's where time is out."""
        if not self.spans_waiting:
            return []
        with self._changed:
            now_s = time.monotonic()
            for question in self._open.values():
                for span_id in [span_id for span_id, (_, until_s) in question.waiting.items() if until_s <= now_s]:
                    rule, _ = question.waiting.pop(span_id)
                    self._settled.append((span_id, rule))
            settled, self._settled = self._settled, []
            self.spans_waiting -= len(settled)
        return settled

    # Asking

    def next_batch(self, wait_s: float) -> list[Question]:
        """Return questions of one session to ask in one call, or an empty list if none is due within ``wait_s``."""
        with self._changed:
            until_s = time.monotonic() + wait_s
            while not (batch := self._ready(now_s := time.monotonic())) and now_s < until_s:
                self._changed.wait(max(min(self._due_s(now_s), until_s) - now_s, SHORTEST_WAIT_S))
            if batch:
                self._calls += 1
                self._calls_begun += 1
            for question in batch:
                question.call = self._calls_begun
                question.tries += 1
            return batch

    def settle(self, question: Question, summary: Summary) -> None:
        """Settle a question: its summary goes to every span that waits for it."""
        with self._changed:
            self._end(question, summary)

    def ask_again(self, batch: Sequence[Question], again_s: float) -> None:
        """Put the questions back, to be asked in ``again_s`` seconds; drop those that have run out of tries or time."""
        with self._changed:
            now_s = time.monotonic()
            for question in batch:
                if question.tries < TRIES_MAX and now_s + again_s < question.since_s + ASK_WITHIN_S:
                    question.call, question.not_before_s = 0, now_s + again_s
                else:
                    self._end(question)

    def ask_alone(self, question: Question, *, was_alone: bool) -> None:
        """Ask once more, in a call of its own; if that has happened, drop the question until the next start."""
        with self._changed:
            if not was_alone and question.tries < TRIES_MAX:
                question.call, question.alone = 0, True
                return
            self._end(question)
            self._hopeless[question.keys] = None
            if len(self._hopeless) > HOPELESS_MAX:
                del self._hopeless[next(iter(self._hopeless))]

    def end_call(self, batch: Sequence[Question], call: int) -> None:
        """Drop the questions of a call that ended without settling them."""
        with self._changed:
            self._calls -= 1
            for question in batch:
                if question.call == call:
                    self._end(question)
            self._changed.notify()

    def _ready(self, now_s: float) -> list[Question]:
        for question in [q for q in self._open.values() if not q.call and now_s - q.since_s > ASK_WITHIN_S]:
            self._end(question)
        if self._calls >= CALLS_MAX:
            return []
        by_session: dict[str, list[Question]] = {}
        for question in self._open.values():
            if not question.call and question.not_before_s <= now_s:
                if question.alone:
                    return [question]
                # No event sees another session's: a sentence may be wrong, it must not carry anything over.
                by_session.setdefault(question.session_id, []).append(question)
        for questions in by_session.values():
            count = min(prompt.fitting([question.subject for question in questions]), self._pace.batch_max)
            is_full = count < len(questions) or count == self._pace.batch_max
            if is_full or now_s - questions[0].since_s >= self._gather_s:
                return questions[:count]
        return []

    def _due_s(self, now_s: float) -> float:
        """Return the time when the next waiting question may be asked (s, monotonic)."""
        # While all calls are under way, the end of one is what is waited for.
        waiting = [q for q in self._open.values() if not q.call and self._calls < CALLS_MAX]
        return min((max(q.since_s + self._gather_s, q.not_before_s) for q in waiting), default=now_s + ASK_WITHIN_S)

    def _end(self, question: Question, summary: Summary | None = None) -> None:
        self._settled.extend((span_id, summary or rule) for span_id, (rule, _) in question.waiting.items())
        question.waiting.clear()
        question.call = 0
        self._open.pop(question.keys, None)
