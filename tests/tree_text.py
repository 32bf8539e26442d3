"""A tree of drafts as text that a person can read and check: one line a span, times in ms from the first event."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from cc_otel.agent.tree import Draft
from cc_otel.event import ModelCall


def render(drafts: Iterable[Draft], origin_ns: int) -> str:
    """Draw all traces, each from its root down, in the order of their starts."""
    children: dict[str | None, list[Draft]] = defaultdict(list)
    for draft in sorted(drafts, key=lambda d: (d.start_ns, d.span_id)):
        children[draft.parent_id].append(draft)
    lines: list[str] = []
    for root in children[None]:
        lines.extend(_lines(root, children, origin_ns, depth=0))
        lines.append("")
    return "\n".join(lines)


def _lines(draft: Draft, children: dict[str | None, list[Draft]], origin_ns: int, depth: int) -> Iterator[str]:
    start = (draft.start_ns - origin_ns) / 1e6
    duration = (draft.end_ns - draft.start_ns) / 1e6
    took = "instant" if duration == 0.001 else f"{duration:.1f} ms"
    yield f"{'  ' * depth}{label(draft)}  @{start:.1f} {took}{''.join(_notes(draft))}"
    for child in children[draft.span_id]:
        yield from _lines(child, children, origin_ns, depth + 1)


def label(draft: Draft) -> str:
    """Name a span by its role and what tells it from its siblings."""
    if isinstance(draft.event, ModelCall):
        return f"{draft.role} {draft.event.name}"
    event = draft.event
    detail = event.tool_name or event.agent_type or event.source
    return f"{draft.role} {event.name}" + (f" {detail}" if detail else "")


def _notes(draft: Draft) -> Iterator[str]:
    if draft.closed_by:
        yield f", closed by {draft.closed_by}"
    if draft.error_type:
        yield f", ERROR {draft.error_type}"
    if draft.interrupted:
        yield ", interrupted"
    if draft.late:
        yield ", late"
    if draft.wait_ms is not None:
        yield f", waited {draft.wait_ms:.1f} ms"
    if draft.links:
        yield ", links " + " ".join(link.kind for link in draft.links)
