"""What was recorded and is not delivered yet, though nothing more will happen to it."""

from contextlib import closing
from pathlib import Path
from typing import Final

from cc_otel.agent.open_drafts import finished_drafts
from cc_otel.agent.processes import alive
from cc_otel.claude_code.payload import event_of
from cc_otel.event import Handler, HookEvent, ModelCall
from cc_otel.journal.journal import Journal
from cc_otel.journal.status import AgentStatus
from cc_otel.spool import Spool

SETTLE_NS: Final = 3_000_000_000
"""
So long after the last event its session's start may still come, and its transcript may still grow, unless the agent has
noted that the session is finished.
"""

ENDED_NS: Final = 15_000_000_000
"""For so long a session that has ended is waited for until the agent has noted that all of it was read."""

LATE_NS: Final = 6_000_000_000
"""So long after old events came their transcripts are waited for; a file is settled 2 s after it was read."""

SESSIONS_MAX: Final = 1000


def undelivered(spool: Spool, journal: Path, now_ns: int, *, at_hand: bool = False) -> int:
    """
    Return how many events and spans are still to be delivered, open spans aside.

    Where the agent looks for clients ``at_hand``, one that names no pid is gone.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    if not journal.exists():
        return spool.count()
    with closing(Journal(journal, read_only=True)) as opened:
        # In the order in which things go, so that none passes unseen: what is read last of a session is in the
        # journal before the session is finished, and so is an event before it leaves the spool.
        unsettled = _unsettled(opened, now_ns)
        left = spool.count()
        left += sum(opened.backlog()) or owed(opened, at_hand=at_hand)
        return left or unsettled


def _unsettled(journal: Journal, now_ns: int) -> int:
    """Return how many sessions may still have a sequel to what happened in them just now."""
    status = journal.status.load()
    finished = status.finished or {}
    heard = journal.inputs.heard_since(now_ns - ENDED_NS)
    unfinished = {session_id: at_ns for session_id, at_ns in heard.items() if finished.get(session_id, 0) < at_ns}
    late = _late(status, now_ns)
    if not any(at_ns <= now_ns - SETTLE_NS for at_ns in unfinished.values()):
        return len(unfinished.keys() | late)
    last = journal.inputs.last_events(now_ns - ENDED_NS, SESSIONS_MAX)
    ended = {item.session for item in last if _is_end(event_of(item.fields, item.id))}
    recent = {name for name, at_ns in unfinished.items() if at_ns > now_ns - SETTLE_NS or name in ended}
    return len(recent | late)


def _late(status: AgentStatus, now_ns: int) -> set[str]:
    """Return the sessions of which old events came just now, unless all of them was read since."""
    if now_ns - (status.late_ns or 0) >= LATE_NS:
        return set()
    finished = status.finished or {}
    return {name for name, at_ns in (status.late or {}).items() if finished.get(name, 0) < at_ns}


def _is_end(event: HookEvent | ModelCall) -> bool:
    return isinstance(event, HookEvent) and event.handler is Handler.SESSION_END


def owed(journal: Journal, *, at_hand: bool = False) -> int:
    """
    Return how many events' spans are still to be encoded although nothing more will happen to them.

    They are over and wait for a summary, or their client is gone and the agent will close them. ``at_hand`` is that of
    `undelivered`.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    live = [event_of(item.fields, item.id) for item in journal.inputs.live()]
    over = {event.id for draft in finished_drafts(journal) for event in draft.sources}
    hidden = journal.status.load().hidden or ()
    gone = {it.id for it in live if it.session_id not in hidden and not alive(it.pid, it.clock_ns)}
    return sum(it.id in over or (it.id in gone and (it.pid != 0 or at_hand)) for it in live)
