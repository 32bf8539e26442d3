"""A trace as Markdown, for a pull request: nested lists, whatever the sentences hold."""

import re
from collections.abc import Iterable, Iterator

from cc_otel.cli.table import clock, duration
from cc_otel.cli.tree_view import INSTANT_MS, LEVELS_MAX, Look, details, failure, shown_below, title
from cc_otel.text import line
from cc_otel.view.tree_amounts import NOTHING
from cc_otel.view.tree_parts import is_failure
from cc_otel.view.trees import TreeSpan, forest


def markdown(spans: Iterable[TreeSpan], look: Look) -> Iterator[str]:
    """Return the lines of a list with a list below each span that has something below it."""
    grown = forest(spans)
    todo: list[tuple[int, TreeSpan | str]] = [(0, root) for root in reversed(grown.roots)]
    while todo:
        level, item = todo.pop()
        indent = "  " * min(level, LEVELS_MAX)
        if isinstance(item, str):
            yield f"{indent}- _{item}_"
            continue
        yield f"{indent}- {_described(item, look, with_time=look.clocks or level == 0)}"
        todo += [(level + 1, it) for it in shown_below(item, grown, look, level)][::-1]


def _described(span: TreeSpan, look: Look, *, with_time: bool) -> str:
    failed = is_failure(span)
    parts = [clock(span.start_ms)] if with_time else []
    if span.open:
        parts.append(f"{duration(span.duration_ms)} so far")
    elif span.duration_ms >= INSTANT_MS:
        parts.append(duration(span.duration_ms))
    parts += details(span, look.amounts.get(span.key, NOTHING))
    if failed:
        parts.append(f"**{verbatim(failure(span))}**")
    what = f"{'❌ ' * failed}**{verbatim(title(span))}**"
    sentence = f" {verbatim(line(span.label))}" if span.label and span.label != span.name else ""
    took = f" ({', '.join(parts)})" if parts else ""
    return f"{what}{sentence}{took}"


def verbatim(text: str) -> str:
    """
    Return a text as Markdown that shows it and nothing else: no link, no mention of a person or an issue, no HTML.

    CommonMark 0.31, section 6.1: a code span ends at a run of as many backticks as it began with.
    """
    if re.fullmatch(r"[A-Za-z][A-Za-z -]*", text):
        return text
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    # A blank at both ends is taken away again.
    padded = f" {text} " if text[:1] in "` " or text[-1:] in "` " else text
    return f"{fence}{padded}{fence}" if text.strip() else ""
