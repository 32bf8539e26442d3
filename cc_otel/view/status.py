"""How recording and delivery of a home stand, and what was lost, set aside or given up."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cc_otel.agent.lock import is_locked, running_pid
from cc_otel.journal.counters import Count
from cc_otel.journal.journal import Journal
from cc_otel.spool import Spool
from cc_otel.view.open_spans import count_open


@dataclass(frozen=True, slots=True)
class AgentState:
    """The home's agent; ``version`` is of the last one that ran."""

    running: bool
    pid: int | None
    autostart: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class SpoolState:
    """The spool: events that no agent has taken in, and those that could not become spans."""

    events_waiting: int = 0
    full: bool = False
    events_failed: int = 0


@dataclass(frozen=True, slots=True)
class JournalState:
    """The journal: events to be assembled, spans to be acknowledged, and open spans."""

    events_waiting: int = 0
    spans_waiting: int = 0
    spans_open: int = 0


@dataclass(frozen=True, slots=True)
class HomeStatus:
    """The state of a home; one that does not exist yet has nothing waiting and nothing lost."""

    home: str
    recording: bool
    agent: AgentState
    endpoint: str
    content: str
    spool: SpoolState
    journal: JournalState = JournalState()
    counts: Mapping[str, Count] = field(default_factory=dict)
    sender: Mapping[str, Any] | None = None
    summaries: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as one object."""
        return asdict(self)


def home_status(
    home: Path, spool: Spool, journal: Path, *, paused: bool, autostart: str, endpoint: str, content: str
) -> HomeStatus:
    """
    Return the state of a home.

    ``paused`` says that recording was switched off; ``autostart``, ``endpoint`` and ``content`` are what an agent
    started now would get. What a running agent was started with takes precedence.

    Raises:
        JournalUnavailable: the journal cannot be read.
        OSError: the spool cannot be read.

    """
    running = is_locked(home)
    status = HomeStatus(
        home=str(home),
        recording=not paused,
        agent=AgentState(running, running_pid(home) if running else None, autostart),
        endpoint=endpoint,
        content=content,
        spool=SpoolState(spool.count(), spool.is_full(), len(spool.failed())),
    )
    if not journal.exists():
        return status
    with closing(Journal(journal, read_only=True)) as opened:
        return _with_journal(status, opened)


def _with_journal(status: HomeStatus, journal: Journal) -> HomeStatus:
    events, spans = journal.backlog()
    notes = journal.status.load()
    known = notes.agent if status.agent.running else None
    return replace(
        status,
        agent=replace(status.agent, version=notes.agent.version if notes.agent else None),
        endpoint=known.endpoint if known else status.endpoint,
        content=known.content if known else status.content,
        journal=JournalState(events, spans, count_open(journal)),
        counts=journal.counters.all(),
        sender=notes.sender,
        summaries=notes.summaries,
    )
