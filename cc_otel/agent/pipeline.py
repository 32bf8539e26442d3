"""
The agent: spool to journal, journal to spans, spans to the outbox; one thread, one round after the other.

A round that fails, for a full disk say, changes nothing and is done again. The sender works beside it in a thread
of its own and meets it only in the journal.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.describe import Content, Describer, SpanSource, Summary
from cc_otel.agent.evidence import UNSEEN_GRACE_S, Evidence, Patience
from cc_otel.agent.guard import Guard
from cc_otel.agent.intake import Intake
from cc_otel.agent.memory import give_back
from cc_otel.agent.open_drafts import OpenRows, rows_of
from cc_otel.agent.summary.contract import ByRule, Summaries
from cc_otel.agent.transcript_intake import KEEP_NS, TranscriptIntake
from cc_otel.agent.tree import Draft, Step, unplaced
from cc_otel.claude_code.payload import event_of, input_of
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.complaints import Complaints
from cc_otel.dead_letter import DeadLetter
from cc_otel.event import HookEvent, ModelCall, Observation, Occurrence
from cc_otel.journal.counters import Counter
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.journal.journal import Journal
from cc_otel.journal.open_spans import OpenSpan
from cc_otel.journal.status import AgentStatus
from cc_otel.otlp.encode import encode
from cc_otel.span import EncodedSpan
from cc_otel.spool import Spool

log = logging.getLogger(__name__)

SETTLE_NS: Final = 100_000_000
"""Events are assembled once they are this old: hooks that run at once arrive up to 38 ms out of order."""

INPUTS_MAX: Final = 1000
"""How many events one transaction assembles."""

CONTENT_BYTES_MAX: Final = 2 << 20
"""How many bytes of content, as the journal stores it, are looked at together, unless a single event has more."""

POLL_S: Final = 0.05
QUIET_POLL_S: Final = 0.15
QUIET_NS: Final = 5_000_000_000
"""After this long without an event the spool is looked at less often: an agent at rest should not be noticed."""

UNAVAILABLE_WAIT_S: Final = 1.0
WATCH_NS: Final = 1_000_000_000
HOUSEKEEPING_NS: Final = 5_000_000_000
FORGET_NS: Final = 600_000_000_000
"""A session with nothing open leaves memory after this; its next event brings it back from the journal."""

SESSIONS_MAX: Final = 50
"""How many sessions with nothing open stay in memory; over twice as many, the longest unheard of leave."""

RECALLED_MAX: Final = 200
"""How many sessions that were heard of lately have their transcripts looked at again after a restart."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What the agent may take: bytes on disk, and how long (s) it keeps and waits.

    ``unseen_s`` is how long a client that was never seen alive must have been silent to count as gone.
    """

    journal_bytes_max: int
    keep_s: float
    idle_s: float
    unseen_s: float = UNSEEN_GRACE_S


@dataclass(slots=True)
class _Stretch:
    """What one transaction will record."""

    told: list[JournalInput] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    contents: dict[int, bytes] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    copied: int = 0
    older: int = 0


class Agent:
    """Turns what the hook recorded into spans in the outbox."""

    def __init__(
        self,
        spool: Spool,
        journal: Journal,
        describer: Describer,
        transcripts: Transcripts,
        limits: Limits,
        summaries: Summaries | None = None,
        dead: DeadLetter | None = None,
    ) -> None:
        """``summaries`` are by rule unless others are given; inputs that cannot be read go to ``dead``."""
        self._spool = spool
        self._journal = journal
        self._describer = describer
        self._transcripts = transcripts
        self._limits = limits
        self._summaries = summaries or ByRule(with_content=describer.with_content)
        # Spans that wait for their summary, by id. Until they are encoded the journal keeps what they are made of.
        self._waiting: dict[str, Draft] = {}
        self._guard = Guard(journal.counters)
        self._dead = dead
        self._intake = Intake(spool, journal, self._guard)
        self._calls = TranscriptIntake(transcripts, journal, self._guard)
        self._assembler = Assembler()
        self._open = OpenRows()
        self._recalled = False
        # When each session was last heard of, by our clock (ns).
        self._heard: dict[str, int] = {}
        self._evidence = Evidence(transcripts, Patience(limits.keep_s, limits.idle_s, limits.unseen_s))
        self._hidden: tuple[str, ...] = ()
        self._unread: Mapping[str, str] = {}
        self._finished: dict[str, int] = {}
        self._watched_ns = 0
        self._kept_ns = 0
        self._complaints = Complaints()

    def run(self, stop: threading.Event, wake: Callable[[], None]) -> None:
        """Work round by round until ``stop`` is set; call ``wake`` when spans have entered the outbox."""
        busy_ns = 0
        while not stop.is_set():
            try:
                now_ns = time.time_ns()
                if self.round(now_ns):
                    busy_ns = now_ns
                    wake()
                else:
                    stop.wait(POLL_S if self._waiting or now_ns - busy_ns < QUIET_NS else QUIET_POLL_S)
            except (JournalUnavailable, OSError) as error:
                if self._complaints.due("disk"):
                    log.warning("waiting for the home's disk: %s", error)
                stop.wait(UNAVAILABLE_WAIT_S)

    def round(self, now_ns: int) -> bool:
        """
        Take in, assemble and encode what has settled by ``now_ns``. Return whether there was anything to do.

        Raises:
            JournalUnavailable: the journal took nothing; the next round does the same work again.
            OSError: the spool cannot be read.

        """
        try:
            # What would be taken into a journal that was deleted under us would be lost.
            self._journal.require_place()
            if not self._recalled:
                self._recall_live(now_ns)
            taken = self._intake.take(now_ns)
            self._note_sessions(taken.sessions, now_ns)
            # Files that still wait may be older than events that are in: those must not overtake them.
            newest_ns = min(now_ns, taken.newest_ns) if taken.more else now_ns
            unread = self._calls.check(now_ns)
            told = self._assemble(newest_ns - SETTLE_NS, now_ns)
            released = self._release()
            self._note_finished()
            self._keep_house(now_ns)
            return bool(taken.files or unread or told or released) or self._observe(now_ns)
        except JournalUnavailable:
            # The assembler may be ahead of the journal: it is built again from what the journal has.
            self._assembler = Assembler()
            self._waiting = {}
            self._recalled = False
            raise

    def _note_finished(self) -> None:
        """Tell `flush` of which sessions nothing more is to come, so that it waits for no more of them."""
        finished = self._calls.finished()
        if finished.items() - self._finished.items():
            self._journal.status.save(AgentStatus(finished=finished))
        self._finished = finished

    def _note_sessions(self, sessions: Iterable[str], now_ns: int) -> None:
        for session_id in sessions:
            # To the end: what stands first was heard of longest ago.
            self._heard.pop(session_id, None)
            self._heard[session_id] = now_ns
        if len(self._heard) > 2 * SESSIONS_MAX:
            quiet = set(self._assembler.quiet_sessions(now_ns))
            for session_id in [known for known in self._heard if known in quiet][:-SESSIONS_MAX]:
                self._forget(session_id)

    def _forget(self, session_id: str) -> None:
        self._assembler.forget(session_id)
        self._heard.pop(session_id, None)
        self._evidence.forget(session_id)

    # Assembling

    def _assemble(self, before_ns: int, now_ns: int) -> int:
        count_max = 1 if self._journal.deaths.careful else INPUTS_MAX
        inputs = self._journal.inputs.pending(before_ns, count_max, CONTENT_BYTES_MAX)
        stretch = _Stretch(contents={item.id: item.content for item in inputs if item.content is not None})
        for item in inputs:
            with self._guard.around(Counter.ROWS_UNREADABLE, "an input", item.session, str(item.id)):
                self._take_up(item, now_ns, stretch)
                continue
            self._set_aside(item, stretch)
        if late := self._calls.late(now_ns):
            # Before the rest is done: `flush` must not pass between.
            self._journal.status.save(AgentStatus(late=late, late_ns=now_ns))
        self._commit(stretch)
        if inputs:
            self._journal.deaths.progress()
        return len(inputs)

    def _take_up(self, item: JournalInput, now_ns: int, stretch: _Stretch) -> None:
        if self._journal.deaths.careful:
            self._journal.deaths.at(item.id)
        event = event_of(item.fields, item.id)
        self._calls.note(event, now_ns)
        self._evidence.note_event(event, now_ns)
        evident = self._evident(event)
        # What arrived stays as it is, unless evidence was added.
        self._tell(evident, b"" if evident is event else evident.to_json(), stretch)

    def _set_aside(self, item: JournalInput, stretch: _Stretch, reason: str = "damaged in the journal") -> None:
        """Let an input that cannot be read be a dead letter: it must not end this agent, nor the next one."""
        if self._dead:
            self._dead.add([(reason, {"id": item.id, "session": item.session, "row": (item.fields, item.content)})])
        stretch.unreadable.append(item.id)

    def _tell(self, told: Occurrence, fields: bytes, stretch: _Stretch) -> None:
        if not self._assembler.knows(told.session_id):
            self._recall(told.session_id, stretch)
        step = self._add(told)
        kind, event_id = InputKind.OBSERVATION, 0
        if not isinstance(told, Observation):
            kind, event_id = InputKind.MODEL_CALL if isinstance(told, ModelCall) else InputKind.EVENT, told.id
        stretch.told.append(JournalInput(kind, told.session_id, told.clock_ns, fields, event_id))
        stretch.sessions.add(told.session_id)
        stretch.drafts.extend(step.drafts)
        stretch.done.extend(step.without_span)
        stretch.copied += len(step.copied)
        stretch.older += len(step.older)

    def _add(self, told: Occurrence) -> Step:
        if isinstance(told, Observation):
            with self._guard.around(Counter.EVENTS_NOT_ASSEMBLED, told.cause, told.session_id, ""):
                return self._assembler.add(told)
            return Step()
        with self._guard.around_event(Counter.EVENTS_NOT_ASSEMBLED, told):
            return self._assembler.add(told)
        return Step(drafts=[unplaced(told)])

    def _recall(self, session_id: str, stretch: _Stretch) -> None:
        """Bring a session back into memory. What it finished long ago is in the outbox, and stays as it is."""
        for item in self._journal.inputs.told(session_id):
            with self._guard.around(Counter.ROWS_UNREADABLE, "an input", session_id, str(item.id)):
                if self._journal.deaths.careful:
                    self._journal.deaths.at(item.id)
                step = self._add(input_of(item.fields, item.id))
                stretch.done.extend(step.without_span)
                stretch.drafts.extend(step.drafts)
                continue
            self._set_aside(item, stretch)
        stretch.sessions.add(session_id)

    def _recall_live(self, now_ns: int) -> None:
        self._open = OpenRows()
        self._journal.open_spans.clear()
        for session_id in self._journal.inputs.live_sessions():
            stretch = _Stretch()
            self._recall(session_id, stretch)
            self._commit(stretch)
            self._heard.setdefault(session_id, now_ns)
        for item in self._journal.inputs.last_events(now_ns - KEEP_NS, RECALLED_MAX):
            with self._guard.around(Counter.ROWS_UNREADABLE, "an input", item.session, str(item.id)):
                self._calls.note(event_of(item.fields, item.id), now_ns)
        self._recalled = True

    def _commit(self, stretch: _Stretch) -> None:
        if not stretch.told and not stretch.drafts and not stretch.sessions and not stretch.unreadable:
            return
        portions = self._portions(stretch.drafts, stretch.contents) or [[]]
        told, done = stretch.told, stretch.done
        for portion in portions[:-1]:
            # Content goes with the last portion: later ones may need it, and after a kill it has their spans made anew.
            spans, encoded = self._encode(portion, stretch.contents)
            self._journal.commit(told, spans, [])
            told, done = [], [*done, *self._done(encoded)]
        spans, encoded = self._encode(portions[-1], stretch.contents)
        done = [*done, *self._done(encoded)]
        self._journal.commit(told, spans, done, *self._opened(stretch.sessions), stretch.unreadable)
        for what, count in ((Counter.CALLS_COPIED, stretch.copied), (Counter.CALLS_OLDER, stretch.older)):
            if count:
                self._journal.counters.add(what, count)

    def _portions(self, drafts: Iterable[Draft], contents: Mapping[int, bytes]) -> list[list[Draft]]:
        """Return drafts in portions of bounded content: hundreds of large ones may end at the same moment."""
        missing = {event.id for draft in drafts for event in draft.sources} - contents.keys()
        sizes = self._journal.inputs.content_sizes(sorted(missing))
        portions: list[list[Draft]] = []
        size_bytes = CONTENT_BYTES_MAX
        for draft in drafts:
            more_bytes = sum(sizes.get(event.id, 0) for event in draft.sources)
            if size_bytes + more_bytes > CONTENT_BYTES_MAX or not portions:
                portions.append([])
                size_bytes = 0
            portions[-1].append(draft)
            size_bytes += more_bytes
        return portions

    def _encode(self, drafts: Iterable[Draft], known: Mapping[int, bytes]) -> tuple[list[EncodedSpan], list[Draft]]:
        """Return the spans of drafts that need not wait for a summary, and these drafts."""
        contents = self._contents(drafts, known)
        spans, encoded = [], []
        for draft in drafts:
            # A draft without content was encoded before: its span is in the outbox.
            if draft.event.id not in contents or draft.span_id in self._waiting:
                continue
            source = self._source(draft, contents)
            if (summary := self._summary(source)) is None:
                self._waiting[draft.span_id] = draft
            else:
                spans.append(self._encoded(source, summary))
                encoded.append(draft)
        return spans, encoded

    def _release(self) -> int:
        """Encode the spans whose wait for a summary is over. Return how many."""
        settled = {span_id: summary for span_id, summary in self._summaries.settled() if span_id in self._waiting}
        drafts = [self._waiting.pop(span_id) for span_id in settled]
        left = len(drafts)
        for portion in self._portions(drafts, {}):
            contents = self._contents(portion, {})
            spans = [self._encoded(self._source(draft, contents), settled[draft.span_id]) for draft in portion]
            if left := left - len(portion):
                self._journal.commit([], spans, [])
            else:
                sessions = {draft.event.session_id for draft in drafts}
                self._journal.commit([], spans, self._done(drafts), *self._opened(sessions))
        return len(settled)

    def _opened(self, sessions: Iterable[str]) -> tuple[list[OpenSpan], list[str]]:
        """Return the rows of open spans to write, and the ids of those to delete, of sessions that went on."""
        opened: list[OpenSpan] = []
        gone: list[str] = []
        waiting: dict[str, list[Draft]] = {}
        for draft in self._waiting.values():
            waiting.setdefault(draft.event.session_id, []).append(draft)
        for session_id in sessions:
            rows = rows_of(self._assembler.open_spans(session_id), waiting.get(session_id, ()))
            more, fewer = self._open.change(session_id, list(rows))
            opened += more
            gone += fewer
        return opened, gone

    def _contents(self, drafts: Iterable[Draft], known: Mapping[int, bytes]) -> dict[int, bytes]:
        """Return what the journal still keeps of the drafts' events, beside what is known of them."""
        contents = dict(known)
        missing = sorted({event.id for draft in drafts for event in draft.sources} - contents.keys())
        for start in range(0, len(missing), INPUTS_MAX):
            contents |= self._journal.inputs.contents(missing[start : start + INPUTS_MAX])
        return contents

    def _done(self, encoded: Iterable[Draft]) -> list[int]:
        """Return the events that no span needs any more: an event may be part of one that still waits."""
        held = {event.id for draft in self._waiting.values() for event in draft.sources}
        return [event.id for draft in encoded for event in draft.sources if event.id not in held]

    def _source(self, draft: Draft, contents: dict[int, bytes]) -> SpanSource:
        with self._guard.around_event(Counter.SPANS_WITHOUT_CONTENT, draft.event):
            return SpanSource.of(draft, contents)
        return SpanSource(draft, Content())

    def _encoded(self, source: SpanSource, summary: Summary) -> EncodedSpan:
        draft = source.draft
        span = None
        with self._guard.around_event(Counter.SPANS_WITHOUT_CONTENT, draft.event):
            span = encode(self._describer.span(source, summary))
        if span is None:
            # A span without content is better than none, and than no others.
            span = encode(self._describer.span(SpanSource(draft, Content()), Summary(draft.event.name)))
        return replace(span, session_id=draft.event.session_id, start_ns=draft.start_ns)

    def _summary(self, source: SpanSource) -> Summary | None:
        with self._guard.around_event(Counter.SPANS_WITHOUT_SUMMARY, source.draft.event):
            return self._summaries.offer(source)
        return Summary(source.draft.event.name)

    # Evidence, gathered once: it is recorded with the event

    def _evident(self, event: HookEvent | ModelCall) -> HookEvent | ModelCall:
        # Evidence comes from files that may hold anything, and the event is true without it.
        with self._guard.around_event(Counter.EVENTS_WITHOUT_EVIDENCE, event):
            evident = event
            if isinstance(event, HookEvent):
                evident = self._evidence.added_to(event, self._assembler.open_processes, self._assembler.awaits_proof)
            evident = self._with_forgotten(evident)
            if evident is not event:
                evident.to_json()
            return evident
        return event

    def _with_forgotten(self, event: HookEvent | ModelCall) -> HookEvent | ModelCall:
        """Return an event of a session that was forgotten with the time of that."""
        if self._assembler.knows(event.session_id):
            return event
        forgotten_ns = self._journal.inputs.forgotten_ns(event.session_id)
        return replace(event, forgotten_ns=forgotten_ns) if forgotten_ns else event

    def _observe(self, now_ns: int) -> bool:
        """Assemble what no event says: clients gone, sessions idle, a SessionStart that never came."""
        observed = self._assembler.overdue(now_ns)
        # A clock that is set back is no reason to wait until it has caught up.
        if abs(now_ns - self._watched_ns) >= WATCH_NS:
            self._watched_ns = now_ns
            observed += self._watch(now_ns)
        stretch = _Stretch()
        for observation in observed:
            self._calls.note(observation, now_ns)
            self._tell(observation, observation.to_json(), stretch)
        self._commit(stretch)
        return bool(observed)

    def _watch(self, now_ns: int) -> list[Observation]:
        if self._evidence.hidden != self._hidden:
            self._hidden = self._evidence.hidden
            self._journal.status.save(AgentStatus(hidden=self._hidden))
        processes = self._assembler.open_processes()
        for session_id, _, _ in processes:
            self._heard.setdefault(session_id, now_ns)
        return self._evidence.observe(processes, self._heard, self._assembler.transcript_path, now_ns)

    # Limits

    def _keep_house(self, now_ns: int) -> None:
        if abs(now_ns - self._kept_ns) < HOUSEKEEPING_NS:
            return
        self._kept_ns = now_ns
        self._spool.keep_limit()
        self._spool.prune(now_ns)
        if lost := self._spool.take_lost():
            self._journal.counters.add(Counter.EVENTS_LOST, lost)
        if given_up := self._journal.retention.give_up(self._limits.journal_bytes_max):
            log.warning("the journal is at its limit: %d spans were given up, the oldest traces first", given_up)
        self._journal.retention.forget(now_ns - int(self._limits.keep_s * 1e9), now_ns)
        for session_id in self._assembler.quiet_sessions(now_ns - FORGET_NS):
            self._forget(session_id)
        if (unread := self._calls.unread()) != self._unread:
            self._unread = unread
            self._journal.status.save(AgentStatus(unread=unread))
        give_back()
