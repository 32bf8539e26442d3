"""Traces as trees: the spans of a session, delivered or still open, and which of them stands below which."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from cc_otel.graph.store import GraphStore, Json, Query
from cc_otel.view.sessions import LAST, NoSuchSession, is_trace_id, session_named

_Key = tuple[str, str]
"""A trace id and a span id: span ids alone are unique within a trace."""


@dataclass(frozen=True, slots=True)
class TreeSpan:
    """
    A span with what a tree shows of it, as the ``tree`` query has it (docs/graph.md).

    ``model``, ``input_tokens``, ``output_tokens`` and ``cost_usd`` are those of a model call, ``wait_ms`` is how long a
    call waited for a person, and ``outcome`` how it ended.

    While it is ``open`` its end is unknown, its duration is the time until now, and no receiver has it. It is
    ``undecided`` while it hangs from its caller only because the call that launched it is not known yet. ``folder`` is
    where the client worked when an open span began.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    depth: int | None
    kind: str
    name: str
    tool: str | None
    label: str
    status: str
    error_type: str | None
    session_id: str | None
    start_ms: float
    end_ms: float | None
    duration_ms: float
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    wait_ms: float | None = None
    outcome: str | None = None
    open: bool = False
    undecided: bool = False
    folder: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "TreeSpan":
        """Return the span that a row of the ``tree`` query, of another query or of the change feed stands for."""
        return cls(**{name: row.get(name) for name in _COLUMNS})  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Json]:
        """Return the row; ``open``, ``undecided`` and ``folder`` are in it only where there is something to say."""
        return {name: value for name, value in asdict(self).items() if name in _COLUMNS or value}

    @property
    def key(self) -> _Key:
        """What identifies it."""
        return self.trace_id, self.span_id

    @property
    def parent_key(self) -> _Key:
        """What identifies its parent; nothing has that of a root."""
        return self.trace_id, self.parent_id or ""


_COLUMNS: Final = tuple(field.name for field in fields(TreeSpan) if field.name not in {"open", "undecided", "folder"})


def spans_of(store: GraphStore, what: str, open_spans: Sequence[TreeSpan] = ()) -> list[TreeSpan]:
    """
    Return the spans of a trace, or of all traces of a session, with those of them that are still open.

    A session may be named by the beginning of its id. `LAST` is the session that was active last, or the newest trace
    where no span names a session.

    Raises:
        NoSuchSession: nothing is known by that name.
        Ambiguous: several sessions begin so.
        StoreUnavailable: the store cannot answer.

    """
    # A span that is open in the journal as it was read may have been delivered before the store was.
    spans: dict[_Key, TreeSpan] = {}
    for span in _found(store, what, open_spans):
        spans.setdefault(span.key, span)
    if not spans:
        raise NoSuchSession(what)
    return list(spans.values())


def _found(store: GraphStore, what: str, open_spans: Sequence[TreeSpan]) -> Iterator[TreeSpan]:
    if is_trace_id(what):
        yield from _trace(store, what)
        yield from (span for span in open_spans if span.trace_id == what)
        return
    try:
        session_id = session_named(store, what, open_spans)
    except NoSuchSession:
        if what == LAST:
            yield from _newest_trace(store)
        return
    # One answer at a time: a file whose writer was killed may have but one reader.
    for trace in list(store.query(Query("session_traces", {"session_id": session_id}))):
        yield from _trace(store, str(trace["trace_id"]))
    yield from (span for span in open_spans if span.session_id == session_id)


def _newest_trace(store: GraphStore) -> Iterator[TreeSpan]:
    for newest in list(store.query(Query("spans", {"limit": 1}))):
        yield from _trace(store, str(newest["trace_id"]))


def _trace(store: GraphStore, trace_id: str) -> Iterator[TreeSpan]:
    return map(TreeSpan.of, store.query(Query("tree", {"trace_id": trace_id})))


@dataclass(frozen=True, slots=True)
class Forest:
    """Spans as trees: the roots, the earliest first, and what stands below each span in the same order."""

    roots: Sequence[TreeSpan]
    children: Mapping[_Key, Sequence[TreeSpan]]

    def below(self, span: TreeSpan) -> Sequence[TreeSpan]:
        """Return the children of a span."""
        return self.children.get(span.key, ())


def forest(spans: Iterable[TreeSpan]) -> Forest:
    """
    Return the spans as trees that hold each of them exactly once.

    A span whose parent is not among them is a root. Of spans that are each other's parents the earliest is taken for
    a root.
    """
    ordered = sorted({span.key: span for span in spans}.values(), key=_in_time)
    known = {span.key: span for span in ordered}
    roots: list[TreeSpan] = []
    children: dict[_Key, list[TreeSpan]] = defaultdict(list)
    for span in ordered:
        (children[span.parent_key] if span.parent_key in known else roots).append(span)
    reached = {key for root in roots for key in _keys_below(root, children)}
    for span in ordered:
        if span.key not in reached:
            root = min(_circle_above(span, known), key=_in_time)
            children[root.parent_key].remove(root)
            roots.append(root)
            reached.update(_keys_below(root, children))
    return Forest(sorted(roots, key=_in_time), children)


def _in_time(span: TreeSpan) -> tuple[float, _Key]:
    return span.start_ms, span.key


def _circle_above(span: TreeSpan, known: Mapping[_Key, TreeSpan]) -> list[TreeSpan]:
    """Return the spans of the circle that the way up from a span ends in."""
    way: dict[_Key, TreeSpan] = {}
    while span.key not in way:
        way[span.key] = span
        span = known[span.parent_key]
    spans = list(way.values())
    return spans[spans.index(span) :]


def _keys_below(root: TreeSpan, children: Mapping[_Key, Sequence[TreeSpan]]) -> Iterator[_Key]:
    # Not by recursion: a trace may be deeper than Python's own calls may be.
    todo = [root]
    while todo:
        span = todo.pop()
        yield span.key
        todo.extend(children.get(span.key, ()))
