"""
What no receiver knows yet: spans that go on, and spans that are over and wait for their summary.

The journal keeps what the assembler was told, so whoever may read it can tell the same as the agent, without asking it.
"""

import json
from collections.abc import Iterator

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.describe import SpanSource
from cc_otel.agent.processes import HIDDEN_NOTE, alive
from cc_otel.agent.tree import Draft, told_of
from cc_otel.event import HookEvent
from cc_otel.journal.journal import Journal


def open_spans(journal: Journal) -> Iterator[Draft]:
    """
    Give all open spans, those of a session together, the earlier before the later, as if they ended now.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    for session_id in journal.live_sessions():
        yield from _assembled(journal, session_id)[0].open_spans(session_id)


def unfinished(journal: Journal) -> list[SpanSource]:
    """Give them with what is known of them by now; raises as `open_spans`."""
    drafts = list(open_spans(journal))
    contents = journal.contents([draft.event.id for draft in drafts])
    return [SpanSource.of(draft, contents) for draft in drafts]


def owed(journal: Journal, *, at_hand: bool = False) -> int:
    """
    Give how many events' spans are still to be sent although nothing more will happen to them.

    They are over and wait for a summary, or their client is gone and the agent will close them. Where the agent looks
    for clients ``at_hand``, one that names no pid is gone as well.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    live = [HookEvent.from_json(item.fields, item.id) for item in journal.live()]
    drafts = [draft for session_id in {it.session_id for it in live} for draft in _assembled(journal, session_id)[1]]
    over = {event.id for draft in drafts for event in (draft.event, draft.closer) if event}
    hidden = {*json.loads(journal.notes().get(HIDDEN_NOTE, "[]"))}
    gone = {it.id for it in live if it.session_id not in hidden and not alive(it.pid, it.clock_ns)}
    return sum(it.id in over or (it.id in gone and (it.pid != 0 or at_hand)) for it in live)


def _assembled(journal: Journal, session_id: str) -> tuple[Assembler, list[Draft]]:
    assembler = Assembler()
    told = (told_of(item.fields, item.id) for item in journal.told(session_id))
    return assembler, [draft for it in told for draft in assembler.add(it).drafts]
