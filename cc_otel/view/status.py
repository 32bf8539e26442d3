"""How recording and delivery of a home stand, and what was lost, set aside or given up."""

import collections
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cc_otel.agent.lock import is_locked, running_pid
from cc_otel.claude_code.projects import folder_of
from cc_otel.journal.counters import Count, Counter
from cc_otel.journal.journal import Journal
from cc_otel.spool import Spool
from cc_otel.view.open_spans import count_open

DEAD_NS: Final = 7 * 86_400_000_000_000
"""So long dead letters are kept."""

RECENT_NS: Final = 86_400_000_000_000
"""An event that came within this time is proof that something is wired."""


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
class Problem:
    """What keeps events from being recorded or read, and the command that mends it."""

    what: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """Whether recording was paused, which settings of Claude Code are wired to the home, and what is wrong there."""

    paused: bool = False
    wired: Sequence[str] = ()
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class AgentDefaults:
    """What an agent that is started now would be told."""

    autostart: str
    endpoint: str
    content: str


@dataclass(frozen=True, slots=True)
class HomeStatus:
    """
    The state of a home; one that does not exist yet has nothing waiting and nothing lost.

    It is ``recording``, unless that was paused, if settings of Claude Code are wired to it or an event came within a
    day: not every way of wiring leaves a trace in the home.
    """

    home: str
    recording: bool
    paused: bool
    wired: Sequence[str]
    agent: AgentState
    endpoint: str
    content: str
    spool: SpoolState
    journal: JournalState = JournalState()
    counts: Mapping[str, Count] = field(default_factory=dict)
    sender: Mapping[str, Any] | None = None
    summaries: Mapping[str, Any] | None = None
    last_event_ns: int | None = None
    problems: Sequence[Problem] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as one object."""
        return asdict(self)


def home_status(
    home: Path, spool: Spool, journal: Path, now_ns: int, recording: Recording, defaults: AgentDefaults
) -> HomeStatus:
    """
    Return the state of a home. Where an agent is running, what it was started with replaces the ``defaults``.

    Raises:
        JournalUnavailable: the journal cannot be read.
        OSError: the spool cannot be read.

    """
    running = is_locked(home)
    waiting = spool.count()
    status = HomeStatus(
        home=str(home),
        recording=not recording.paused and bool(recording.wired or waiting),
        paused=recording.paused,
        wired=recording.wired,
        problems=recording.problems,
        agent=AgentState(running, running_pid(home) if running else None, defaults.autostart),
        endpoint=defaults.endpoint,
        content=defaults.content,
        spool=SpoolState(waiting, spool.is_full(), len(spool.failed())),
    )
    if not journal.exists():
        return status
    with closing(Journal(journal, read_only=True)) as opened:
        return _with_journal(status, opened, now_ns)


def _with_journal(status: HomeStatus, journal: Journal, now_ns: int) -> HomeStatus:
    events, spans = journal.backlog()
    last_ns = max(journal.inputs.heard_since(0).values(), default=None)
    recent = last_ns is not None and last_ns > now_ns - RECENT_NS
    notes = journal.status.load()
    known = notes.agent if status.agent.running else None
    return replace(
        status,
        recording=status.recording or (recent and not status.paused),
        last_event_ns=last_ns,
        agent=replace(status.agent, version=notes.agent.version if notes.agent else None),
        endpoint=known.endpoint if known else status.endpoint,
        content=known.content if known else status.content,
        journal=JournalState(events, spans, count_open(journal)),
        counts=journal.counters.all(),
        problems=[*status.problems, *unread_problems(notes.unread or {})],
        sender=_sender(notes.sender),
        summaries=notes.summaries,
    )


def _sender(noted: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the state of the delivery with the key that its set-aside spans have always had in JSON, too."""
    return noted | {"buried": noted["set_aside"]} if isinstance(noted, dict) and "set_aside" in noted else noted


def faults(status: HomeStatus, now_ns: int, failing_s: float) -> Iterator[str]:
    """Return what somebody has to see to; a delivery that fails counts after it did so for ``failing_s``."""
    if not (status.recording or status.paused):
        yield "nothing is recorded"
    yield from (f"{problem.what}: {problem.text}" for problem in status.problems)
    if status.spool.full:
        yield "the spool is full"
    waiting = status.spool.events_waiting + status.journal.events_waiting + status.journal.spans_waiting
    if waiting and not status.agent.running:
        yield f"no agent is running, and {waiting} events and spans wait for one"
    sender = status.sender or {}
    since_ns = sender.get("failing_since_ns")
    if isinstance(since_ns, int) and status.agent.running and now_ns - since_ns > failing_s * 1e9:
        yield f"nothing could be delivered for {(now_ns - since_ns) / 1e9:.0f} s: {sender.get('last_error')}"
    if status.spool.events_failed:
        yield f"{status.spool.events_failed} events could not become spans"
    refused = status.counts.get(str(Counter.SPANS_BURIED))
    if refused and refused.last_ns > now_ns - DEAD_NS:
        yield f"{refused.count} spans were refused by the receiver, the last within a week"


def unread_problems(unread: Mapping[str, str]) -> Iterator[Problem]:
    """Return a problem for each folder and reason of transcripts that the agent cannot read."""
    counted = collections.Counter((reason, folder_of(Path(path))) for path, reason in unread.items())
    for (reason, folder), count in sorted(counted.items()):
        what = f"{count} below {folder}: {_UNREAD.get(reason, reason)}; their model calls are not counted"
        fix = f"cc-otel install --projects {shlex.quote(str(folder))}" if reason == "outside" else ""
        yield Problem("transcripts not read", what, fix)


_UNREAD: Final[Mapping[str, str]] = {
    "outside": "not in a folder that projects_dir names",
    "missing": "they do not exist (sessions without persistence, or a folder that is not mounted here)",
    "not a file": "they are no regular files",
    "unreadable": "no permission to read them",
}
