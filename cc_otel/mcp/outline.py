"""A session or trace as rows in the order in which it would be read: what is below what, how it went, how long."""

from collections.abc import Iterator, Sequence
from typing import Any

from cc_otel.view.trees import Forest, TreeSpan, forest


def outline(spans: Sequence[TreeSpan]) -> Iterator[dict[str, Any]]:
    """Return a row for each span but the instants of hooks, depth first."""
    trees = forest(spans)
    for root in trees.roots:
        yield from _rows(root, trees)


def _rows(root: TreeSpan, trees: Forest) -> Iterator[dict[str, Any]]:
    # Not by recursion: a trace may be deeper than Python's own calls may be.
    todo = [(root, 0)]
    while todo:
        span, depth = todo.pop()
        if span.kind != "hook":
            yield {
                "depth": depth,
                "what": span.label or span.name,
                "kind": span.kind,
                "state": "running" if span.open else "failed" if span.status == "ERROR" else None,
                "error_type": span.error_type,
                "start_ms": span.start_ms,
                "duration_ms": round(span.duration_ms),
                "trace_id": span.trace_id,
                "span_id": span.span_id,
                "session_id": span.session_id if not depth else None,
            }
        todo.extend((child, depth + 1) for child in reversed(trees.below(span)))
