"""
Who decides the sentence on each span: the cache, then a model, then the rule; the span waits, but never for long.

The agent's thread offers what it found and collects what is settled. A thread of its own gathers questions, and a few
more ask them. Everything that goes wrong there ends in the rule's text (docs/summaries.md).
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from cc_otel.agent import rules
from cc_otel.agent.cache import CacheUnavailable, Sentence, SharedCache
from cc_otel.agent.describe import Finding, Summary
from cc_otel.agent.summary import prompt, sentences
from cc_otel.agent.summary.budget import Budget
from cc_otel.agent.summary.chain import Chain, NotWritten
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import Prompt
from cc_otel.agent.summary.story import Episode, Story
from cc_otel.agent.summary.subject import Subject, subject_of
from cc_otel.agent.tree import Draft, Role

log = logging.getLogger(__name__)

WAITING_MAX: Final = 256
"""How many spans may wait at once. Under a backlog the others leave with their rule's text."""

GATHER_S_MAX: Final = 0.5
"""Longest wait for further questions to ask together, s; never more than a fifth of what a span may wait."""

ASK_WITHIN_S: Final = 30.0
"""A question that nobody was free to ask for so long is dropped: its span has left, and others come."""

TRIES_MAX: Final = 3
CALLS_MAX: Final = 4
HOUSEKEEPING_S: Final = 5.0
TRIM_S: Final = 3600.0
HOPELESS_MAX: Final = 1000
"""How many contents are remembered that no model found a sentence for."""


@dataclass(eq=False, slots=True)
class _Question:
    """
    One content that is asked about, its keys by model, and the spans that wait for it until a time (s, monotonic).

    ``call`` is the number of the call that asks, 0 while none does.
    """

    subject: Subject
    keys: tuple[str, ...]
    session_id: str
    since_s: float
    waiting: dict[str, tuple[Summary, float]] = field(default_factory=dict)
    tries: int = 0
    not_before_s: float = 0.0
    call: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a span may wait for its sentence (s), and how many questions one call holds."""

    timeout_s: float
    batch_max: int = prompt.ITEMS_MAX


class Summariser:
    """Summaries by cache, model and rule. `offer` and `settled` are for one thread, the agent's."""

    def __init__(
        self,
        pace: Pace,
        cache: SharedCache,
        story: Story,
        chain: Chain,
        process: ModelProcess,
        budget: Budget,
        choose: Callable[[Finding, Iterable[Episode]], Subject | None] = subject_of,
    ) -> None:
        """Take the rooms it works with, and who chooses what is worth a question. Nothing happens before an offer."""
        self._pace = pace
        self._cache = cache
        self._story = story
        self._chain = chain
        self._process = process
        self._budget = budget
        self._choose = choose
        self._changed = threading.Condition()
        self._questions: dict[tuple[str, ...], _Question] = {}
        self._settled: list[tuple[str, Summary]] = []
        self._hopeless: dict[tuple[str, ...], None] = {}
        self._spans_waiting = 0
        self._calls = 0
        self._calls_begun = 0
        self._sources = Counter(rule=0, cache=0, model=0)
        self._trouble = ""

    # What the agent's thread calls

    def offer(self, finding: Finding) -> Summary | None:
        """Give the span's summary, or None: it is being asked for, and `settled` gives it in time."""
        rule = rules.summary(finding)
        try:
            subject = self._subject(finding, rule)
            if subject is None:
                return self._said(finding.draft, rule)
            keys = tuple(subject.key(model, prompt.version()) for model in self._chain.models)
            kept = self._cache.get(keys)
        except CacheUnavailable as error:
            self._complain(error)
            return self._said(finding.draft, rule)
        if sentence := next((kept[key] for key in keys if key in kept), None):
            return self._said(finding.draft, Summary(sentence.text, "cache", sentence.model))
        if not self._ask_for(finding.draft, subject, keys, rule):
            return self._said(finding.draft, rule)
        return None

    def settled(self) -> list[tuple[str, Summary]]:
        """Give the summaries that spans waited for, by span id: those that came, and the rule's where time is out."""
        if not self._spans_waiting:
            return []
        with self._changed:
            now_s = time.monotonic()
            for question in self._questions.values():
                for span_id in [span_id for span_id, (_, until_s) in question.waiting.items() if until_s <= now_s]:
                    rule, _ = question.waiting.pop(span_id)
                    self._settled.append((span_id, rule))
            settled, self._settled = self._settled, []
            self._spans_waiting -= len(settled)
        for span_id, summary in settled:
            self._sources[summary.source] += 1
            self._improve(span_id, summary)
        return settled

    def _subject(self, finding: Finding, rule: Summary) -> Subject | None:
        draft = finding.draft
        if draft.role is Role.SESSION:
            # Its first question comes in seconds, which is what the import takes.
            self._process.warm()
        if whole := _whole(draft):
            self._story.tell(whole, draft.span_id, draft.start_ns, rule.text)
        return self._choose(finding, self._episodes(draft))

    def _episodes(self, draft: Draft) -> Iterator[Episode]:
        # Read when it is looked at: for most spans it is not.
        yield from self._story.of(draft.event.session_id if draft.event.name == "SessionEnd" else draft.span_id)

    def _ask_for(self, draft: Draft, subject: Subject, keys: tuple[str, ...], rule: Summary) -> bool:
        """Let the span wait for an answer, if one can be expected in time."""
        with self._changed:
            if self._spans_waiting >= WAITING_MAX or keys in self._hopeless:
                return False
            now_s = time.monotonic()
            question = self._questions.get(keys)
            if question is None:
                # Where others may have the sentence already, it is worth asking them whatever the models do.
                in_time = self._chain.again_s() < self._pace.timeout_s and not self._budget.limited()
                if not in_time and not self._cache.has_far:
                    return False
                question = _Question(subject, keys, draft.event.session_id, now_s)
                self._questions[keys] = question
                self._changed.notify()
            self._spans_waiting += draft.span_id not in question.waiting
            question.waiting[draft.span_id] = (rule, now_s + self._pace.timeout_s)
        return True

    def _said(self, draft: Draft, summary: Summary) -> Summary:
        self._sources[summary.source] += 1
        if summary.source != "rule" and _whole(draft):
            self._improve(draft.span_id, summary)
        return summary

    def _improve(self, span_id: str, summary: Summary) -> None:
        if summary.source == "rule":
            return
        try:
            self._story.improve(span_id, summary.text)
        except CacheUnavailable as error:
            self._complain(error)

    # The thread that asks

    def run(self, stop: threading.Event) -> None:
        """Ask what there is to ask until told to stop."""
        kept_s = trimmed_s = time.monotonic()
        with ThreadPoolExecutor(CALLS_MAX, "summaries") as pool:
            while not stop.is_set():
                if batch := self._next_batch():
                    pool.submit(self._ask, batch).add_done_callback(_tell_of_bug)
                now_s = time.monotonic()
                if now_s - kept_s > HOUSEKEEPING_S:
                    kept_s = now_s
                    self._keep_house(trim=now_s - trimmed_s > TRIM_S)
            # Whoever still asks is told that there is no answer, and the pool ends.
            self._process.stop()

    def _next_batch(self) -> list[_Question]:
        """Give questions of one session to ask together; none after a short wait."""
        with self._changed:
            batch = self._ready(time.monotonic())
            if not batch:
                self._changed.wait(GATHER_S_MAX / 5)
                batch = self._ready(time.monotonic())
            if batch:
                self._calls += 1
                self._calls_begun += 1
            for question in batch:
                question.call = self._calls_begun
                question.tries += 1
            return batch

    def _ready(self, now_s: float) -> list[_Question]:
        for question in [q for q in self._questions.values() if not q.call and now_s - q.since_s > ASK_WITHIN_S]:
            self._drop(question)
        if self._calls >= CALLS_MAX:
            return []
        by_session: dict[str, list[_Question]] = {}
        for question in self._questions.values():
            if not question.call and question.not_before_s <= now_s:
                # No event sees another session's: a sentence may be wrong, it must not carry anything over.
                by_session.setdefault(question.session_id, []).append(question)
        gather_s = min(GATHER_S_MAX, self._pace.timeout_s / 5) if self._pace.batch_max > 1 else 0.0
        for questions in by_session.values():
            if questions[0].alone:
                return questions[:1]
            together = [question for question in questions if not question.alone]
            count = min(prompt.fitting([question.subject for question in together]), self._pace.batch_max)
            if count < len(together) or count == self._pace.batch_max or now_s - together[0].since_s >= gather_s:
                return together[:count]
        return []

    # The threads that wait for answers

    def _ask(self, batch: Sequence[_Question]) -> None:
        call = batch[0].call
        try:
            if rest := self._without_known(batch):
                self._ask_models(rest)
        finally:
            with self._changed:
                self._calls -= 1
                for question in batch:
                    if question.call == call:
                        # Nothing came of it, and nobody asks again.
                        self._drop(question)
                self._changed.notify()

    def _without_known(self, batch: Sequence[_Question]) -> list[_Question]:
        """Settle what the far cache knows; give the rest."""
        if not self._cache.has_far:
            return list(batch)
        found = self._cache.get_far([key for question in batch for key in question.keys])
        # Others write there: what they wrote is no more to be trusted than what a model says.
        known = {
            key: Sentence(text, sentence.model)
            for key, sentence in found.items()
            if (text := sentences.clean(sentence.text))
        }
        rest = []
        for question in batch:
            if sentence := next((known[key] for key in question.keys if key in known), None):
                self._settle(question, Summary(sentence.text, "cache", sentence.model))
            else:
                rest.append(question)
        if known:
            self._keep(self._cache.keep, known)
        return rest

    def _ask_models(self, batch: Sequence[_Question]) -> None:
        # Ids that nothing in the data can know, so that no item can answer for another.
        ids = {question.keys[0][:8]: question for question in batch}
        outcome = self._chain.write(Prompt({id_: question.subject for id_, question in ids.items()}))
        if isinstance(outcome, NotWritten):
            self._again_or_drop(batch, outcome.again_s)
            return
        place = self._chain.models.index(outcome.model)
        for id_, text in outcome.sentences.items():
            self._settle(ids[id_], Summary(text, "model", outcome.model))
        for id_ in ids.keys() - outcome.sentences.keys():
            self._ask_alone_or_despair(ids[id_], alone=len(batch) == 1)
        written = {ids[id_].keys[place]: Sentence(text, outcome.model) for id_, text in outcome.sentences.items()}
        self._keep(self._cache.put, written)

    def _keep(self, keep: Callable[[Mapping[str, Sentence]], None], kept: Mapping[str, Sentence]) -> None:
        try:
            keep(kept)
        except CacheUnavailable as error:
            self._complain(error)

    def _again_or_drop(self, batch: Sequence[_Question], again_s: float) -> None:
        with self._changed:
            now_s = time.monotonic()
            for question in batch:
                in_time = now_s + again_s < question.since_s + ASK_WITHIN_S
                if question.tries < TRIES_MAX and in_time and not self._budget.limited():
                    question.call, question.not_before_s = 0, now_s + again_s
                else:
                    self._drop(question)

    def _settle(self, question: _Question, summary: Summary) -> None:
        with self._changed:
            self._settled.extend((span_id, summary) for span_id in question.waiting)
            self._forget(question)

    def _drop(self, question: _Question) -> None:
        """Let the spans that still wait leave with their rule's text. The lock is held."""
        self._settled.extend((span_id, rule) for span_id, (rule, _) in question.waiting.items())
        self._forget(question)

    def _forget(self, question: _Question) -> None:
        question.waiting.clear()
        question.call = 0
        self._questions.pop(question.keys, None)

    def _ask_alone_or_despair(self, question: _Question, *, alone: bool) -> None:
        """Ask once more without the others, one of which may have spoilt the answer; then never again in this life."""
        with self._changed:
            if not alone and question.tries < TRIES_MAX:
                question.call, question.alone = 0, True
                return
            self._drop(question)
            self._hopeless[question.keys] = None
            if len(self._hopeless) > HOPELESS_MAX:
                del self._hopeless[next(iter(self._hopeless))]

    # Housekeeping, and what `status` shows

    def _keep_house(self, *, trim: bool) -> None:
        if self._process.rest():
            self._chain.forgive()
        if trim:
            try:
                self._cache.trim()
                self._story.prune()
            except CacheUnavailable as error:
                self._complain(error)

    def _complain(self, error: CacheUnavailable) -> None:
        if str(error) != self._trouble:
            log.warning("summaries go on without their cache: %s", error)
        self._trouble = str(error)

    def state(self) -> dict[str, Any]:
        """Give how it stands, for `status`: models, what was used today, what limits it, what is wrong."""
        tokens_in, tokens_out = self._chain.tokens()
        return {
            "models": self._chain.models,
            "off": "",
            "limited": self._budget.limited(),
            "today": asdict(self._budget.spent()),
            "troubles": self._chain.troubles(),
            "cache_trouble": self._cache.trouble or self._trouble,
            "sources": dict(self._sources),
            "waiting": self._spans_waiting,
            "tokens": {"in": tokens_in, "out": tokens_out},
            "model_process_mb": round(self._process.memory_bytes() / 1e6, -1),
        }

    def close(self) -> None:
        """Let go of files, connections and the model process."""
        self._process.stop()
        self._cache.close()
        self._story.close()


def _tell_of_bug(call: "Future[None]") -> None:
    if error := call.exception():
        log.error("questions about spans were lost", exc_info=error)


def _whole(draft: Draft) -> str:
    """Give what a span is an episode of: a call of its parent, a turn of its session."""
    match draft.role:
        case Role.TOOL:
            return draft.parent_id or ""
        case Role.TURN:
            return draft.event.session_id
    return ""
