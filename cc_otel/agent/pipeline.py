"""
The agent: spool to journal, journal to spans, spans to the outbox; one thread, one round after the other.

A round that fails, for a full disk say, changes nothing and is done again. The sender works beside it in a thread
of its own and meets it only in the journal.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.describe import Content, Describer, SpanSource, Summary
from cc_otel.agent.intake import Intake
from cc_otel.agent.processes import HIDDEN_NOTE, Clients, Sight, alive
from cc_otel.agent.summary.contract import ByRule, Summaries
from cc_otel.agent.transcript_intake import KEEP_NS, ChatWatch
from cc_otel.agent.tree import Draft, Step, unplaced
from cc_otel.claude_code.payload import event_of, input_of
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.complaints import Complaints
from cc_otel.event import PROMPT_EVENT, Cause, HookEvent, Interruption, Observation
from cc_otel.journal.journal import Journal, JournalUnavailable, Outgoing, Told
from cc_otel.otlp.encode import encode
from cc_otel.spool import Spool

log = logging.getLogger(__name__)

SETTLE_NS: Final = 100_000_000
"""Events are assembled once they are this old: hooks that run at once arrive up to 38 ms out of order."""

INPUTS_MAX: Final = 1000
"""How many events one transaction assembles."""

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

GONE_GRACE_S: Final = 2.0
"""A client that was seen alive is gone when its process is, and its last hooks have had this long to arrive."""

UNSEEN_GRACE_S: Final = 60.0
"""A client never seen alive may live where we cannot look, in a container: silence for this long decides."""


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

    told: list[Told]
    drafts: list[Draft]
    done: list[int]
    contents: dict[int, bytes]


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
    ) -> None:
        """Take the rooms it works between, summaries by rule unless others are given. It works round by round."""
        self._spool = spool
        self._journal = journal
        self._describer = describer
        self._transcripts = transcripts
        self._limits = limits
        self._summaries = summaries or ByRule(with_content=describer.with_content)
        # Spans that wait for their summary, by id. Until they are encoded the journal keeps what they are made of.
        self._waiting: dict[str, Draft] = {}
        self._intake = Intake(spool, journal)
        self._chats = ChatWatch(transcripts, journal)
        self._assembler = Assembler()
        self._recalled = False
        # When each session was last heard of, by our clock (ns).
        self._heard: dict[str, int] = {}
        self._clients = Clients()
        self._hidden: tuple[str, ...] = ()
        self._watched_ns = 0
        self._kept_ns = 0
        self._complaints = Complaints()

    def run(self, stop: threading.Event, wake: Callable[[], None]) -> None:
        """Go round until told to stop; ``wake`` is called when spans have entered the outbox."""
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
        Take in, assemble and encode what has settled by ``now_ns``; give whether there was anything to do.

        Raises:
            JournalUnavailable: the journal took nothing; the next round does the same work again.
            OSError: the spool cannot be read.

        """
        try:
            if not self._recalled:
                self._recall_live(now_ns)
            taken = self._intake.take(now_ns)
            self._hear(taken.sessions, now_ns)
            # Files that still wait may be older than events that are in: those must not overtake them.
            newest_ns = min(now_ns, taken.newest_ns) if taken.more else now_ns
            unread = self._chats.look(now_ns)
            told = self._assemble(newest_ns - SETTLE_NS, now_ns)
            released = self._release()
            self._keep_house(now_ns)
            return bool(taken.files or unread or told or released) or self._notice(now_ns)
        except JournalUnavailable:
            # The assembler may be ahead of the journal: it is told again what the journal knows.
            self._assembler = Assembler()
            self._waiting = {}
            self._recalled = False
            raise

    def _hear(self, sessions: Iterable[str], now_ns: int) -> None:
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
        self._clients.forget(session_id)

    # Assembling

    def _assemble(self, before_ns: int, now_ns: int) -> int:
        inputs = self._journal.pending(before_ns, INPUTS_MAX)
        stretch = _Stretch([], [], [], {item.id: item.content for item in inputs if item.content is not None})
        for item in inputs:
            event = event_of(item.fields, item.id)
            self._chats.hear(event, now_ns)
            self._clients.hear(event.session_id, event.pid, event.clock_ns, now_ns)
            self._tell(self._evident(event), stretch)
        self._commit(stretch)
        return len(inputs)

    def _tell(self, told: HookEvent | Observation, stretch: _Stretch) -> None:
        if not self._assembler.knows(told.session_id):
            self._recall(told.session_id, stretch)
        step = self._add(told)
        event_id = told.id if isinstance(told, HookEvent) else 0
        stretch.told.append(Told(event_id, told.session_id, told.clock_ns, told.to_json()))
        stretch.drafts.extend(step.drafts)
        stretch.done.extend(step.duplicates)

    def _add(self, told: HookEvent | Observation) -> Step:
        try:
            return self._assembler.add(told)
        except Exception:
            # The seam around one event: it must not stop the others, nor this agent at every start.
            log.exception("an event could not be assembled")
            self._journal.count("events_not_assembled")
            return Step(drafts=[unplaced(told)] if isinstance(told, HookEvent) else [])

    def _recall(self, session_id: str, stretch: _Stretch) -> None:
        """Bring a session back into memory. What it finished long ago is in the outbox, and stays as it is."""
        for item in self._journal.told(session_id):
            step = self._add(input_of(item.fields, item.id))
            stretch.done.extend(step.duplicates)
            stretch.drafts.extend(step.drafts)

    def _recall_live(self, now_ns: int) -> None:
        for session_id in self._journal.live_sessions():
            stretch = _Stretch([], [], [], {})
            self._recall(session_id, stretch)
            self._commit(stretch)
            self._heard.setdefault(session_id, now_ns)
        for item in self._journal.last_events(now_ns - KEEP_NS, RECALLED_MAX):
            self._chats.hear(event_of(item.fields, item.id), now_ns)
        self._recalled = True

    def _commit(self, stretch: _Stretch) -> None:
        if not stretch.told and not stretch.drafts:
            return
        self._read_contents(stretch.drafts, stretch.contents)
        # A draft without content was encoded before: its span is in the outbox.
        fresh = [d for d in stretch.drafts if d.event.id in stretch.contents and d.span_id not in self._waiting]
        outgoing, encoded = [], []
        for draft in fresh:
            finding = SpanSource.of(draft, stretch.contents)
            if (summary := self._summary(finding)) is None:
                self._waiting[draft.span_id] = draft
            else:
                outgoing.append(self._outgoing(finding, summary))
                encoded.append(draft)
        self._journal.commit(stretch.told, outgoing, [*stretch.done, *self._done(encoded)])

    def _release(self) -> int:
        """Encode the spans whose wait for a summary is over; give how many."""
        settled = [(span_id, summary) for span_id, summary in self._summaries.settled() if span_id in self._waiting]
        if settled:
            drafts = [self._waiting.pop(span_id) for span_id, _ in settled]
            contents: dict[int, bytes] = {}
            self._read_contents(drafts, contents)
            outgoing = [
                self._outgoing(SpanSource.of(draft, contents), summary)
                for draft, (_, summary) in zip(drafts, settled, strict=True)
            ]
            self._journal.commit([], outgoing, self._done(drafts))
        return len(settled)

    def _read_contents(self, drafts: Iterable[Draft], contents: dict[int, bytes]) -> None:
        """Add to ``contents`` what the journal still keeps of the drafts' events."""
        needed = {event.id for draft in drafts for event in draft.sources}
        missing = sorted(needed - contents.keys())
        for start in range(0, len(missing), INPUTS_MAX):
            contents |= self._journal.contents(missing[start : start + INPUTS_MAX])

    def _done(self, encoded: Iterable[Draft]) -> list[int]:
        """Give the events that no span needs any more: an event may be part of one that still waits."""
        held = {event.id for draft in self._waiting.values() for event in draft.sources}
        return [event.id for draft in encoded for event in draft.sources if event.id not in held]

    def _outgoing(self, finding: SpanSource, summary: Summary) -> Outgoing:
        draft = finding.draft
        try:
            span = self._describer.span(finding, summary)
        except Exception:
            # The seam around one event: a span without content is better than none, and than no others.
            log.exception("a span could not be described")
            self._journal.count("spans_without_content")
            span = self._describer.span(SpanSource(draft, Content()), Summary(draft.event.name))
        return Outgoing(draft.event.session_id, draft.start_ns, encode(span))

    def _summary(self, finding: SpanSource) -> Summary | None:
        try:
            return self._summaries.offer(finding)
        except Exception:
            # The same seam: it is about one event, and that has a name.
            log.exception("a span could not be summarised")
            self._journal.count("spans_without_summary")
            return Summary(finding.draft.event.name)

    # Evidence, gathered once: it is recorded with the event

    def _evident(self, event: HookEvent) -> HookEvent:
        try:
            evident = self._with_evidence(event)
            if evident is not event:
                evident.to_json()
        except Exception:
            # The same seam: evidence comes from files that may hold anything, and the event is true without it.
            log.exception("the evidence about an event could not be read")
            self._journal.count("events_without_evidence")
            return event
        return evident

    def _with_evidence(self, event: HookEvent) -> HookEvent:
        if event.name == "SubagentStop" and event.agent_id:
            call = self._transcripts.launching_call(event.transcript_path, event.session_id, event.agent_id)
            return replace(event, agent_tool_use_id=call)
        starts = event.name == "SessionStart" and event.source != "compact"
        if not starts and event.name not in {PROMPT_EVENT, "SessionEnd"}:
            return event
        others = self._assembler.open_processes(event.session_id)
        if not others:
            return event
        gone = [pid for _, pid, seen_ns in others if starts and pid and not alive(pid, seen_ns)]
        interruptions = self._transcripts.interruptions(event.transcript_path)
        return replace(event, gone_pids=tuple(gone), interruptions=interruptions)

    def _notice(self, now_ns: int) -> bool:
        """Tell the assembler what no event says: clients gone, sessions idle, a SessionStart that never came."""
        signals = self._assembler.overdue(now_ns)
        # A clock that is set back is no reason to wait until it has caught up.
        if abs(now_ns - self._watched_ns) >= WATCH_NS:
            self._watched_ns = now_ns
            signals += self._watch(now_ns)
        stretch = _Stretch([], [], [], {})
        for signal in signals:
            self._chats.hear(signal, now_ns)
            self._tell(signal, stretch)
        self._commit(stretch)
        return bool(signals)

    def _watch(self, now_ns: int) -> list[Observation]:
        if self._clients.hidden != self._hidden:
            self._hidden = self._clients.hidden
            self._journal.note(HIDDEN_NOTE, json.dumps(self._hidden))
        signals = []
        for session_id, pid, last_ns in self._assembler.open_processes():
            silent_s = abs(now_ns - self._heard.setdefault(session_id, now_ns)) / 1e9
            sight = self._clients.look(session_id, pid, last_ns)
            unseen_s = max(silent_s, (now_ns - last_ns) / 1e9)
            if (sight is Sight.HIDDEN and silent_s > self._limits.idle_s) or silent_s > self._limits.keep_s:
                signals.append(Observation(Cause.IDLE, session_id, pid, now_ns))
            elif silent_s > GONE_GRACE_S and (
                sight is Sight.GONE or (sight is Sight.UNSEEN and unseen_s > self._limits.unseen_s)
            ):
                signals.append(
                    Observation(Cause.PROCESS_GONE, session_id, pid, now_ns, self._interruptions(session_id))
                )
        return signals

    def _interruptions(self, session_id: str) -> tuple[Interruption, ...]:
        return self._transcripts.interruptions(self._assembler.transcript_path(session_id))

    # Limits

    def _keep_house(self, now_ns: int) -> None:
        if abs(now_ns - self._kept_ns) < HOUSEKEEPING_NS:
            return
        self._kept_ns = now_ns
        self._spool.keep_limit()
        self._spool.prune(now_ns)
        if lost := self._spool.take_lost():
            self._journal.count("events_lost", lost)
        if given_up := self._journal.give_up(self._limits.journal_bytes_max):
            log.warning("the journal is at its limit: %d spans were given up, the oldest traces first", given_up)
        self._journal.forget(now_ns - int(self._limits.keep_s * 1e9))
        for session_id in self._assembler.quiet_sessions(now_ns - FORGET_NS):
            self._forget(session_id)
