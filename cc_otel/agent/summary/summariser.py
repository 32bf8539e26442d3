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
from dataclasses import asdict, dataclass
from typing import Any, Final

from cc_otel.agent.describe import SpanSource, Summary
from cc_otel.agent.summary import prompt, sentences
from cc_otel.agent.summary.activity import Activity, Episode
from cc_otel.agent.summary.budget import Budget
from cc_otel.agent.summary.cache import CacheUnavailable, Sentence, SharedCache
from cc_otel.agent.summary.chain import Chain, NotWritten
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import Prompt
from cc_otel.agent.summary.questions import Pace, Question, Questions
from cc_otel.agent.summary.rules.sentence import by_rule
from cc_otel.agent.summary.subject import Subject, subject_of
from cc_otel.agent.summary.wire import CALLS_MAX
from cc_otel.agent.tree import Draft, Role

log = logging.getLogger(__name__)

POLL_S: Final = 0.5
HOUSEKEEPING_S: Final = 5.0
TRIM_S: Final = 3600.0
COMPLAIN_S: Final = 60.0

Choose = Callable[[SpanSource, Iterable[Episode]], Subject | None]
"""Chooses what is worth a question, and words it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a summariser works with; it closes them with itself."""

    cache: SharedCache
    activity: Activity
    chain: Chain
    process: ModelProcess
    budget: Budget


class Summariser:
    """Summaries by cache, model and rule. `offer` and `settled` are for one thread, the agent's."""

    def __init__(self, pace: Pace, parts: Parts, choose: Choose = subject_of) -> None:
        """Take the parts. No model is asked before `run`."""
        self._pace = pace
        self._cache = parts.cache
        self._activity = parts.activity
        self._chain = parts.chain
        self._process = parts.process
        self._budget = parts.budget
        self._choose = choose
        self._questions = Questions(pace)
        self._sources = Counter(rule=0, cache=0, model=0)
        self._error = ""
        self._complained_s = -COMPLAIN_S

    # What the agent's thread calls

    def offer(self, source: SpanSource) -> Summary | None:
        """Return the span's summary, or None: it is being asked for, and `settled` gives it in time."""
        rule = by_rule(source)
        try:
            subject = self._subject(source, rule)
            if subject is None:
                return self._said(source.draft, rule)
            keys = tuple(subject.key(model, prompt.version()) for model in self._chain.models)
            kept = self._cache.get(keys)
            self._error = ""
        except CacheUnavailable as error:
            self._complain(error)
            return self._said(source.draft, rule)
        if sentence := next((kept[key] for key in keys if key in kept), None):
            return self._said(source.draft, Summary(sentence.text, "cache", sentence.model))
        draft = source.draft
        # Where others may have the sentence already, it is worth asking them whatever the models do.
        in_time = self._chain.again_s() < self._pace.timeout_s and not self._budget.limited()
        new = in_time or self._cache.has_remote
        if not self._questions.add(draft.span_id, draft.event.session_id, subject, keys, rule, new=new):
            return self._said(draft, rule)
        return None

    def settled(self) -> list[tuple[str, Summary]]:
        """Return the summaries that spans waited for, by span id: those that came, and the rule's where time is out."""
        settled = self._questions.settled()
        for span_id, summary in settled:
            self._improve_episode(span_id, summary)
        return settled

    def _subject(self, source: SpanSource, rule: Summary) -> Subject | None:
        draft = source.draft
        if draft.role is Role.SESSION:
            # Its first question comes in seconds, which is what the import takes.
            self._process.warm()
        if whole := _whole(draft):
            self._activity.add(whole, draft.span_id, draft.start_ns, rule.text)
        return self._choose(source, self._episodes(draft))

    def _episodes(self, draft: Draft) -> Iterator[Episode]:
        # Read when it is looked at: for most spans it is not.
        yield from self._activity.of(draft.event.session_id if draft.event.name == "SessionEnd" else draft.span_id)

    def _said(self, draft: Draft, summary: Summary) -> Summary:
        self._improve_episode(draft.span_id if _whole(draft) else "", summary)
        return summary

    def _improve_episode(self, span_id: str, summary: Summary) -> None:
        self._sources[summary.source] += 1
        if summary.source == "rule" or not span_id:
            return
        try:
            self._activity.improve(span_id, summary.text)
        except CacheUnavailable as error:
            self._complain(error)

    # The thread that asks

    def run(self, stop: threading.Event) -> None:
        """Ask questions until ``stop`` is set."""
        kept_s = trimmed_s = time.monotonic()
        with ThreadPoolExecutor(CALLS_MAX, "summaries") as pool:
            while not stop.is_set():
                if batch := self._questions.next_batch(POLL_S):
                    pool.submit(self._ask, batch).add_done_callback(_log_failure)
                now_s = time.monotonic()
                if now_s - kept_s > HOUSEKEEPING_S:
                    kept_s = now_s
                    self._keep_house()
                if now_s - trimmed_s > TRIM_S:
                    trimmed_s = now_s
                    self._trim()
            # Callers that still wait get no answer, so that the pool ends.
            self._process.stop()

    # The threads that wait for answers

    def _ask(self, batch: Sequence[Question]) -> None:
        call = batch[0].call
        try:
            if rest := self._without_known(batch):
                self._ask_models(rest)
        finally:
            self._questions.end_call(batch, call)

    def _without_known(self, batch: Sequence[Question]) -> list[Question]:
        """Settle the questions that the remote cache answers. Return the others."""
        if not self._cache.has_remote:
            return list(batch)
        found = self._cache.get_remote([key for question in batch for key in question.keys])
        # Others write there: what they wrote is no more to be trusted than what a model says.
        clean = ((key, Sentence(sentences.clean(sentence.text), sentence.model)) for key, sentence in found.items())
        known = {key: sentence for key, sentence in clean if sentence.text}
        if known:
            self._keep(self._cache.keep, known)
        rest = []
        for question in batch:
            if sentence := next((known[key] for key in question.keys if key in known), None):
                self._questions.settle(question, Summary(sentence.text, "cache", sentence.model))
            else:
                rest.append(question)
        return rest

    def _ask_models(self, batch: Sequence[Question]) -> None:
        # Ids that nothing in the data can know, so that no item can answer for another.
        ids = {question.keys[0][:8]: question for question in batch}
        outcome = self._chain.write(Prompt({id_: question.subject for id_, question in ids.items()}))
        if isinstance(outcome, NotWritten):
            self._questions.ask_again(batch, outcome.again_s)
            return
        place = self._chain.models.index(outcome.model)
        written = {ids[id_].keys[place]: Sentence(text, outcome.model) for id_, text in outcome.sentences.items()}
        self._keep(self._cache.put, written)
        for id_, question in ids.items():
            if text := outcome.sentences.get(id_):
                self._questions.settle(question, Summary(text, "model", outcome.model))
            else:
                self._questions.ask_alone(question, was_alone=len(batch) == 1)

    def _keep(self, keep: Callable[[Mapping[str, Sentence]], None], kept: Mapping[str, Sentence]) -> None:
        try:
            keep(kept)
        except CacheUnavailable as error:
            self._complain(error)

    # Housekeeping, and what `status` shows

    def _keep_house(self) -> None:
        if self._process.end_if_idle():
            self._chain.reset()

    def _trim(self) -> None:
        try:
            self._cache.trim()
            self._activity.prune()
        except CacheUnavailable as error:
            self._complain(error)

    def _complain(self, error: CacheUnavailable) -> None:
        self._error = str(error)
        if (now_s := time.monotonic()) - self._complained_s > COMPLAIN_S:
            self._complained_s = now_s
            log.warning("summaries go on without their cache: %s", error)

    def state(self) -> dict[str, Any]:
        """Return how it stands, for `status`: models, what was used today, what limits it, what is wrong."""
        tokens_in, tokens_out = self._chain.tokens()
        return {
            "models": self._chain.models,
            "off": "",
            "limited": self._budget.limited(),
            "today": asdict(self._budget.spent()),
            "troubles": self._chain.errors(),
            "cache_trouble": self._cache.error or self._error,
            "sources": dict(self._sources),
            "waiting": self._questions.spans_waiting,
            "tokens": {"in": tokens_in, "out": tokens_out},
            "model_process_mb": round(self._process.memory_bytes() / 1e6, -1),
        }

    def close(self) -> None:
        """Close files and connections, and end the model process."""
        self._process.stop()
        self._cache.close()
        self._activity.close()


def _log_failure(call: "Future[None]") -> None:
    if error := call.exception():
        log.error("questions about spans were lost", exc_info=error)


def _whole(draft: Draft) -> str:
    """Return what a span is an episode of: a call of its parent, a turn of its session, else an empty string."""
    match draft.role:
        case Role.TOOL:
            return draft.parent_id or ""
        case Role.TURN:
            return draft.event.session_id
    return ""
