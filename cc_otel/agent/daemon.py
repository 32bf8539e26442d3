"""An agent at work: its journal, and the threads that read the spool, send, and keep notes for `status`."""

import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from cc_otel import __version__
from cc_otel.agent.describe import Describer
from cc_otel.agent.guard import without_message
from cc_otel.agent.lock import LOCK_NAME
from cc_otel.agent.memory import keep_little
from cc_otel.agent.outbox import JournalOutbox
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.agent.summary.cache import CacheUnavailable
from cc_otel.agent.summary.plan import SummaryPlan, open_summaries
from cc_otel.agent.summary.summariser import Summariser
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.complaints import Complaints
from cc_otel.dead_letter import DEAD_DAYS_MAX, DeadLetter, SpanDeadLetters
from cc_otel.journal.counters import Counter
from cc_otel.journal.database import JournalBroken, JournalUnavailable, inode
from cc_otel.journal.file import remove_broken
from cc_otel.journal.journal import Journal
from cc_otel.journal.status import AgentFacts, AgentStatus
from cc_otel.otlp.destination import Destination
from cc_otel.otlp.send import Sender
from cc_otel.otlp.transport import connect
from cc_otel.spool import Spool

log = logging.getLogger(__name__)

WATCH_S: Final = 1.0
"""How often is looked whether the home is still the one that this agent serves."""

NOTE_S: Final = 2.0
STOP_S: Final = 10.0
UNAVAILABLE_WAIT_S: Final = 1.0
PRUNE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The agent's home, its limits, and where its spans go."""

    home: Path
    spool: Path
    journal: Path
    dead: Path
    projects: tuple[Path, ...]
    destination: Destination
    resource: Mapping[str, str]
    limits: Limits
    spool_bytes_max: int
    value_bytes_max: int
    with_content: bool
    summaries: SummaryPlan | None = None


def tune_collector() -> None:
    """
    Let the garbage collector look less often, and never again at what is loaded by now.

    The agent makes many small objects, and few of them in circles: a tree's spans and their processes, which go with
    their session. Looked at every 700 objects, they cost a tenth of its time; every 50,000 is soon enough for those.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class AgentDaemon:
    """An agent at work: call `start`, later `stop`."""

    def __init__(self, plan: Plan) -> None:
        """Nothing happens before `start`."""
        self._plan = plan
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._journal: Journal | None = None
        self._summaries: Summariser | None = None

    def start(self) -> None:
        """
        Begin to work. The caller holds the home's lock.

        Raises:
            JournalUnavailable: the journal cannot be opened.
            OSError: the home cannot be used.

        """
        keep_little()
        tune_collector()
        plan = self._plan
        spool = Spool(plan.spool, plan.spool_bytes_max)
        spool.prepare()
        journal = self._journal = Journal(plan.journal, owner=True)
        describer = Describer(plan.resource, value_bytes_max=plan.value_bytes_max, with_content=plan.with_content)
        summaries = self._summaries = self._open_summaries(journal)
        dead = DeadLetter(plan.dead, time.time, source="journal")
        self._begin(journal, dead)
        agent = Agent(spool, journal, describer, Transcripts(*plan.projects), plan.limits, summaries, dead)
        transport = connect(plan.destination)
        sender = Sender(JournalOutbox(journal, plan.dead), transport, plan.destination.timeout_s)
        self._transport = transport
        content = "redacted" if plan.with_content else "none"
        facts = AgentFacts(os.getpid(), __version__, plan.destination.name, content, time.time_ns())
        journal.status.save(AgentStatus(agent=facts))
        self._thread("agent", lambda: agent.run(self._stop, self._wake.set))
        self._thread("sender", lambda: self._send(sender))
        self._thread("notes", lambda: self._keep_notes(journal, sender))
        if summaries:
            self._thread("summaries", lambda: summaries.run(self._stop))
        log.info("agent %s serves %s, sending to %r", __version__, plan.home, plan.destination)

    def _begin(self, journal: Journal, dead: DeadLetter) -> None:
        self._lock_inode = inode(self._plan.home / LOCK_NAME)
        if fatal := journal.deaths.begin():
            rows = journal.inputs.of_ids([fatal])
            dead.add([("three agents died at it", {"id": fatal, "row": row.fields}) for row in rows.values()])
            journal.commit([], [], [], unreadable=[fatal])
            journal.counters.add(Counter.ROWS_UNREADABLE)
            log.error("input %d of the journal is a dead letter: three agents died at it", fatal)

    def _open_summaries(self, journal: Journal) -> Summariser | None:
        """Return the summariser, None where rules write all summaries; the reason is saved for `status`."""
        plan = self._plan.summaries
        if plan is None:
            journal.status.clear_summaries()
            return None
        off = "" if self._plan.with_content else "spans hold no content here, and a model would be sent it"
        if not off:
            try:
                return open_summaries(plan, journal.status.load().summary_budget or "", partial(_save_budget, journal))
            except CacheUnavailable as error:
                off = str(error)
        log.warning("rules write all summaries: %s", off)
        journal.status.save(AgentStatus(summaries={"models": plan.models, "off": off}))
        return None

    def _thread(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            # `alive` says that this ended, and the agent with it.
            try:
                work()
            except JournalBroken as error:
                log.error("the agent ends: %s", error)  # noqa: TRY400 - the message says all
            except Exception as error:
                log.error("the agent ends: its thread %r: %s", name, without_message(error))  # noqa: TRY400 - as it says
                if "pytest" in sys.modules:
                    raise

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _send(self, sender: Sender) -> None:
        complaints = Complaints()
        while not self._stop.is_set():
            try:
                sender.run(self._stop, self._wake)
            except (JournalUnavailable, OSError) as error:
                if complaints.due(type(error).__name__):
                    log.warning("the sender waits for the home's disk: %s", error)
                self._stop.wait(UNAVAILABLE_WAIT_S)

    def _keep_notes(self, journal: Journal, sender: Sender) -> None:
        saved = AgentStatus()
        pruned_s, noted_s = -PRUNE_S, time.monotonic()
        while not self._stop.wait(WATCH_S):
            journal.require_place()
            if inode(self._plan.home / LOCK_NAME) != self._lock_inode:
                raise JournalBroken(f"{self._plan.home} was deleted or replaced, and another agent may serve it")
            if time.monotonic() - noted_s < NOTE_S:
                continue
            noted_s = time.monotonic()
            summaries = self._summaries.state() if self._summaries else None
            status = AgentStatus(sender=asdict(sender.state), summaries=summaries)
            if status != saved:
                saved = status
                _save(journal, status)
            if time.monotonic() - pruned_s >= PRUNE_S:
                pruned_s = time.monotonic()
                self._prune(journal)

    def _prune(self, journal: Journal) -> None:
        """Remove what was set aside long ago. What cannot be removed now is tried again the next time."""
        with suppress(OSError, JournalUnavailable):
            remove_broken(self._plan.journal, time.time() - DEAD_DAYS_MAX * 86_400)
            if removed := SpanDeadLetters(self._plan.dead).prune(time.time_ns()):
                log.warning("%d dead letters were removed from %s: too old, or too many", removed, self._plan.dead)
                journal.counters.add(Counter.BURIED_SPANS_REMOVED, removed)

    def alive(self) -> bool:
        """Whether all of its threads are still at work."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End after the round and the request that are under way; what is not done stays in spool and journal."""
        in_order = self.alive()
        self._stop.set()
        self._wake.set()
        # This ends a request that hangs; what it held stays in the outbox.
        self._transport.close()
        for thread in self._threads:
            thread.join(STOP_S)
        if self._summaries:
            self._summaries.close()
        if self._journal:
            if in_order:
                with suppress(JournalUnavailable, JournalBroken):
                    self._journal.deaths.end()
            self._journal.close()
        log.info("agent stopped")


def _save(journal: Journal, status: AgentStatus) -> None:
    # What is not taken now is saved with the next change.
    with suppress(JournalUnavailable):
        journal.status.save(status)


def _save_budget(journal: Journal, budget: str) -> None:
    _save(journal, AgentStatus(summary_budget=budget))
