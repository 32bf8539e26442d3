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
from cc_otel.agent.summary.budget import Budget
from cc_otel.agent.summary.cache import CacheUnavailable, Sentence, SharedCache
from cc_otel.agent.summary.chain import Chain, NotWritten
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import Prompt
from cc_otel.agent.summary.questions import Pace, Question, Questions
from cc_otel.agent.summary.rules.sentence import by_rule
from cc_otel.agent.summary.story import Episode, Story
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
class Rooms:
    """What a summariser works with; it closes them with itself."""

    cache: SharedCache
    story: Story
    chain: Chain
    process: ModelProcess
    budget: Budget


class Summariser:
    """Summaries by cache, model and rule. `offer` and `settled` are for one thread, the agent's."""

    def __init__(self, pace: Pace, rooms: Rooms, choose: Choose = subject_of) -> None:
        """Take the rooms. Nothing happens before the first offer, and nobody is asked before `run`."""
        self._pace = pace
        self._cache = rooms.cache
        self._story = rooms.story
        self._chain = rooms.chain
        self._process = rooms.process
        self._budget = rooms.budget
        self._choose = choose
        self._questions = Questions(pace)
        self._sources = Counter(rule=0, cache=0, model=0)
        self._trouble = ""
        self._complained_s = -COMPLAIN_S

    # What the agent's thread calls

    def offer(self, finding: SpanSource) -> Summary | None:
        """Give the span's summary, or None: it is being asked for, and `settled` gives it in time."""
        rule = by_rule(finding)
        try:
            subject = self._subject(finding, rule)
            if subject is None:
                return self._said(finding.draft, rule)
            keys = tuple(subject.key(model, prompt.version()) for model in self._chain.models)
            kept = self._cache.get(keys)
            self._trouble = ""
        except CacheUnavailable as error:
            self._complain(error)
            return self._said(finding.draft, rule)
        if sentence := next((kept[key] for key in keys if key in kept), None):
            return self._said(finding.draft, Summary(sentence.text, "cache", sentence.model))
        draft = finding.draft
        # Where others may have the sentence already, it is worth asking them whatever the models do.
        in_time = self._chain.again_s() < self._pace.timeout_s and not self._budget.limited()
        new = in_time or self._cache.has_far
        if not self._questions.add(draft.span_id, draft.event.session_id, subject, keys, rule, new=new):
            return self._said(draft, rule)
        return None

    def settled(self) -> list[tuple[str, Summary]]:
        """Give the summaries that spans waited for, by span id: those that came, and the rule's where time is out."""
        settled = self._questions.settled()
        for span_id, summary in settled:
            self._tell_better(span_id, summary)
        return settled

    def _subject(self, finding: SpanSource, rule: Summary) -> Subject | None:
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

    def _said(self, draft: Draft, summary: Summary) -> Summary:
        self._tell_better(draft.span_id if _whole(draft) else "", summary)
        return summary

    def _tell_better(self, span_id: str, summary: Summary) -> None:
        self._sources[summary.source] += 1
        if summary.source == "rule" or not span_id:
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
                if batch := self._questions.next_batch(POLL_S):
                    pool.submit(self._ask, batch).add_done_callback(_tell_of_bug)
                now_s = time.monotonic()
                if now_s - kept_s > HOUSEKEEPING_S:
                    kept_s = now_s
                    self._keep_house()
                if now_s - trimmed_s > TRIM_S:
                    trimmed_s = now_s
                    self._trim()
            # Whoever still asks is told that there is no answer, and the pool ends.
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
        """Settle what the far cache knows; give the rest."""
        if not self._cache.has_far:
            return list(batch)
        found = self._cache.get_far([key for question in batch for key in question.keys])
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
        if self._process.rest():
            self._chain.forgive()

    def _trim(self) -> None:
        try:
            self._cache.trim()
            self._story.prune()
        except CacheUnavailable as error:
            self._complain(error)

    def _complain(self, error: CacheUnavailable) -> None:
        self._trouble = str(error)
        if (now_s := time.monotonic()) - self._complained_s > COMPLAIN_S:
            self._complained_s = now_s
            log.warning("summaries go on without their cache: %s", error)

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
            "waiting": self._questions.spans_waiting,
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
