"""
Spans that no receiver has yet because they are still open.

The agent keeps them up to date in the journal, so anybody who may read that sees the same spans as the agent.
"""

from contextlib import closing
from pathlib import Path

from cc_otel.agent.open_drafts import OpenDraft, open_drafts
from cc_otel.agent.tree import Role
from cc_otel.journal.journal import Journal
from cc_otel.journal.open_spans import OpenState
from cc_otel.view.trees import TreeSpan


def open_spans(journal: Path, now_ms: float, *, with_content: bool) -> list[TreeSpan]:
    """
    Return the open spans of a home, those of a session together, as far as they are known by now (ms).

    Those that have ended and wait for their summary are among them, as they will be delivered but for that.

    ``with_content`` says whether their sentences may quote what was said.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    if not journal.exists():
        return []
    with closing(Journal(journal, read_only=True)) as opened:
        found = open_drafts(opened)
        ids = {event.id for it in found for event in it.draft.sources}
        contents = opened.inputs.contents(sorted(ids))
    return [_tree_span(it, contents, now_ms, with_content=with_content) for it in found]


def count_open(journal: Journal) -> int:
    """
    Return how many spans are open.

    Raises:
        JournalUnavailable: the journal cannot be read.

    """
    return sum(it.state is not OpenState.SUMMARY for it in open_drafts(journal))


def _tree_span(found: OpenDraft, contents: dict[int, bytes], now_ms: float, *, with_content: bool) -> TreeSpan:
    from cc_otel.agent.describe import SpanSource, name_of  # noqa: PLC0415 - 20 ms, and mostly nothing is open
    from cc_otel.agent.summary.rules.sentence import by_rule  # noqa: PLC0415 - the same

    draft, ended = found.draft, found.state is OpenState.SUMMARY
    start_ms = draft.start_ns / 1e6
    source = SpanSource.of(draft, contents)
    folder = source.opener.payload.get("cwd") if with_content else None
    return TreeSpan(
        trace_id=draft.trace_id,
        span_id=draft.span_id,
        parent_id=draft.parent_id,
        depth=None,
        # As the graph will call it.
        kind=str(Role.HOOK if draft.role is Role.WAIT else draft.role),
        name=name_of(draft),
        tool=draft.tool_name or None,
        label=by_rule(source, with_content=with_content).text,
        status="ERROR" if draft.error_type else "UNSET",
        error_type=draft.error_type or None,
        session_id=draft.event.session_id,
        start_ms=start_ms,
        end_ms=draft.end_ns / 1e6 if ended else None,
        duration_ms=max((draft.end_ns / 1e6 if ended else now_ms) - start_ms, 0.0),
        open=not ended,
        undecided=found.state is OpenState.UNDECIDED,
        folder=folder if isinstance(folder, str) else None,
    )
