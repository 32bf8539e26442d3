"""Who caused a call: the model call that asked for it, and the call that launched a subagent. Both are observed."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from cc_otel import conventions as c
from cc_otel.graph.mapping.edges import edge
from cc_otel.graph.mapping.reading import Reading
from cc_otel.graph.mapping.values import text
from cc_otel.graph.model import ASKED_FOR, LAUNCHED, SPANS
from cc_otel.graph.store import Document, Edge

_ASKED_FOR: Final = "asked_for"
_SPAN_ID: Final = re.compile("[0-9a-f]{16}")


def asked_for(reading: Reading, key: str, along: Document) -> Iterator[Edge]:
    """Return the edges from a model call to the calls that its answer asked for."""
    linked = (link for link in reading.span.links if text(link.attributes, c.LINK) == _ASKED_FOR)
    for number, link in enumerate(linked):
        target = f"{SPANS}/{link.trace_id}-{link.span_id}"
        yield edge(ASKED_FOR, key, number, target, along, label="asked for")


def launched(reading: Reading, key: str, along: Document) -> Iterable[Edge]:
    """Return the edge from the call that launched a subagent."""
    call = text(reading.span.attributes, c.LAUNCHED_BY)
    if not _SPAN_ID.fullmatch(call):
        return ()
    source = f"{SPANS}/{reading.span.trace_id}-{call}"
    return (Edge(LAUNCHED, key, source, f"{SPANS}/{key}", {"label": "launched", **along}),)
