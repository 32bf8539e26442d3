"""Errors: what went wrong, by a key that is the same wherever and however often it does."""

from collections.abc import Iterable
from typing import Final

from cc_otel import conventions as c
from cc_otel.graph.mapping.edges import edge, ends, shared
from cc_otel.graph.mapping.keys import digest
from cc_otel.graph.mapping.reading import Reading
from cc_otel.graph.mapping.values import text
from cc_otel.graph.model import ERRORS, FAILED_WITH
from cc_otel.graph.store import Document, Edge, Vertex
from cc_otel.span import Attributes, Span, StatusCode

LINE_CHARS_MAX: Final = 500

_TYPE: Final = "exception.type"
_MESSAGE: Final = "exception.message"


def error(reading: Reading, key: str, along: Document) -> Iterable[Vertex | Edge]:
    """Return the error that a span failed with, and the edge to it."""
    span = reading.span
    kind, line = text(span.attributes, c.ERROR_CLASS), text(span.attributes, c.ERROR_LINE)
    own = error_key(span)
    if not own:
        return ()
    if not kind:
        kind, line = _exception(span)
    subject = text(span.attributes, c.COMMAND_PROGRAM) or reading.tool
    label = f"{kind}: {line}" if line else kind
    vertex = shared(
        ERRORS,
        own,
        "error",
        label,
        along,
        **{"class": kind},
        tool=subject or None,
        sample=line[:LINE_CHARS_MAX] or None,
    )
    return vertex, edge(FAILED_WITH, key, 0, ends(vertex), along, label="failed with")


def error_key(span: Span) -> str:
    """Return the key of the error that a span says it failed with; of an exception where no agent has named one."""
    if own := text(span.attributes, c.ERROR_KEY):
        return own
    if span.status is not StatusCode.ERROR:
        return ""
    kind, line = _exception(span)
    return digest(f"{kind}\0{line}") if kind else ""


def _exception(span: Span) -> tuple[str, str]:
    """Return type and first line of the exception that a span, or an event of it, tells of (core conventions)."""
    told: Iterable[Attributes] = (span.attributes, *(event.attributes for event in reversed(span.events)))
    for attributes in told:
        if kind := text(attributes, _TYPE):
            return kind, text(attributes, _MESSAGE).partition("\n")[0][:LINE_CHARS_MAX]
    return "", ""
