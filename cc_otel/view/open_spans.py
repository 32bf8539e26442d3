"""
Spans that no receiver has yet because they are still open.

The journal keeps the assembler's inputs, so anybody who may read it can assemble the same spans as the agent.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.tree import Draft, Role
from cc_otel.claude_code.payload import input_of
from cc_otel.journal.journal import Journal
from cc_otel.view.trees import TreeSpan


def open_spans(journal: Path, now_ms: float, *, with_content: bool) -> list[TreeSpan]:
    """
    Return the open spans of a home, those of a session together, as far as they are known by now (ms).

    ``with_content`` says whether their sentences may quote what was said.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    if not journal.exists():
        return []
    with closing(Journal(journal, read_only=True)) as opened:
        drafts = list(_open_drafts(opened))
        contents = opened.contents([draft.event.id for draft in drafts])
    return [_tree_span(draft, contents, now_ms, with_content=with_content) for draft in drafts]


def count_open(journal: Journal) -> int:
    """
    Return how many spans are open.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    return sum(1 for _ in _open_drafts(journal))


def assembled(journal: Journal, session_id: str) -> tuple[Assembler, list[Draft]]:
    """
    Return an assembler that has what the journal keeps of a session, and the spans that were finished by it.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    assembler = Assembler()
    inputs = (input_of(item.fields, item.id) for item in journal.told(session_id))
    return assembler, [draft for it in inputs for draft in assembler.add(it).drafts]


def _open_drafts(journal: Journal) -> Iterator[Draft]:
    for session_id in journal.live_sessions():
        yield from assembled(journal, session_id)[0].open_spans(session_id)


def _tree_span(draft: Draft, contents: dict[int, bytes], now_ms: float, *, with_content: bool) -> TreeSpan:
    from cc_otel.agent.describe import SpanSource, name_of  # noqa: PLC0415 - 20 ms, and mostly nothing is open
    from cc_otel.agent.summary.rules.sentence import by_rule  # noqa: PLC0415 - the same

    start_ms = draft.start_ns / 1e6
    return TreeSpan(
        trace_id=draft.trace_id,
        span_id=draft.span_id,
        parent_id=draft.parent_id,
        depth=None,
        # As the graph will call it.
        kind=str(Role.HOOK if draft.role is Role.WAIT else draft.role),
        name=name_of(draft),
        tool=draft.event.tool_name or None,
        label=by_rule(SpanSource.of(draft, contents), with_content=with_content).text,
        status="UNSET",
        error_type=None,
        session_id=draft.event.session_id,
        start_ms=start_ms,
        end_ms=None,
        duration_ms=max(now_ms - start_ms, 0.0),
        open=True,
    )
