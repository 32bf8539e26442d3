"""
Which of two versions of one span stays: docs/graph.md, "Two versions of one span".

A span may be sent again with other content: completed, or read from a transcript that is imported.
"""

from collections.abc import Mapping
from typing import Final

from cc_otel import conventions as c
from cc_otel.graph.store import Document, Json
from cc_otel.span import Span

_SOURCE: Final = c.SOURCE.replace(".", "_")

Rank = tuple[bool, int]


def rank_of(span: Span) -> Rank:
    """Return what decides between versions; of equal ranks the one stored last stays."""
    return span.attributes.get(c.SOURCE) != c.SOURCE_TRANSCRIPT, span.end_ns


def supersedes(new: Document, old: Document) -> bool:
    """Return whether a document of the ``spans`` collection replaces the stored one."""
    return _rank(new) >= _rank(old)


def _rank(document: Document) -> Rank:
    attributes = document.get("attributes")
    source = attributes.get(_SOURCE) if isinstance(attributes, Mapping) else None
    return source != c.SOURCE_TRANSCRIPT, _whole(document.get("end_ns"))


def _whole(text: Json) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0
