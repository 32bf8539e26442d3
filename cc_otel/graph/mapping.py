"""
Spans become a graph: pure, and the same graph in whatever order and grouping the spans arrive.

docs/graph.md describes the collections and their fields. Two things keep the outcome independent of arrival: keys
are derived from ids, and a document that several spans share (a session, a file) holds only what all of them say.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from math import isfinite, isnan
from typing import Final, TypeVar

import orjson

from cc_otel import conventions as c
from cc_otel.graph.store import Document, Edge, GraphBatch, Json, Vertex
from cc_otel.span import Attributes, AttributeValue, Kind, Link, Span, SpanEvent, StatusCode

SPANS: Final = "spans"
SESSIONS: Final = "sessions"
FILES: Final = "files"
PARENT_OF: Final = "parent_of"
PART_OF: Final = "part_of"
TOUCHED: Final = "touched"
LINKS_TO: Final = "links_to"

LABEL_CHARS_MAX: Final = 120
"""A label is read in one glance, beside a node of a picture."""

NAMES_KEPT: Final = 1_024
"""How many names of attributes are remembered as they are stored; producers have dozens."""

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_S_PER_DAY: Final = 86_400

# ArangoDB takes more than this, but a leading dot would be resolved away in a URL, and "@" marks a digest.
_READABLE_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)

_KINDS_OF_OPERATION: Final = {
    c.OPERATION_EXECUTE_TOOL: "tool",
    c.OPERATION_CHAT: "chat",
    "generate_content": "chat",
    "text_completion": "chat",
}
_KINDS_OF_OPENER: Final = {"SessionStart": "session", "PreCompact": "compact"}
_FILE_OPERATIONS: Final = {
    "Read": "read",
    "NotebookRead": "read",
    "Write": "write",
    "Edit": "edit",
    "MultiEdit": "edit",
    "NotebookEdit": "edit",
}
_PAYLOAD_COMMAND: Final = c.PAYLOAD_PREFIX + "command"
# What queries filter on stands on the edges too, so that walking reads no vertex.
_ALONG: Final = ("session_id", "trace_id", "kind", "status", "start_ms", "expire_at")
_SPAN_KINDS: Final = {kind: kind.name for kind in Kind}
_STATUSES: Final = {code: code.name for code in StatusCode}

_Item = TypeVar("_Item", Vertex, Edge)
_Place = TypeVar("_Place", str, tuple[str, str])


def of(spans: Iterable[Span], *, retention_days: float = 0) -> GraphBatch:
    """
    Answer the vertices and edges that the spans stand for, each key once; of a span told twice the later stays.

    A document expires ``retention_days`` after the end of its span, one that several spans share after the last
    of them; with 0 everything is kept.
    """
    graph = _Graph(retention_days)
    for span in spans:
        graph.add(span)
    return graph.batch()


def merged(batches: Iterable[GraphBatch]) -> GraphBatch:
    """Answer what the spans of all batches stand for, as if they had been mapped at once."""
    vertices: dict[tuple[str, str], Vertex] = {}
    edges: dict[tuple[str, str], Edge] = {}
    for batch in batches:
        for vertex in batch.vertices:
            _put(vertices, (vertex.collection, vertex.key), vertex)
        for edge in batch.edges:
            _put(edges, (edge.collection, edge.key), edge)
    return GraphBatch(tuple(vertices.values()), tuple(edges.values()))


def key_of(span: Span) -> str:
    """Answer the key of the span's vertex. The keys of its edges begin with it."""
    return f"{span.trace_id}-{span.span_id}"


@lru_cache(256)
def session_key(session_id: str) -> str:
    """Answer a session's key: its id where every store takes that as a key, else a digest of it."""
    return session_id if _READABLE_KEY.fullmatch(session_id) else "@" + _digest(session_id)


def file_key(path: str) -> str:
    """Answer a file's key: a digest, because no path is fit to be one."""
    return _digest(path)


def kind_of(span: Span) -> str:
    """Answer what the span is to a reader: turn, subagent, tool, chat, compact, session, hook or span."""
    operation = _text(span.attributes, c.OPERATION_NAME)
    hook = _text(span.attributes, c.HOOK_EVENT)
    if operation == c.OPERATION_INVOKE_AGENT:
        return "turn" if hook == "UserPromptSubmit" or not (hook or span.parent_id) else "subagent"
    if operation in _KINDS_OF_OPERATION:
        return _KINDS_OF_OPERATION[operation]
    # An event that opened something carries that thing's name; an instant is called after its hook.
    if hook and not span.name.startswith("hook "):
        return _KINDS_OF_OPENER.get(hook, "hook")
    return "hook" if hook else "span"


class _Graph:
    """What some spans stand for, while it grows."""

    def __init__(self, retention_days: float) -> None:
        self._retention_s = round(retention_days * _S_PER_DAY)
        self._spans: dict[str, Vertex] = {}
        self._edges: dict[tuple[str, str], Edge] = {}
        # What spans share, with the latest end of them (ns); made into documents once.
        self._sessions: dict[str, int] = {}
        self._files: dict[str, int] = {}
        # Spans of one request share their resource; held, so that no two can have one identity.
        self._resources: dict[int, tuple[Attributes, Json]] = {}

    def add(self, span: Span) -> None:
        key = key_of(span)
        here = f"{SPANS}/{key}"
        end_ns = max(span.start_ns, span.end_ns)
        arguments = _arguments(span.attributes)
        document = _document(span, self._resource(span), arguments)
        document.update(self._expiry(end_ns))
        _put(self._spans, key, Vertex(SPANS, key, document))
        along: dict[str, Json] = {name: document[name] for name in _ALONG if name in document}
        if parent_id := document["parent_id"]:
            parent = f"{SPANS}/{span.trace_id}-{parent_id}"
            self._connect(PARENT_OF, key, parent, here, {"label": "parent of", **along})
        if session_id := _session_id(span.attributes):
            session = f"{SESSIONS}/{session_key(session_id)}"
            self._sessions[session_id] = max(end_ns, self._sessions.get(session_id, 0))
            self._connect(PART_OF, key, here, session, {"label": "part of", **along})
        if path := _path(span, document["kind"], arguments):
            op = _FILE_OPERATIONS.get(_text(span.attributes, c.TOOL_NAME), "touch")
            self._files[path] = max(end_ns, self._files.get(path, 0))
            self._connect(TOUCHED, key, here, f"{FILES}/{file_key(path)}", {"label": op, "op": op, **along})
        for number, link in enumerate(span.links):
            target = f"{SPANS}/{link.trace_id}-{link.span_id}"
            label = _text(link.attributes, c.LINK) or "links to"
            self._connect(LINKS_TO, f"{key}.{number}", here, target, {"label": label, **along})

    def batch(self) -> GraphBatch:
        sessions = (
            Vertex(SESSIONS, session_key(session_id), _session(session_id) | self._expiry(end_ns))
            for session_id, end_ns in self._sessions.items()
        )
        files = (
            Vertex(FILES, file_key(path), _file(path) | self._expiry(end_ns)) for path, end_ns in self._files.items()
        )
        return GraphBatch((*self._spans.values(), *sessions, *files), tuple(self._edges.values()))

    def _connect(self, collection: str, key: str, source: str, target: str, document: Document) -> None:
        _put(self._edges, (collection, key), Edge(collection, key, source, target, document))

    def _expiry(self, end_ns: int) -> dict[str, Json]:
        return {"expire_at": end_ns // _NS_PER_S + self._retention_s} if self._retention_s else {}

    def _resource(self, span: Span) -> Json:
        known = self._resources.get(id(span.resource))
        if known is None:
            known = self._resources[id(span.resource)] = (span.resource, _safe(span.resource))
        return known[1]


def _document(span: Span, resource: Json, arguments: Mapping[str, Json]) -> dict[str, Json]:
    attributes = span.attributes
    summary = _text(attributes, c.SUMMARY)
    duration_ms = max(0, span.end_ns - span.start_ns) / _NS_PER_MS
    document: dict[str, Json] = {
        "label": (summary or span.name)[:LABEL_CHARS_MAX],
        "kind": kind_of(span),
        "name": span.name,
        "status": _STATUSES[span.status],
        "session_id": _session_id(attributes) or None,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        # A span that calls itself its parent is a root: a tree has no loops.
        "parent_id": None if span.parent_id == span.span_id else span.parent_id,
        "start_ms": span.start_ns / _NS_PER_MS,
        "end_ms": span.end_ns / _NS_PER_MS,
        "duration_ms": duration_ms,
        "size": duration_ms,
        # In text, because a number of this size is not exact in JavaScript and AQL (2^53).
        "start_ns": str(span.start_ns),
        "end_ns": str(span.end_ns),
        "span_kind": _SPAN_KINDS[span.kind],
        "attributes": _safe(attributes),
        "resource": resource,
    }
    for name, value in (
        ("summary", summary),
        ("tool", _text(attributes, c.TOOL_NAME)),
        ("command", _text(arguments, "command") or _text(attributes, _PAYLOAD_COMMAND)),
        ("error_type", _text(attributes, c.ERROR_TYPE)),
        ("status_message", span.status_message),
        ("service", _text(span.resource, c.SERVICE_NAME)),
        ("scope", span.scope_name),
    ):
        if value:
            document[name] = value
    if span.links:
        document["links"] = [_link(link) for link in span.links]
    if span.events:
        document["events"] = [_event(event) for event in span.events]
    return document


def _session(session_id: str) -> dict[str, Json]:
    return {"label": session_id[:LABEL_CHARS_MAX], "kind": "session", "size": 1, "session_id": session_id}


def _file(path: str) -> dict[str, Json]:
    name = path.rpartition("/")[2] or path
    return {"label": name[:LABEL_CHARS_MAX], "kind": "file", "size": 1, "path": path}


def _session_id(attributes: Attributes) -> str:
    return _text(attributes, c.SESSION_ID) or _text(attributes, c.CONVERSATION_ID)


def _path(span: Span, kind: Json, arguments: Mapping[str, Json]) -> str:
    if kind == "hook" and c.TOOL_NAME not in span.attributes:
        return ""  # It repeats what its tool's span says.
    path = _text(span.attributes, c.FILE_PATH)
    return path or _text(arguments, "file_path") or _text(arguments, "notebook_path")


def _arguments(attributes: Attributes) -> Mapping[str, Json]:
    # We send them as a JSON text; others may send a map (GenAI conventions, execute_tool).
    arguments = attributes.get(c.TOOL_CALL_ARGUMENTS)
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return {}  # Cut at the size limit, or not JSON: it still stands among the attributes.
    return arguments if isinstance(arguments, dict) else {}


def _link(link: Link) -> Json:
    return {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": _safe(link.attributes)}


def _event(event: SpanEvent) -> Json:
    return {"name": event.name, "time_ns": str(event.time_ns), "attributes": _safe(event.attributes)}


def _put(items: dict[_Place, _Item], place: _Place, item: _Item) -> None:
    """Put the item in its place, as a store would: of two documents the later, and the later of their ends."""
    held = items.get(place)
    if held is not None:
        until, held_until = item.document.get("expire_at"), held.document.get("expire_at")
        if isinstance(until, int) and isinstance(held_until, int) and held_until > until:
            item = replace(item, document={**item.document, "expire_at": held_until})
    items[place] = item


def _text(attributes: Mapping[str, object], name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _safe(attributes: Attributes) -> dict[str, Json]:
    """
    Answer the attributes as JSON, dots in names as underscores: AQL and its indexes take a dot for a level.

    A name whose place is taken keeps its dots.
    """
    safe = {
        _underscored(name): value if isinstance(value, str) else _plain(value) for name, value in attributes.items()
    }
    if len(safe) == len(attributes) and "" not in safe:
        return safe
    safe = {}
    for name, value in attributes.items():
        place = name.replace(".", "_") or "_"
        taken = place != name and (place in attributes or place in safe)
        safe[name if taken else place] = _plain(value)
    return safe


@lru_cache(NAMES_KEPT)
def _underscored(name: str) -> str:
    return name.replace(".", "_")


def _plain(value: AttributeValue) -> Json:
    if isinstance(value, float) and not isfinite(value):
        # JSON has no word for it; protobuf's JSON mapping has these.
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return _safe(value)
    if isinstance(value, str | int | float | None):
        return value
    return [_plain(item) for item in value]
