"""What was sent, as each place that it ends up in should hold it."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from cc_otel.graph.mapping import mapping
from cc_otel.graph.model import COLLECTIONS, Collection
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.otlp.decode import decode
from cc_otel.otlp.encode import encode, request
from cc_otel.span import Attributes, AttributeValue, Span
from tests.stack.process import wait_for
from tests.stack.programs import Jaeger
from tests.stack.trees import traces_of

_MARK = " (cut for Jaeger)"
_CUT_BYTES = 60_000


def as_sent(spans: Iterable[Span]) -> list[Span]:
    """Return the spans as they are on the wire, in the order of their starts."""
    on_the_wire = decode(request(map(encode, spans))).spans
    return sorted(on_the_wire, key=_place)


def as_jaeger_remembers(spans: Iterable[Span]) -> list[Span]:
    """Return the spans as Jaeger's API shows them when it stores them in memory: without schema URLs."""
    return [replace(span, scope_schema_url="", resource_schema_url="") for span in as_sent(spans)]


def as_jaeger_keeps(spans: Iterable[Span]) -> list[Span]:
    """
    Return the spans as Jaeger's API shows them when Badger stores them.

    Its model is older than OTLP: lists become JSON texts, a link keeps no attributes but its own, and there are neither
    schema URLs nor flags. What is too long for an index key was cut on the way (collector-config.yaml).
    """
    return [
        replace(
            span,
            attributes=_as_jaeger_keeps(span.attributes),
            resource=_as_jaeger_keeps(span.resource),
            events=tuple(replace(event, attributes=_as_jaeger_keeps(event.attributes)) for event in span.events),
            links=tuple(
                replace(link, attributes={"opentracing.ref_type": "follows_from"}, flags=0) for link in span.links
            ),
            flags=0,
        )
        for span in as_jaeger_remembers(spans)
    ]


def seen_in(jaeger: Jaeger, spans: Iterable[Span]) -> list[Span]:
    """Wait until Jaeger shows as many spans as there are, and answer those."""
    sent = list(spans)

    def look() -> list[Span] | None:
        shown = [span for trace_id in traces_of(sent) for span in jaeger.trace(trace_id)]
        return shown if len(shown) >= len(sent) else None

    return sorted(wait_for("Jaeger", look), key=_place)


def graph_in(database: Path) -> list[str]:
    """
    Return all vertices and edges that a graph in SQLite holds, a line each, but not when they were written.

    Without what takes two spans, which comes a moment later, and without the index of words.
    """
    with closing(sqlite3.connect(database)) as graph:
        # One state of it, while others write.
        graph.execute("BEGIN")
        return sorted(
            f"{collection.name} {row}"
            for collection in COLLECTIONS.values()
            if not collection.derived
            for row in graph.execute(f"SELECT {', '.join(_columns(collection))} FROM {collection.name}")
        )


def _columns(collection: Collection) -> tuple[str, ...]:
    ends = ("source", "target") if collection.holds_edges else ()
    return ("key", *ends, *collection.columns, "document")


def graph_of(spans: Iterable[Span], scratch: Path) -> list[str]:
    """Return the same for a graph into which the spans were written once, in one go."""
    store = SqliteStore(scratch)
    store.prepare()
    assert not store.write(mapping.of(as_sent(spans)))
    store.close()
    return graph_in(scratch)


def _as_jaeger_keeps(attributes: Attributes) -> Attributes:
    def kept(value: AttributeValue) -> AttributeValue:
        if isinstance(value, str) and len(value) > _CUT_BYTES:
            return value[: _CUT_BYTES - len(_MARK)] + _MARK
        return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value

    return {name: kept(value) for name, value in attributes.items()}


def _place(span: Span) -> tuple[int, str]:
    return span.start_ns, span.span_id
