"""Open spans to rows of the journal and back: the agent keeps the rows up to date, readers need no assembler."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from cc_otel.agent.tree import Draft, Reference, Role
from cc_otel.claude_code.payload import event_of, input_of
from cc_otel.event import HookEvent, ModelCall
from cc_otel.journal.journal import Journal
from cc_otel.journal.open_spans import OpenSpan, OpenState

if TYPE_CHECKING:
    from cc_otel.agent.assembler import Assembler

_IDS = 500
_STATED = ("trace_id", "parent_id", "end_ns", "closed_by", "error_type", "interrupted", "late", "wait_ms")


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A draft that is not encoded yet, and why."""

    draft: Draft
    state: OpenState


def to_row(draft: Draft, state: OpenState) -> OpenSpan:
    """Return a draft as the journal keeps it: its events by their ids."""
    stated: dict[str, Any] = {name: getattr(draft, name) for name in _STATED}
    stated |= {"role": draft.role, "links": draft.links}
    closer_id = draft.closer.id if draft.closer else None
    data = orjson.dumps(stated)
    return OpenSpan(draft.span_id, draft.event.session_id, draft.start_ns, state, draft.event.id, closer_id, data)


def _from_row(row: OpenSpan, events: Mapping[int, HookEvent | ModelCall]) -> OpenDraft | None:
    event = events.get(row.event_id)
    if event is None:
        return None
    closer = events.get(row.closer_id) if row.closer_id else None
    if isinstance(closer, ModelCall):
        return None
    try:
        stated = orjson.loads(row.draft)
        stated["role"] = Role(stated["role"])
        stated["links"] = tuple(Reference(**link) for link in stated["links"])
        draft = Draft(event=event, span_id=row.span_id, start_ns=row.start_ns, closer=closer, **stated)
    except (ValueError, TypeError, KeyError):
        # Damaged: the agent writes it anew when it starts.
        return None
    return OpenDraft(draft, row.state)


def open_drafts(journal: Journal) -> list[OpenDraft]:
    """
    Return all open spans that the journal's agent keeps there, those of a session together, the earlier first.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    if not journal.open_spans.kept:
        return [
            OpenDraft(draft, OpenState.UNDECIDED if undecided else OpenState.OPEN)
            for session_id in journal.inputs.live_sessions()
            for draft, undecided in _assembled(journal, session_id)[0].open_spans(session_id)
        ]
    rows = journal.open_spans.all()
    ids = sorted({id_ for row in rows for id_ in (row.event_id, row.closer_id) if id_})
    events: dict[int, HookEvent | ModelCall] = {}
    for start in range(0, len(ids), _IDS):
        found = journal.inputs.of_ids(ids[start : start + _IDS])
        events |= {id_: event_of(item.fields, id_) for id_, item in found.items()}
    return [draft for row in rows if (draft := _from_row(row, events))]


def finished_drafts(journal: Journal) -> list[Draft]:
    """
    Return the spans that are over and not encoded yet: they wait for a summary.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    if not journal.open_spans.kept:
        live = journal.inputs.live_sessions()
        return [draft for session_id in live for draft in _assembled(journal, session_id)[1]]
    return [it.draft for it in open_drafts(journal) if it.state is OpenState.SUMMARY]


def _assembled(journal: Journal, session_id: str) -> tuple["Assembler", list[Draft]]:
    """Return what the inputs of a session lead to: a journal of version 1 keeps no open spans."""
    from cc_otel.agent.assembler import Assembler  # noqa: PLC0415 - readers seldom need it

    assembler = Assembler()
    inputs = (input_of(item.fields, item.id) for item in journal.inputs.told(session_id))
    return assembler, [draft for it in inputs for draft in assembler.add(it).drafts]


class OpenRows:
    """What the journal's open spans are, so that only what changes is written."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, OpenSpan]] = {}

    def change(self, session_id: str, now: Sequence[OpenSpan]) -> tuple[list[OpenSpan], list[str]]:
        """Replace what is known of a session. Return the rows to write and the ids of those to delete."""
        before = self._rows.pop(session_id, {})
        after = {row.span_id: row for row in now}
        if after:
            self._rows[session_id] = after
        return [row for row in now if before.get(row.span_id) != row], [*(before.keys() - after.keys())]


def rows_of(drafts: Iterable[tuple[Draft, bool]], waiting: Iterable[Draft]) -> Iterator[OpenSpan]:
    """Return the rows of a session's open drafts, each with whether it is undecided, and of those that wait."""
    for draft, undecided in drafts:
        yield to_row(draft, OpenState.UNDECIDED if undecided else OpenState.OPEN)
    for draft in waiting:
        yield to_row(draft, OpenState.SUMMARY)
