"""The graph's spans as text that a person writes by hand: one line a span, without ids and times."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "trees"
"""The trees that sessions should leave. Each is named after the first test that expects it; several may."""

Span = dict[str, Any]


def golden(name: str, **parts: str) -> str:
    """Return an expected tree; ``parts`` are what a test puts into its braces."""
    return (FOLDER / f"{name}.tree").read_text("utf-8").format(**parts)


def render(spans: Iterable[Span], *, in_order: bool = True) -> str:
    """Draw all traces, each from its root down; siblings in the order of their starts, or by what their lines say."""
    children: dict[str | None, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=_place):
        children[span["parent_id"] or None].append(span)
    blocks = [_block(root, children, in_order) for root in children[None]]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def _place(span: Span) -> tuple[float, str]:
    # The end of a session covers it all; it stands where it was recorded.
    return span["end_ms" if span["name"] == "hook SessionEnd" else "start_ms"], span["span_id"]


def _block(span: Span, children: dict[str | None, list[Span]], in_order: bool) -> list[str]:
    below = [_block(child, children, in_order) for child in children[span["span_id"]]]
    if not in_order:
        below.sort()
    return ["".join(_line(span)), *(f"  {line}" for block in below for line in block)]


def _line(span: Span) -> Iterator[str]:
    attributes = span["attributes"]
    yield span["name"]
    if span["kind"] == "tool":
        yield f" {attributes['gen_ai_tool_call_id'].removeprefix('toolu_01')}"
    if "gen_ai_usage_input_tokens" in attributes:
        usage = [attributes[f"gen_ai_usage_{it}_tokens"] for it in ("input", "output")]
        yield f" {usage[0]} -> {usage[1]} tokens, {attributes['cc_otel_cost_usd']:.6f} $"
    if "cc_otel_closed_by" in attributes:
        yield f", closed by {attributes['cc_otel_closed_by']}"
    if span["status"] == "ERROR":
        yield f", ERROR {span['error_type']}"
    if attributes.get("cc_otel_interrupted"):
        yield ", interrupted"
    if attributes.get("cc_otel_late"):
        yield ", late"
    links = sorted(link["attributes"]["cc_otel_link"] for link in span.get("links") or ())
    if links:
        yield f", links {' '.join(links)}"
