"""Spans to vertices and edges: by example, and by properties over any spans in any order."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import inf, nan
from typing import Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.graph.mapping import keys, mapping
from cc_otel.graph.mapping.reading import read
from cc_otel.graph.model import COLLECTIONS
from cc_otel.graph.store import Edge, GraphBatch, Json, Vertex
from cc_otel.span import AttributeValue, Kind, Link, Span, SpanEvent, StatusCode
from tests.graph.made import SUBAGENT, T0_NS, TRACE_A1, TRACE_A2, span, span_id, tool, turn

ARANGO_KEY: Final = re.compile(r"[A-Za-z0-9_\-.@()+,=;$!*'%:]{1,254}", re.ASCII)
T0_MS: Final = T0_NS / 1e6
T0_S: Final = T0_NS // 1_000_000_000
DAY_S: Final = 86_400


def graph(*spans: Span, retention_days: float = 0) -> dict[str, Vertex | Edge]:
    """Answer what the spans stand for by ``collection/key``."""
    return by_id(mapping.of(spans, retention_days=retention_days, stored_s=T0_S))


def by_id(batch: Iterable[Vertex | Edge]) -> dict[str, Vertex | Edge]:
    """Return vertices and edges by ``collection/key``."""
    return {f"{item.collection}/{item.key}": item for item in batch}


def document(span: Span) -> Mapping[str, Json]:
    """Return the document of the span's own vertex."""
    return graph(span)[f"spans/{keys.key_of(span)}"].document


class TestOneSpan:
    """What one span becomes."""

    def test_a_tool_call(self) -> None:
        """A span is a vertex with edges from its parent and to its session and file, all with an end."""
        call = tool(2, "Edit", '{"file_path": "/src/my file.py"}', "Edited my file.py", parent=1, start_ms=500)
        key, parent = f"{TRACE_A1}-{span_id(2)}", f"{TRACE_A1}-{span_id(1)}"
        file = keys.file_key("/src/my file.py")
        filters: dict[str, Json] = {
            "session_id": "session-a",
            "trace_id": TRACE_A1,
            "kind": "tool",
            "status": "UNSET",
            "start_ms": T0_MS + 500,
            "expire_at": T0_S + 2 * DAY_S,
        }

        assert graph(call, retention_days=2) == {
            f"spans/{key}": Vertex(
                "spans",
                key,
                {
                    "label": "Edited my file.py",
                    "kind": "tool",
                    "name": "execute_tool Edit",
                    "status": "UNSET",
                    "session_id": "session-a",
                    "trace_id": TRACE_A1,
                    "span_id": span_id(2),
                    "parent_id": span_id(1),
                    "start_ms": T0_MS + 500,
                    "end_ms": T0_MS + 510,
                    "duration_ms": 10.0,
                    "size": 10.0,
                    "start_ns": str(T0_NS + 500_000_000),
                    "end_ns": str(T0_NS + 510_000_000),
                    "span_kind": "INTERNAL",
                    "attributes": {
                        "session_id": "session-a",
                        "gen_ai_operation_name": "execute_tool",
                        "gen_ai_tool_name": "Edit",
                        "gen_ai_tool_call_arguments": '{"file_path": "/src/my file.py"}',
                        "cc_otel_hook_event": "PreToolUse",
                        "cc_otel_summary": "Edited my file.py",
                    },
                    "resource": {"service_name": "claude-code"},
                    "summary": "Edited my file.py",
                    "tool": "Edit",
                    "service": "claude-code",
                    "scope": "cc_otel",
                    "expire_at": T0_S + 2 * DAY_S,
                },
            ),
            f"parent_of/{key}": Edge(
                "parent_of", key, f"spans/{parent}", f"spans/{key}", {"label": "parent of", **filters}
            ),
            "sessions/session-a": Vertex(
                "sessions",
                "session-a",
                {
                    "label": "session-a",
                    "kind": "session",
                    "size": 1,
                    "session_id": "session-a",
                    "expire_at": T0_S + 2 * DAY_S,
                },
            ),
            f"part_of/{key}": Edge(
                "part_of", key, f"spans/{key}", "sessions/session-a", {"label": "part of", **filters}
            ),
            f"files/{file}": Vertex(
                "files",
                file,
                {
                    "label": "my file.py",
                    "kind": "file",
                    "size": 1,
                    "path": "/src/my file.py",
                    "extension": "py",
                    "expire_at": T0_S + 2 * DAY_S,
                },
            ),
            "tools/Edit": Vertex(
                "tools",
                "Edit",
                {
                    "label": "Edit",
                    "kind": "tool",
                    "size": 1,
                    "name": "Edit",
                    "class": "tool",
                    "expire_at": T0_S + 2 * DAY_S,
                },
            ),
            f"used/{key}": Edge("used", key, f"spans/{key}", "tools/Edit", {"label": "used", **filters}),
            f"touched/{key}": Edge(
                "touched", key, f"spans/{key}", f"files/{file}", {"label": "edit", "op": "edit", **filters}
            ),
        }

    def test_a_stranger_with_nothing(self) -> None:
        """A span that says nothing but who it is becomes a vertex, and nothing else."""
        bare = Span("0f" * 16, "ab" * 8, "", 0, 0)

        assert graph(bare) == {
            f"spans/{'0f' * 16}-{'ab' * 8}": Vertex(
                "spans",
                f"{'0f' * 16}-{'ab' * 8}",
                {
                    "label": "",
                    "kind": "span",
                    "name": "",
                    "status": "UNSET",
                    "session_id": None,
                    "trace_id": "0f" * 16,
                    "span_id": "ab" * 8,
                    "parent_id": None,
                    "start_ms": 0.0,
                    "end_ms": 0.0,
                    "duration_ms": 0.0,
                    "size": 0.0,
                    "start_ns": "0",
                    "end_ns": "0",
                    "span_kind": "INTERNAL",
                    "attributes": {},
                    "resource": {},
                },
            )
        }

    def test_events_links_and_status(self) -> None:
        """Events, links, scope and the status's message of any producer stay with the span."""
        link = Link(TRACE_A2, span_id(7), {"why": "because"})
        told = Span(
            TRACE_A1,
            span_id(1),
            "GET /",
            1,
            2,
            kind=Kind.SERVER,
            status=StatusCode.ERROR,
            status_message="no such page",
            links=(link,),
            events=(SpanEvent("exception", 1, {"exception.type": "KeyError"}),),
        )
        fields = ("status", "status_message", "span_kind", "links", "events")

        assert {name: document(told)[name] for name in fields} == {
            "status": "ERROR",
            "status_message": "no such page",
            "span_kind": "SERVER",
            "links": [{"trace_id": TRACE_A2, "span_id": span_id(7), "attributes": {"why": "because"}}],
            "events": [{"name": "exception", "time_ns": "1", "attributes": {"exception_type": "KeyError"}}],
        }

    def test_an_end_before_the_start(self) -> None:
        """A span that ends before it starts has no duration; its times stay as they came."""
        backwards = document(span(1, start_ms=10, end_ms=5))

        assert (backwards["start_ms"], backwards["end_ms"], backwards["duration_ms"]) == (T0_MS + 10, T0_MS + 5, 0.0)

    def test_a_span_that_is_its_own_parent(self) -> None:
        """A span that calls itself its parent is a root."""
        own = span(4, parent=4)

        assert document(own)["parent_id"] is None
        assert [name for name in graph(own) if name.startswith("parent_of/")] == []

    def test_links_are_edges(self) -> None:
        """Each link is an edge labelled with its reason, two to one span as well."""
        links = (
            Link(TRACE_A2, span_id(7), {"cc_otel.link": "session"}),
            Link(TRACE_A2, span_id(7), {"cc_otel.link": "previous_turn"}),
            Link(TRACE_A2, span_id(8)),
        )
        edges = [item for item in mapping.of([span(1, links=links)]).edges if item.collection == "links_to"]
        here = f"{TRACE_A1}-{span_id(1)}"

        assert [(edge.key, edge.source, edge.target, edge.document["label"]) for edge in edges] == [
            (f"{here}.0", f"spans/{here}", f"spans/{TRACE_A2}-{span_id(7)}", "session"),
            (f"{here}.1", f"spans/{here}", f"spans/{TRACE_A2}-{span_id(7)}", "previous_turn"),
            (f"{here}.2", f"spans/{here}", f"spans/{TRACE_A2}-{span_id(8)}", "links to"),
        ]

    def test_a_label_is_short(self) -> None:
        """A label is the summary, else the name, cut to what a picture has room for."""
        labels = [document(tool(1, "Bash", summary="Ran it"))["label"], document(span(2, "n" * 300))["label"]]

        assert labels == ["Ran it", "n" * 120]


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (turn(1), "turn"),
        (span(1, "invoke_agent x", parent=9, attributes=SUBAGENT), "subagent"),
        (span(1, "invoke_agent x", attributes=SUBAGENT), "subagent"),
        (span(1, "invoke_agent x", attributes={"gen_ai.operation.name": "invoke_agent"}), "turn"),
        (span(1, "invoke_agent x", parent=9, attributes={"gen_ai.operation.name": "invoke_agent"}), "subagent"),
        (tool(1, "Bash"), "tool"),
        (span(1, "chat m", attributes={"gen_ai.operation.name": "chat"}), "chat"),
        (span(1, "generate_content m", attributes={"gen_ai.operation.name": "generate_content"}), "chat"),
        (span(1, "compact", attributes={"cc_otel.hook.event": "PreCompact"}), "compact"),
        (span(1, "session startup", attributes={"cc_otel.hook.event": "SessionStart"}), "session"),
        (span(1, "hook SessionStart", attributes={"cc_otel.hook.event": "SessionStart"}), "hook"),
        (span(1, "hook Stop", attributes={"cc_otel.hook.event": "Stop"}), "hook"),
        (span(1, "GET /"), "span"),
        (span(1, "hook ", attributes={"cc_otel.hook.event": 7}), "span"),
    ],
)
def test_kind(made: Span, kind: str) -> None:
    """A span's kind follows from its GenAI operation, else from the event it came of."""
    assert read(made).kind == kind


@pytest.mark.parametrize(
    ("attributes", "session_id"),
    [
        ({"session.id": "s", "gen_ai.conversation.id": "c"}, "s"),
        ({"gen_ai.conversation.id": "c"}, "c"),
        ({"session.id": "", "gen_ai.conversation.id": "c"}, "c"),
        ({"session.id": 7}, None),
        ({}, None),
    ],
)
def test_the_session_that_is_meant(attributes: dict[str, AttributeValue], session_id: str | None) -> None:
    """``session.id`` names the session, else ``gen_ai.conversation.id`` does; else there is none."""
    made = span(1, session=None, attributes=attributes)
    sessions = [item.document["session_id"] for item in mapping.of([made]).vertices if item.collection == "sessions"]

    assert (document(made)["session_id"], sessions) == (session_id, [session_id] if session_id else [])


@pytest.mark.parametrize(
    ("session_id", "key"),
    [
        ("5b0d3e4c-7a43-4c8b-8b1a-0123456789ab", "5b0d3e4c-7a43-4c8b-8b1a-0123456789ab"),
        ("test", "test"),
        ("..", "@c577bd8f25028e3bfd5dcb065343514b"),
        ("a b/../c", "@e951c94310aaa772242d22505b5171c2"),
    ],
)
def test_session_keys(session_id: str, key: str) -> None:
    """A session id that is fit for a key is the key; any other has a digest of it, behind an @."""
    assert keys.session_key(session_id) == key


def test_session_keys_differ() -> None:
    """No two session ids share a key, though one should look like the digest of the other."""
    unfit = keys.session_key("a b/../c")

    assert len({unfit, keys.session_key(unfit), keys.session_key("a_b"), keys.session_key("a b")}) == 4


@pytest.mark.parametrize(
    ("made", "touched"),
    [
        (tool(1, "Read", '{"file_path": "/a"}'), ("/a", "read")),
        (tool(1, "Write", '{"file_path": "/a", "content": "x"}'), ("/a", "write")),
        (tool(1, "NotebookEdit", '{"notebook_path": "/n.ipynb"}'), ("/n.ipynb", "edit")),
        (tool(1, "mcp__fs__stat", '{"file_path": "/a"}'), ("/a", "touch")),
        (span(1, attributes={"file.path": "/foreign"}), ("/foreign", "touch")),
        (tool(1, "Bash", '{"command": "cat /a"}'), None),
        (tool(1, "Read", '{"file_path": ["/a"]}'), None),
        (tool(1, "Read", '{"file_path": "/a'), None),
        (tool(1, "Read", '["/a"]'), None),
        (
            span(1, "hook PostToolUse", attributes={"cc_otel.hook.event": "PostToolUse", "file.path": "/a"}),
            None,
        ),
        (
            span(
                1,
                "hook PreToolUse",
                attributes={
                    "cc_otel.hook.event": "PreToolUse",
                    "gen_ai.tool.name": "Read",
                    "file.path": "/a",
                },
            ),
            ("/a", "read"),
        ),
        (span(1, attributes={"gen_ai.tool.call.arguments": {"file_path": "/map"}}), ("/map", "touch")),
    ],
)
def test_files_that_are_touched(made: Span, touched: tuple[str, str] | None) -> None:
    """A call touches the file of ``file.path``, else of its arguments; the hooks around a call repeat nothing."""
    items = graph(made)
    edges = [item for item in items.values() if isinstance(item, Edge) and item.collection == "touched"]
    found = [(items[edge.target].document["path"], edge.document["op"]) for edge in edges]

    assert found == ([touched] if touched else [])


@pytest.mark.parametrize(
    ("made", "command"),
    [
        (tool(1, "Bash", '{"command": "ls -la"}'), "ls -la"),
        (span(1, attributes={"gen_ai.tool.call.arguments": {"command": "ls"}}), "ls"),
        (span(1, "hook PreToolUse", attributes={"cc_otel.payload.command": "ls -la"}), "ls -la"),
        (tool(1, "Bash", '{"command": ["ls"]}'), None),
        (tool(1, "Bash"), None),
    ],
)
def test_command(made: Span, command: str | None) -> None:
    """A call's command stands on its document, from wherever it came."""
    assert document(made).get("command") == command


@pytest.mark.parametrize(
    ("attributes", "safe"),
    [
        ({"a.b.c": 1}, {"a_b_c": 1}),
        ({"a.b": 1, "a_b": 2}, {"a.b": 1, "a_b": 2}),
        ({"a_b": 1, "a.b": 2}, {"a_b": 1, "a.b": 2}),
        ({"a.b.c": 1, "a_b.c": 2}, {"a_b_c": 1, "a_b.c": 2}),
        ({"": 1, "_key": 2}, {"_": 1, "_key": 2}),
        ({"map": {"x.y": [1, {"z.z": b"\x00\xff"}]}}, {"map": {"x_y": [1, {"z_z": "AP8="}]}}),
        ({"n": nan, "i": inf, "m": -inf}, {"n": "NaN", "i": "Infinity", "m": "-Infinity"}),
        ({"none": None, "yes": True, "list": [None, 1.5, "x"]}, {"none": None, "yes": True, "list": [None, 1.5, "x"]}),
    ],
)
def test_attributes_as_json(attributes: dict[str, AttributeValue], safe: dict[str, Json]) -> None:
    """Attributes keep their values, as far as JSON has words for them, under names without dots."""
    assert document(span(1, session=None, attributes=attributes))["attributes"] == safe


# Properties

_numbers = st.integers(min_value=1, max_value=5)
_words = st.sampled_from(["s", "a b/../c", "é" * 200, "..", "x" * 300, "nul\x00", "-"])
_scalars = st.one_of(st.text(max_size=5), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.none())
_values = st.recursive(
    _scalars | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_known = st.fixed_dictionaries(
    {},
    optional={
        "session.id": _words | _scalars,
        "gen_ai.conversation.id": _words | _scalars,
        "gen_ai.operation.name": st.sampled_from(["invoke_agent", "execute_tool", "chat"]) | _scalars,
        "gen_ai.tool.name": st.sampled_from(["Read", "Bash"]) | _scalars,
        "gen_ai.tool.call.arguments": st.sampled_from(['{"file_path": "/f"}', '{"command": "ls"}', "{", "[]"])
        | _values,
        "file.path": _words | _values,
        "cc_otel.hook.event": st.sampled_from(["UserPromptSubmit", "Stop", "PreToolUse"]) | _values,
        "cc_otel.summary": _values,
        "error.type": _values,
    },
)
_times = st.integers(min_value=0, max_value=2**64 - 1)
_ids = _numbers.map(span_id)
_traces = st.sampled_from([TRACE_A1, TRACE_A2])


@st.composite
def any_span(draw: st.DrawFn) -> Span:
    """Draw a span of any producer, out of few ids so that they meet."""
    return Span(
        trace_id=draw(_traces),
        span_id=draw(_ids),
        parent_id=draw(st.none() | _ids),
        name=draw(st.text(max_size=5)),
        start_ns=draw(_times),
        end_ns=draw(_times),
        kind=draw(st.sampled_from(Kind)),
        status=draw(st.sampled_from(StatusCode)),
        attributes=draw(_known) | draw(st.dictionaries(st.text(max_size=5), _values, max_size=3)),
        links=tuple(draw(st.lists(st.builds(Link, _traces, _ids), max_size=2))),
        resource=draw(st.dictionaries(st.text(max_size=5), _values, max_size=2)),
    )


_distinct = st.lists(any_span(), max_size=8, unique_by=lambda span: (span.trace_id, span.span_id))


@given(data=st.data(), spans=_distinct, retention_days=st.sampled_from([0, 0.5, 30]))
def test_any_order_and_grouping_is_one_graph(data: st.DataObject, spans: list[Span], retention_days: float) -> None:
    """Spans shuffled, told again and split into any batches are the same graph as told once and together."""
    again = data.draw(st.lists(st.sampled_from(spans), max_size=5)) if spans else []
    told = data.draw(st.permutations(spans + again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=4)))
    parts = [told[start:end] for start, end in pairwise([0, *cuts, len(told)])]
    batches = [mapping.of(part, retention_days=retention_days, stored_s=T0_S) for part in parts]

    assert by_id(mapping.merged(batches)) == graph(*spans, retention_days=retention_days)


@given(spans=st.lists(any_span(), max_size=5))
def test_any_span_fits_every_store(spans: list[Span]) -> None:
    """Whatever a span says: keys suit ArangoDB, ends are ids, documents are JSON without reserved names."""
    batch = mapping.of(spans, retention_days=1)
    names = {name for item in batch for name in item.document}

    assert [item.key for item in batch if not ARANGO_KEY.fullmatch(item.key)] == []
    assert [name for name in names if name.startswith("_")] == []
    assert all(orjson.loads(orjson.dumps(item.document)) == item.document for item in batch)
    for edge in batch.edges:
        for end in (edge.source, edge.target):
            collection, _, key = end.partition("/")
            assert (collection in COLLECTIONS, bool(ARANGO_KEY.fullmatch(key))) == (True, True)


@given(spans=st.lists(any_span(), max_size=5))
def test_no_key_twice(spans: list[Span]) -> None:
    """A batch holds each vertex and edge once, however often its span was told."""
    batch: GraphBatch = mapping.of(spans + spans)

    assert len(by_id(batch)) == len(list(batch))
