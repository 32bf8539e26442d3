"""Spans of trees, made by number."""

from typing import Any

from cc_otel.view.trees import TreeSpan


def tree_span(number: int, parent: int | None = None, **fields: Any) -> TreeSpan:
    """Return a span of one trace that begins as many ms after the epoch as its number says, and lasts 5 ms."""
    made: dict[str, Any] = {
        "trace_id": "t",
        "span_id": f"s{number}",
        "parent_id": None if parent is None else f"s{parent}",
        "depth": None,
        "kind": "tool",
        "name": f"span {number}",
        "tool": None,
        "label": "",
        "status": "UNSET",
        "error_type": None,
        "session_id": "session",
        "start_ms": float(number),
        "end_ms": number + 5.0,
        "duration_ms": 5.0,
    }
    return TreeSpan(**made | fields)
