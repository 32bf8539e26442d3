"""
What no receiver knows yet: spans that go on, and spans that are over and wait for their summary.

The journal keeps what the assembler was told, so whoever may read it can tell the same as the agent, without asking it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.describe import Content, Finding, name_of
from cc_otel.agent.events import HookEvent
from cc_otel.agent.processes import alive
from cc_otel.agent.service import HIDDEN_NOTE
from cc_otel.agent.summary.rules.sentence import by_rule
from cc_otel.agent.tree import Draft, Role, told_of
from cc_otel.journal import Journal


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A span that goes on: where it stands, since when (ns since the epoch), and what is known of it by now."""

    trace_id: str
    span_id: str
    parent_id: str | None
    kind: str
    name: str
    session_id: str
    tool: str
    start_ns: int
    summary: str


def unfinished(journal: Journal, *, with_content: bool) -> Iterator[Unfinished]:
    """
    Give all open spans, those of a session together, the earlier before the later.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    for session_id in journal.live_sessions():
        assembler, _ = _assembled(journal, session_id)
        drafts = assembler.open_spans(session_id)
        contents = journal.contents([draft.event.id for draft in drafts])
        for draft in drafts:
            data = contents.get(draft.event.id)
            yield _unfinished(Finding(draft, Content.from_json(data) if data else Content()), with_content=with_content)


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


def _unfinished(finding: Finding, *, with_content: bool) -> Unfinished:
    draft = finding.draft
    return Unfinished(
        trace_id=draft.trace_id,
        span_id=draft.span_id,
        parent_id=draft.parent_id,
        # As the graph will call it.
        kind=str(Role.HOOK if draft.role is Role.WAIT else draft.role),
        name=name_of(draft),
        session_id=draft.event.session_id,
        tool=draft.event.tool_name,
        start_ns=draft.start_ns,
        summary=by_rule(finding, with_content=with_content).text,
    )
