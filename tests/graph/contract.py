"""
The battery that every graph store passes.

A backend's test module subclasses `StoreContract` and gives it a ``store`` fixture: an empty, prepared store. It opts
out of a case by naming it in ``opts_out`` with the reason.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, ClassVar, Final

import pytest

from cc_otel.graph import model
from cc_otel.graph.mapping import mapping
from cc_otel.graph.queries import catalogue
from cc_otel.graph.store import (
    CHANGE_COLUMNS,
    START,
    Edge,
    GraphBatch,
    GraphStore,
    Json,
    Query,
    UnknownQuery,
    Unready,
    Vertex,
)
from cc_otel.span import AttributeValue, Link, Span
from tests.graph.case import Case, cases, cut
from tests.graph.made import (
    FOREIGN,
    T0_NS,
    TRACE_A1,
    TRACE_A2,
    TRACE_B1,
    span,
    span_id,
    tool,
    turn,
    two_sessions,
)

T0_MS: Final = T0_NS / 1e6
T0_S: Final = T0_NS // 1_000_000_000
DAY_S: Final = 86_400
NEVER_S: Final = 1e12

WEIRD: Final = (
    "",
    " ",
    "quote ' double \" backslash \\ percent % underscore _ dollar $",
    "'; DROP TABLE spans; --",
    "line\nbreak\ttab\rreturn",
    "nul\x00inside",
    "\u202ereversed, \u200bzero width, \ufffereserved",
    "emoji 🧵 and 漢字 and e\u0301",
    "{{ template }} ${variable} @bind :bind",
    "x" * 300,
)


def ask(store: GraphStore, query: str, /, **parameters: str | int | float | None) -> list[dict[str, Json]]:
    """Return all rows of a named query."""
    return list(store.query(Query(query, parameters)))


def column(rows: Sequence[Mapping[str, Json]], *names: str) -> list[tuple[Json, ...]]:
    """Return some columns of rows."""
    return [tuple(row[name] for name in names) for row in rows]


def put(store: GraphStore, spans: Sequence[Span], retention_days: float = 0, after_s: float = 0) -> None:
    """Write what the spans stand for, some time after `T0_S`; nothing may be refused."""
    refusals = store.write(mapping.of(spans, retention_days=retention_days, stored_s=T0_S + after_s))

    assert list(refusals) == []


def put_edge(store: GraphStore, parent: int, child: int) -> None:
    """Write an edge alone that says of two spans of `TRACE_A1` that one is the other's parent."""
    source, target = (f"{model.SPANS}/{TRACE_A1}-{span_id(number)}" for number in (parent, child))
    document = {"label": "parent of", "trace_id": TRACE_A1}
    edge = Edge(model.PARENT_OF, f"{TRACE_A1}-{span_id(child)}", source, target, document)

    assert list(store.write(GraphBatch((), (edge,)))) == []


class StoreContract:
    """What a GraphStore promises, case by case."""

    opts_out: ClassVar[Mapping[str, str]] = {}
    views: ClassVar[frozenset[str]] = frozenset()
    """Edges that the store reads from its spans: nothing is counted of them when something is removed."""

    @pytest.fixture(autouse=True)
    def _opted_out(self, request: pytest.FixtureRequest) -> None:
        name = request.function.__name__
        if name in self.opts_out:
            pytest.skip(self.opts_out[name])

    # Writing

    def test_preparing_again_changes_nothing(self, store: GraphStore) -> None:
        """A store that holds a graph may be prepared again."""
        put(store, two_sessions())
        before = ask(store, "spans")
        store.prepare()

        assert ask(store, "spans") == before

    def test_a_batch_twice_leaves_one_copy(self, store: GraphStore) -> None:
        """The same batch written twice is there once, vertices and edges."""
        batch = mapping.of(two_sessions(), retention_days=1)
        store.write(batch)
        store.write(batch)

        assert self.counts(store) == self.stored(
            {
                "spans": 10,
                "sessions": 2,
                "files": 1,
                "tools": 3,
                "parent_of": 6,
                "part_of": 9,
                "touched": 1,
                "used": 3,
            }
        )

    def test_the_later_of_two_documents_stays(self, store: GraphStore) -> None:
        """A document replaces the one written before it under its key, whole."""
        put(store, [tool(1, "Bash", '{"command": "ls"}', "Listed", error="exit_2")])
        put(store, [span(1, "renamed")])

        assert column(ask(store, "spans"), "name", "tool", "command", "summary", "status", "error_type") == [
            ("renamed", None, None, None, "UNSET", None)
        ]

    def test_batches_are_written_together_in_their_order(self, store: GraphStore) -> None:
        """Of versions that are written together the one that ends later stays, and the later expiry, ready or not."""
        batches = [
            mapping.of([span(1, "first", end_ms=100_000), span(2)], retention_days=1, stored_s=T0_S + 100),
            mapping.of([span(1, "second"), span(3)], retention_days=1, stored_s=T0_S),
        ]
        for made in (batches, [store.ready(batch) for batch in batches]):
            refusals = store.write(*made)
            kept = store.prune(T0_S + DAY_S + 50, dry_run=True)

            assert list(refusals) == []
            assert sorted(column(ask(store, "spans"), "span_id", "name")) == [
                (span_id(1), "first"),
                (span_id(2), "work"),
                (span_id(3), "work"),
            ]
            assert (kept["spans"], kept["sessions"]) == (1, 0)

    def test_what_was_made_ready_is_what_is_written(self, store: GraphStore) -> None:
        """A batch that was made ready leaves what the batch itself would have left."""
        store.write(store.ready(mapping.of(two_sessions(), retention_days=1)))
        ready = [ask(store, "spans"), ask(store, "sessions"), ask(store, "tree", trace_id=TRACE_A1), self.counts(store)]
        store.write(mapping.of(two_sessions(), retention_days=1))

        assert ready == [
            ask(store, "spans"),
            ask(store, "sessions"),
            ask(store, "tree", trace_id=TRACE_A1),
            self.counts(store),
        ]
        assert len(ask(store, "spans")) == 10

    @pytest.mark.parametrize("ready", [False, True])
    def test_edges_are_those_of_the_version_that_stays(self, store: GraphStore, ready: bool) -> None:
        """A span that comes again without parent, session, file and links leaves no edge of what it said before."""
        links = tuple(Link(TRACE_A2, span_id(number)) for number in (7, 8))
        told = tool(2, "Read", '{"file_path": "/a"}', parent=1, links=links)
        bare = span(2, session=None)
        for each in (told, bare, span(2, session="session-b", links=links[:1])):
            batch = mapping.of([each], retention_days=1, stored_s=T0_S)
            assert list(store.write(store.ready(batch) if ready else batch)) == []
        last = self.edges(store)
        put(store, [bare], retention_days=1)

        assert last == self.stored({"part_of": 1, "links_to": 1})
        assert self.edges(store) == {}
        assert column(ask(store, "session_ids"), "session_id") == []
        assert ask(store, "files") == []

    @pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
    @pytest.mark.parametrize("together", [False, True])
    def test_which_version_of_a_span_stays(self, store: GraphStore, order: tuple[int, ...], together: bool) -> None:
        """The version not from a transcript stays, then the one that ends later, in whatever order they come."""
        transcript: dict[str, AttributeValue] = {"cc_otel.source": "transcript"}
        versions = [
            span(2, "early", parent=1, end_ms=20),
            span(2, "late", parent=3, end_ms=30, session="session-b"),
            span(2, "read", parent=4, end_ms=90, attributes=transcript),
        ]
        batches = [mapping.of([versions[number]], retention_days=1) for number in order]
        for some in [batches] if together else [[batch] for batch in batches]:
            store.write(*some)

        assert column(ask(store, "spans"), "name", "parent_id", "session_id") == [("late", span_id(3), "session-b")]
        assert self.edges(store) == self.stored({"parent_of": 1, "part_of": 1})

    def test_derived_edges_are_those_of_the_session(self, store: GraphStore) -> None:
        """Derived edges are replaced as a whole, each session's by itself; what is there already is not written."""

        def edge(number: int, session: str = "session-a") -> Edge:
            source, target = (f"spans/{TRACE_A1}-{span_id(it)}" for it in (number, number + 1))
            document = {"label": "follows", "session_id": session, "rule": "follows", "certainty": "observed"}
            return Edge("follows", f"{TRACE_A1}-{span_id(number)}", source, target, document)

        changed = [
            store.replace_derived("session-a", [edge(1), edge(2)]),
            store.replace_derived("session-b", [edge(7, "session-b")]),
            store.replace_derived("session-a", [edge(2), edge(1)]),
            store.replace_derived("session-a", [edge(2), edge(3)]),
            store.replace_derived("session-a", []),
        ]

        assert changed == [2, 1, 0, 2, 2]
        with pytest.raises(ValueError, match="not of session"):
            store.replace_derived("session-b", [edge(1)])
        with pytest.raises(ValueError, match="no derived edges"):
            store.replace_derived("session-a", [replace(edge(1), collection="touched")])

    def test_an_empty_batch_is_written(self, store: GraphStore) -> None:
        """Nothing to write is no error."""
        refusals = store.write(GraphBatch())

        assert list(refusals) == []

    def test_a_child_may_come_before_its_parent(self, store: GraphStore) -> None:
        """Spans arrive in any order, in batches of their own, and the tree is the same."""
        for each in reversed(two_sessions()):
            put(store, [each])

        assert column(ask(store, "tree", trace_id=TRACE_A1), "span_id", "depth") == [
            (span_id(1), 0),
            (span_id(2), 1),
            (span_id(3), 1),
            (span_id(6), 1),
            (span_id(4), 2),
            (span_id(5), 3),
        ]

    def test_a_parent_may_never_come(self, store: GraphStore) -> None:
        """A span whose parent is not there is a root of its trace until it is."""
        put(store, [span(2, parent=1), span(3, parent=2)])
        orphaned = column(ask(store, "tree", trace_id=TRACE_A1), "span_id", "parent_id", "depth")
        put(store, [span(1)])

        assert (orphaned, column(ask(store, "tree", trace_id=TRACE_A1), "span_id", "parent_id", "depth")) == (
            [(span_id(2), span_id(1), 0), (span_id(3), span_id(2), 1)],
            [(span_id(1), None, 0), (span_id(2), span_id(1), 1), (span_id(3), span_id(2), 2)],
        )

    def test_what_is_written_comes_back(self, store: GraphStore) -> None:
        """Texts come back as they were, whatever is in them, and whole numbers and fractions too."""
        for number, text in enumerate(WEIRD, start=1):
            attributes: dict[str, AttributeValue] = {
                "text": text,
                "whole": 2**53 + 1,
                "part": 0.1,
                "yes": True,
                "none": None,
                "list": [text, 1],
            }
            put(store, [span(number, text, attributes=attributes)])
        rows = [ask(store, "span", trace_id=TRACE_A1, span_id=span_id(n))[0] for n in range(1, len(WEIRD) + 1)]

        assert column(rows, "name", "attributes") == [
            (
                text,
                {
                    "session_id": "session-a",
                    "text": text,
                    "whole": 2**53 + 1,
                    "part": 0.1,
                    "yes": True,
                    "none": None,
                    "list": [text, 1],
                },
            )
            for text in WEIRD
        ]

    def test_any_session_id_names_one_session(self, store: GraphStore) -> None:
        """Sessions are told apart and found by their ids, whatever is in them."""
        ids = [text for text in WEIRD if text] + ["..", "a b/../c", "@" + "0" * 32, "é" * 200]
        put(store, [span(n, session=text, start_ms=-n) for n, text in enumerate(ids, start=1)])

        assert column(ask(store, "sessions"), "session_id", "spans") == [(text, 1) for text in ids]
        assert [len(ask(store, "spans", session_id=text)) for text in ids] == [1] * len(ids)

    def test_thousands_of_spans_at_once(self, store: GraphStore) -> None:
        """A batch may be large; each of its spans is there."""
        put(store, [turn(1), *(span(n, parent=n // 4 or 1, start_ms=n) for n in range(2, 5_001))])

        assert len(ask(store, "subtree", trace_id=TRACE_A1, span_id=span_id(1))) == 5_000

    # Refusing

    def test_an_unknown_collection_is_refused(self, store: GraphStore) -> None:
        """What goes into no known collection is refused, and the rest of its batch is stored."""
        stranger = Vertex("strangers", "1", {"label": "?"})
        known = mapping.of([span(1)])
        refusals = store.write(GraphBatch((stranger, *known.vertices), known.edges))

        assert [refusal.item for refusal in refusals] == [stranger]
        assert len(ask(store, "spans")) == 1

    def test_a_text_that_is_not_unicode_is_refused(self, store: GraphStore) -> None:
        """A lone surrogate cannot be stored: its vertex or edge is refused, alone."""
        shallow = Vertex("spans", "key-1", {"label": "\ud800"})
        deep = Vertex("spans", "key-2", {"label": "fine", "attributes": {"deep": ["\udfff"]}})
        edge = Edge("touched", "key-3", "spans/1", "files/\ud800", {"label": "read"})
        known = mapping.of([span(1)])
        refusals = store.write(GraphBatch((shallow, deep, *known.vertices), (*known.edges, edge)))

        assert [refusal.item for refusal in refusals] == [shallow, deep, edge]
        assert len(ask(store, "spans")) == 1

    @pytest.mark.parametrize("poison", ["\ud800", 2**70], ids=["text", "number"])
    def test_what_was_made_ready_may_be_refused_whole(self, store: GraphStore, poison: str | int) -> None:
        """A ready batch with something that cannot be stored is refused alone, or stores nothing and says Unready."""
        broken = Vertex("spans", "key-1", {"label": poison})
        known = mapping.of([span(1)])
        batches = [store.ready(GraphBatch([broken])), store.ready(known)]
        try:
            refused = [refusal.item for refusal in store.write(*batches)]
        except Unready:
            assert ask(store, "spans") == []
            refused = [refusal.item for refusal in store.write(GraphBatch([broken]), known)]

        assert refused == [broken]
        assert column(ask(store, "spans"), "span_id") == [(span_id(1),)]

    # Asking

    def test_an_empty_store_answers_nothing(self, store: GraphStore) -> None:
        """Every query has an answer before anything was written: no rows."""
        values: dict[str, str | int] = {"text": "nothing", "integer": 1, "real": 1}
        for name in catalogue.names():
            needed = {it.name: values[it.type] for it in catalogue.named(name).parameters if it.required}

            assert ask(store, name, **needed) == []

    @pytest.mark.parametrize(("name", "case"), cases(), ids=lambda it: it.why if isinstance(it, Case) else str(it))
    def test_a_question_is_answered(self, store: GraphStore, name: str, case: Case) -> None:
        """A question's rows are those that were counted by hand."""
        assert list(store.write(case.graph.batch())) == []
        rows = ask(store, name, **case.asked)

        assert cut(rows, case.rows) == list(case.rows)

    def test_an_unknown_query_is_an_error(self, store: GraphStore) -> None:
        """A name that no query has is told at once, before any row is taken."""
        with pytest.raises(UnknownQuery, match="nonsense"):
            store.query(Query("nonsense"))

    def test_an_unknown_parameter_is_an_error(self, store: GraphStore) -> None:
        """A parameter that the query does not take is a mistake, not a filter that does nothing."""
        with pytest.raises(ValueError, match="trace_id, not trase_id"):
            store.query(Query("tree", {"trase_id": TRACE_A1}))

    def test_tree_of_a_trace(self, store: GraphStore) -> None:
        """A trace's spans come with their depth, parents before children, then by start; no other trace's."""
        put(store, two_sessions())
        more = ("model", "input_tokens", "output_tokens", "cost_usd", "wait_ms", "outcome")

        assert ask(store, "tree", trace_id=TRACE_A2) == [
            {
                "trace_id": TRACE_A2,
                "span_id": span_id(7),
                "parent_id": None,
                "depth": 0,
                "kind": "turn",
                "name": "invoke_agent claude-code",
                "tool": None,
                "label": "invoke_agent claude-code",
                "status": "UNSET",
                "error_type": None,
                "session_id": "session-a",
                "start_ms": T0_MS + 1_000,
                "end_ms": T0_MS + 1_500,
                "duration_ms": 500,
                **dict.fromkeys(more),
            },
            {
                "trace_id": TRACE_A2,
                "span_id": span_id(8),
                "parent_id": span_id(7),
                "depth": 1,
                "kind": "chat",
                "name": "chat claude-opus",
                "tool": None,
                "label": "chat claude-opus",
                "status": "UNSET",
                "error_type": None,
                "session_id": "session-a",
                "start_ms": T0_MS + 1_100,
                "end_ms": T0_MS + 1_110,
                "duration_ms": 10,
                **dict.fromkeys(more),
            },
        ]

    def test_a_tree_says_what_its_calls_took(self, store: GraphStore) -> None:
        """A tree has the tokens and dollars of model calls, and of calls the wait for a person and the outcome."""
        took: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 3,
            "cc_otel.cost_usd": 0.5,
        }
        waited: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "execute_tool",
            "cc_otel.tool.wait_ms": 1500.0,
            "cc_otel.tool.outcome": "refused",
        }
        put(store, [span(1, "chat m", attributes=took), span(2, "execute_tool Bash", start_ms=9, attributes=waited)])
        names = ("model", "input_tokens", "output_tokens", "cost_usd", "wait_ms", "outcome")

        assert column(ask(store, "tree", trace_id=TRACE_A1), *names) == [
            ("m", 12, 3, 0.5, None, None),
            (None, None, None, None, 1500, "refused"),
        ]

    def test_tree_around_a_span_that_is_not_there(self, store: GraphStore) -> None:
        """Where a span was refused but its edge was stored, what is below it is told once: roots, with their trees."""
        spans = [span(1), span(2, parent=1), span(3, parent=2, start_ms=1), span(4, parent=3, start_ms=2)]
        graph = mapping.of(spans)
        stored = [vertex for vertex in graph.vertices if vertex.document.get("span_id") != span_id(2)]
        store.write(GraphBatch(stored, graph.edges))

        assert column(ask(store, "tree", trace_id=TRACE_A1), "span_id", "depth") == [
            (span_id(1), 0),
            (span_id(3), 0),
            (span_id(4), 1),
        ]

    def test_tree_holds_spans_that_are_each_others_parents(self, store: GraphStore) -> None:
        """Spans in a circle have no depth, but they are in the tree; and the walk ends."""
        put(store, [span(1), span(2, parent=3), span(3, parent=2, start_ms=1), span(4, parent=4, start_ms=2)])

        assert column(ask(store, "tree", trace_id=TRACE_A1), "span_id", "depth") == [
            (span_id(1), 0),
            (span_id(4), 0),
            (span_id(2), None),
            (span_id(3), None),
        ]
        assert column(ask(store, "subtree", trace_id=TRACE_A1, span_id=span_id(2)), "span_id", "depth") == [
            (span_id(2), 0),
            (span_id(3), 1),
        ]

    def test_subtree_of_a_span(self, store: GraphStore) -> None:
        """A span comes first, with depth 0, and then all that is below it."""
        put(store, two_sessions())

        assert column(
            ask(store, "subtree", trace_id=TRACE_A1, span_id=span_id(3)), "span_id", "depth", "kind", "tool"
        ) == [
            (span_id(3), 0, "tool", "Agent"),
            (span_id(4), 1, "subagent", None),
            (span_id(5), 2, "tool", "Read"),
        ]
        assert ask(store, "subtree", trace_id=TRACE_A1, span_id=span_id(2)) == [
            {
                "span_id": span_id(2),
                "parent_id": span_id(1),
                "depth": 0,
                "kind": "tool",
                "name": "execute_tool Bash",
                "tool": "Bash",
                "label": "Ran pytest -q: exit 1",
                "status": "ERROR",
                "error_type": "exit_1",
                "start_ms": T0_MS + 100,
                "duration_ms": 10,
            }
        ]

    def test_sessions_newest_first(self, store: GraphStore) -> None:
        """Sessions come with their first start, last end, and counts of what happened in them."""
        put(store, two_sessions())
        newest = {
            "session_id": "session-b",
            "start_ms": T0_MS + 5_000,
            "end_ms": T0_MS + 5_100,
            "turns": 1,
            "tools": 0,
            "errors": 0,
            "spans": 1,
            "active_ms": T0_MS + 5_000,
            "prompt": "invoke_agent claude-code",
            "folder": None,
            "model": None,
            "turn_status": "UNSET",
            "model_calls": 0,
            "unpriced_calls": 0,
            "cost_usd": None,
        }
        oldest = {
            "session_id": "session-a",
            "start_ms": T0_MS,
            "end_ms": T0_MS + 1_500,
            "turns": 2,
            "tools": 3,
            "errors": 1,
            "spans": 8,
            "active_ms": T0_MS + 1_100,
            "prompt": "invoke_agent claude-code",
            "folder": None,
            "model": None,
            "turn_status": "UNSET",
            "model_calls": 1,
            "unpriced_calls": 1,
            "cost_usd": None,
        }

        assert ask(store, "sessions") == [newest, oldest]
        assert ask(store, "sessions", limit=1) == [newest]

    @pytest.mark.parametrize(
        ("parameters", "ids"),
        [
            ({}, ["other", "run-1", "run-10", "run-2", "run_1", "run\x001"]),
            ({"prefix": "run-1"}, ["run-1", "run-10"]),
            ({"prefix": "run-", "limit": 2}, ["run-1", "run-10"]),
            ({"prefix": "run_"}, ["run_1"]),
            ({"prefix": "run\x00"}, ["run\x001"]),
            ({"prefix": "RUN"}, []),
            ({"prefix": "run%"}, []),
            ({"prefix": "run-100"}, []),
        ],
        ids=str,
    )
    def test_sessions_by_the_beginning_of_their_ids(
        self, store: GraphStore, parameters: dict[str, Any], ids: list[str]
    ) -> None:
        """A prefix finds the sessions whose ids begin with it, letter for letter."""
        names = ("run-1", "run-10", "run-2", "run_1", "run\x001", "other")
        put(store, [span(number, session=name) for number, name in enumerate(names, 1)])

        assert sorted(str(row["session_id"]) for row in ask(store, "session_ids", **parameters)) == sorted(ids)

    def test_sessions_by_their_beginning_come_in_order(self, store: GraphStore) -> None:
        """Ids come in their own order, so that the exact one is the first of those it begins."""
        put(store, [span(number, session=name) for number, name in enumerate(("a-2", "a", "a-1"), 1)])

        assert column(ask(store, "session_ids", prefix="a"), "session_id") == [("a",), ("a-1",), ("a-2",)]

    def test_an_edge_older_than_its_span_leads_nowhere(self, store: GraphStore) -> None:
        """A tree follows what its spans say of their parents: an edge that says otherwise cannot close a circle."""
        put(store, [span(2, parent=1), span(1, start_ms=1)])
        put_edge(store, 2, 1)

        assert column(ask(store, "tree", trace_id=TRACE_A1), "span_id", "depth") == [(span_id(1), 0), (span_id(2), 1)]
        below = ask(store, "subtree", trace_id=TRACE_A1, span_id=span_id(2))
        assert column(below, "span_id", "depth") == [(span_id(2), 0)]

    def test_the_session_that_was_active_last_comes_first(self, store: GraphStore) -> None:
        """Sessions come by what happened last in them, whenever they began."""
        put(store, [span(1), span(2, session="session-b", start_ms=5), span(3, start_ms=9, trace_id=TRACE_A2)])

        assert column(ask(store, "sessions"), "session_id", "start_ms", "active_ms") == [
            ("session-a", T0_MS, T0_MS + 9),
            ("session-b", T0_MS + 5, T0_MS + 5),
        ]

    def test_what_a_session_was_about(self, store: GraphStore) -> None:
        """A session tells its first prompt, its folder, its last model, how its last turn ended, and what it cost."""
        begun: dict[str, AttributeValue] = {
            "cc_otel.hook.event": "SessionStart",
            "process.working_directory": "/home/dev/project",
        }
        asked: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "invoke_agent",
            "cc_otel.hook.event": "UserPromptSubmit",
        }
        chat: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}
        failed: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat"}
        put(
            store,
            [
                span(1, "session startup", attributes=begun),
                span(2, "turn", start_ms=1, attributes={**asked, "cc_otel.summary": "Asked: tidy up"}),
                span(3, "turn", start_ms=9, error="process_gone", attributes={**asked, "cc_otel.summary": "Asked: go"}),
                span(4, "chat", start_ms=2, attributes={**chat, "gen_ai.response.model": "a", "cc_otel.cost_usd": 0.5}),
                span(
                    5, "chat", start_ms=4, attributes={**chat, "gen_ai.response.model": "b", "cc_otel.cost_usd": 0.25}
                ),
                span(6, "chat", start_ms=3, attributes={**chat, "gen_ai.response.model": "c"}),
                span(7, "chat", start_ms=5, error="overloaded_error", attributes=failed),
            ],
        )
        [row] = ask(store, "sessions")

        assert {name: row[name] for name in list(row)[8:]} == {
            "prompt": "Asked: tidy up",
            "folder": "/home/dev/project",
            "model": "b",
            "turn_status": "ERROR",
            "model_calls": 3,
            "unpriced_calls": 1,
            "cost_usd": 0.75,
        }

    def test_traces_of_a_session(self, store: GraphStore) -> None:
        """A session's traces come in the order they began, with what each holds."""
        put(store, two_sessions())

        assert ask(store, "session_traces", session_id="session-a") == [
            {"trace_id": TRACE_A1, "start_ms": T0_MS, "end_ms": T0_MS + 900, "errors": 1, "spans": 6},
            {"trace_id": TRACE_A2, "start_ms": T0_MS + 1_000, "end_ms": T0_MS + 1_500, "errors": 0, "spans": 2},
        ]

    def test_traces_by_what_happened_last(self, store: GraphStore) -> None:
        """Traces come by their last activity, with what each holds, also those that no session names."""
        put(store, two_sessions())
        rows = ask(store, "traces")

        assert column(rows, "trace_id", "start_ms", "end_ms", "errors", "spans", "active_ms", "session_id", "name") == [
            (TRACE_B1, T0_MS + 5_000, T0_MS + 5_100, 0, 1, T0_MS + 5_000, "session-b", "invoke_agent claude-code"),
            (FOREIGN, T0_MS + 3_000, T0_MS + 3_010, 0, 1, T0_MS + 3_000, None, "GET /"),
            (TRACE_A2, T0_MS + 1_000, T0_MS + 1_500, 0, 2, T0_MS + 1_100, "session-a", "invoke_agent claude-code"),
            (TRACE_A1, T0_MS, T0_MS + 900, 1, 6, T0_MS + 890, "session-a", "invoke_agent claude-code"),
        ]
        assert ask(store, "traces", limit=2) == rows[:2]
        assert ask(store, "traces", since_ms=T0_MS + 1_100) == rows[:3]

    def test_files_that_were_touched(self, store: GraphStore) -> None:
        """A file is one row with its touches by operation, whoever touched it; the one touched last comes first."""

        def call(number: int, tool: str, path: str, at_ms: int, **more: Any) -> Span:
            attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "file.path": path}
            return span(number, f"execute_tool {tool}", start_ms=at_ms, attributes=attributes, **more)

        calls = [
            call(1, "Read", "/a", 1),
            call(2, "Edit", "/a", 2, error="tool_error"),
            call(3, "Write", "/b", 3),
            call(4, "Read", "/a", 9, session="session-b", trace_id=TRACE_A2),
            span(5, "hook FileChanged", start_ms=4, attributes={"file.path": "/b"}),
        ]
        put(store, [*calls, *calls])

        names = ("path", "touches", "reads", "edits", "writes", "errors", "first_ms", "last_ms")
        assert column(ask(store, "files"), *names) == [
            ("/a", 3, 2, 1, 0, 1, T0_MS + 1, T0_MS + 9),
            ("/b", 2, 0, 0, 1, 0, T0_MS + 3, T0_MS + 4),
        ]
        assert column(ask(store, "files", session_id="session-a"), "path", "touches") == [("/b", 2), ("/a", 2)]
        assert column(ask(store, "files", trace_id=TRACE_A2), "path", "touches") == [("/a", 1)]
        assert column(ask(store, "files", since_ms=T0_MS + 4), "path", "touches") == [("/a", 1), ("/b", 1)]
        assert column(ask(store, "files", limit=1), "path") == [("/a",)]

    def test_cost_of_model_calls(self, store: GraphStore) -> None:
        """Each model call counts once, for the agent that made it, unless it failed; an unknown price is not told."""
        turn = {"gen_ai.operation.name": "invoke_agent", "cc_otel.hook.event": "UserPromptSubmit"}
        request = {"gen_ai.operation.name": "chat"}
        chat = request | {"gen_ai.response.model": "m"}
        paid = chat | {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2, "cc_otel.cost_usd": 0.5}
        calls = [
            span(2, "chat m", parent=1, start_ms=1, attributes=paid),
            span(3, "chat m", parent=1, start_ms=2, attributes=paid),
            span(4, "chat m", parent=9, start_ms=3, attributes=chat),
            span(5, "chat", parent=1, start_ms=4, error="overloaded_error", attributes=request),
        ]
        put(store, [span(1, "invoke_agent claude-code", end_ms=900, attributes=turn), *calls, *calls])

        first, second = ask(store, "cost")
        assert (first["agent"], first["calls"], first["input_tokens"], first["output_tokens"], first["cost_usd"]) == (
            "invoke_agent claude-code", 2, 20, 4, 1.0,
        )  # fmt: skip
        assert (second["agent"], second["calls"], second["input_tokens"], second["cost_usd"]) == (None, 1, 0, None)
        assert column((first, second), "unpriced_calls") == [(0,), (1,)]
        assert ask(store, "cost", session_id="another") == []
        assert len(ask(store, "cost", since_ms=T0_MS + 3)) == 1

    def test_sessions_by_when_they_were_active(self, store: GraphStore) -> None:
        """Sessions are found by when they were active last, from a time on and before one."""
        put(store, [span(1, session="a"), span(2, session="a", start_ms=5), span(3, session="b", start_ms=3)])
        windows = [{"since_ms": T0_MS + 4}, {"until_ms": T0_MS + 5}, {"since_ms": T0_MS + 3, "until_ms": T0_MS + 6}]

        for query in ("sessions", "session_ids"):
            found = [sorted(column(ask(store, query, **it), "session_id")) for it in windows]
            assert found == [[("a",)], [("b",)], [("a",), ("b",)]]

    def test_cost_by_project(self, store: GraphStore) -> None:
        """What a model call took is its agent's project's: the repository, else the folder it was started in."""
        chat: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat"}
        where = [{"cc_otel.vcs.repository": "github.com/a/b", "process.working_directory": "/b"}]
        where += [{"process.working_directory": "/c"}, {}]
        agents = [span(n, "invoke_agent x", start_ms=n, attributes={**it}) for n, it in enumerate(where, 1)]
        put(store, [*agents, *(span(n + 3, "chat m", parent=n, start_ms=n, attributes=chat) for n in (1, 2, 3))])

        assert column(ask(store, "cost"), "project") == [("github.com/a/b",), ("/c",), (None,)]

    @pytest.mark.parametrize(
        ("parameters", "numbers"),
        [
            ({}, [9, 10, 8, 7, 6, 5, 4, 3, 2, 1]),
            ({"limit": 3}, [9, 10, 8]),
            ({"limit": 0}, []),
            ({"session_id": "session-b"}, [9]),
            ({"session_id": "session-a", "trace_id": TRACE_A2}, [8, 7]),
            ({"session_id": "session-b", "trace_id": TRACE_A2}, []),
            ({"trace_id": TRACE_A1, "limit": 2}, [6, 5]),
            ({"trace_id": FOREIGN}, [10]),
            ({"name": "execute_tool Bash"}, [2]),
            ({"kind": "turn"}, [9, 7, 1]),
            ({"kind": "tool", "tool": "Read"}, [5]),
            ({"status": "ERROR"}, [2]),
            ({"status": "ERROR", "session_id": "session-b"}, []),
            ({"text": "PYTEST -Q"}, [2]),
            ({"text": "exit 1"}, [2]),
            ({"text": "[id]"}, [5]),
            ({"text": "%"}, []),
            ({"error": "exit_1"}, [2]),
            ({"error": "exit_2"}, []),
            ({"since_ms": T0_MS + 3_000}, [9, 10]),
            ({"until_ms": T0_MS + 200}, [2, 1]),
            ({"longer_ms": 280, "kind": "tool"}, [3]),
            ({"attribute": "gen_ai.tool.name", "value": "Read"}, [5]),
            ({"attribute": "cc_otel.summary", "trace_id": TRACE_A1}, [5, 2]),
            ({"attribute": 'no "such', "value": "x"}, []),
        ],
        ids=str,
    )
    def test_spans_by_what_they_say(
        self, store: GraphStore, parameters: dict[str, str | int | float], numbers: list[int]
    ) -> None:
        """Spans are found by what they say, all conditions together, the newest first."""
        put(store, two_sessions())

        assert column(ask(store, "spans", **parameters), "span_id") == [(span_id(n),) for n in numbers]

    def test_a_row_of_spans(self, store: GraphStore) -> None:
        """A found span comes with everything that a list of spans shows."""
        put(store, two_sessions())

        assert ask(store, "spans", tool="Bash") == [
            {
                "trace_id": TRACE_A1,
                "span_id": span_id(2),
                "parent_id": span_id(1),
                "kind": "tool",
                "name": "execute_tool Bash",
                "tool": "Bash",
                "label": "Ran pytest -q: exit 1",
                "summary": "Ran pytest -q: exit 1",
                "command": "pytest -q",
                "status": "ERROR",
                "error_type": "exit_1",
                "session_id": "session-a",
                "service": "claude-code",
                "start_ms": T0_MS + 100,
                "end_ms": T0_MS + 110,
                "duration_ms": 10,
            }
        ]

    def test_a_span_with_everything_it_says(self, store: GraphStore) -> None:
        """One span can be asked for whole, its times exact to the nanosecond."""
        put(store, two_sessions())

        assert ask(store, "span", trace_id=TRACE_B1, span_id=span_id(9)) == [
            {
                "trace_id": TRACE_B1,
                "span_id": span_id(9),
                "parent_id": None,
                "kind": "turn",
                "name": "invoke_agent claude-code",
                "tool": None,
                "label": "invoke_agent claude-code",
                "summary": None,
                "command": None,
                "status": "UNSET",
                "error_type": None,
                "session_id": "session-b",
                "service": "claude-code",
                "start_ms": T0_MS + 5_000,
                "end_ms": T0_MS + 5_100,
                "duration_ms": 100,
                "start_ns": str(T0_NS + 5_000_000_000),
                "end_ns": str(T0_NS + 5_100_000_000),
                "span_kind": "INTERNAL",
                "status_message": None,
                "scope": "cc_otel",
                "attributes": {
                    "session_id": "session-b",
                    "gen_ai_operation_name": "invoke_agent",
                    "cc_otel_hook_event": "UserPromptSubmit",
                },
                "resource": {"service_name": "claude-code"},
                "links": None,
                "events": None,
                "asked_by": None,
                "scope_version": None,
                "scope_attributes": None,
                "scope_schema_url": None,
                "resource_schema_url": None,
                "trace_state": None,
                "flags": None,
                "dropped": None,
            }
        ]

    def test_a_call_knows_which_model_call_asked_for_it(self, store: GraphStore) -> None:
        """The model call that a call was asked for by is found from the call; other links say nothing of that."""
        asked_for = [Link(TRACE_A1, span_id(number), {"cc_otel.link": "asked_for"}) for number in (2, 3)]
        other = Link(TRACE_A1, span_id(4), {"cc_otel.link": "previous_turn"})
        calls = [span(number, "execute_tool Bash") for number in (2, 3, 4)]
        put(store, [span(1, "chat m", links=(*asked_for, other)), *calls])

        asked_by = [ask(store, "span", trace_id=TRACE_A1, span_id=span_id(n))[0]["asked_by"] for n in (1, 2, 3, 4)]
        assert asked_by == [None, span_id(1), span_id(1), None]

    def test_asking_while_writing(self, store: GraphStore) -> None:
        """Rows that are being taken do not hold up a write, nor does a write disturb them."""
        put(store, two_sessions())
        rows = store.query(Query("spans"))
        first = next(rows)
        put(store, [span(11, start_ms=9_000)])

        assert column([first, *rows], "span_id") == [(span_id(n),) for n in (9, 10, 8, 7, 6, 5, 4, 3, 2, 1)]

    # The change feed

    def test_every_change_is_in_the_feed(self, store: GraphStore) -> None:
        """What was stored or changed since a cursor comes once it is asked for, as it is now, and not again."""
        empty = store.changes(START)
        put(store, [span(1), span(2)])
        rows, first = store.changes(START)
        put(store, [span(2, "renamed", end_ms=50), span(3)])
        changed, second = store.changes(first)
        put(store, [span(2, "renamed", end_ms=50)])

        assert list(empty[0]) == []
        assert sorted(column(rows, "span_id", "name")) == [(span_id(1), "work"), (span_id(2), "work")]
        assert sorted(column(changed, "span_id", "name")) == [(span_id(2), "renamed"), (span_id(3), "work")]
        assert list(store.changes(second)[0]) == []
        assert [list(row) for row in rows] == [list(CHANGE_COLUMNS)] * 2

    def test_the_feed_is_read_piece_by_piece(self, store: GraphStore) -> None:
        """However few rows are taken at a time, each comes once, and a cursor outlives what is pruned."""
        put(store, [span(number) for number in range(1, 8)], retention_days=1)
        seen: list[Json] = []
        cursor = START
        for _ in range(4):
            rows, cursor = store.changes(cursor, 2)
            seen += [row["span_id"] for row in rows]
        store.prune(NEVER_S)
        put(store, [span(9)])
        rows, _ = store.changes(cursor, 2)

        assert sorted(map(str, seen)) == [span_id(number) for number in range(1, 8)]
        assert column(rows, "span_id") == [(span_id(9),)]

    # Pruning

    def test_expiry_counts_from_when_a_span_was_stored(self, store: GraphStore) -> None:
        """A span whose times are 0, or of last month, or of the next, is kept as long as any other."""
        times = [0, T0_NS - 40 * DAY_S * 10**9, T0_NS + 40 * DAY_S * 10**9]
        put(store, [replace(span(n), start_ns=ns, end_ns=ns) for n, ns in enumerate(times, 1)], retention_days=30)
        early = store.prune(T0_S + 30 * DAY_S - 1)
        late = store.prune(T0_S + 30 * DAY_S)

        assert (early["spans"], late["spans"]) == (0, 3)

    def test_prune_may_go_step_by_step(self, store: GraphStore) -> None:
        """One step at a time it removes the same, and says when nothing is left to remove."""
        put(store, [span(1), *(span(number, parent=1) for number in range(2, 61))], retention_days=1)
        expected = store.prune(NEVER_S, dry_run=True)
        removed: Counter[str] = Counter()
        while (step := Counter(store.prune(NEVER_S, steps=1))).total():
            removed.update(step)

        assert expected["spans"] == 60
        assert dict(+removed) == {name: count for name, count in expected.items() if count}

    def test_prune_removes_what_has_expired(self, store: GraphStore) -> None:
        """A document is removed once its time has come, a dry run only counts, and both count the same."""
        put(store, [turn(1), tool(2, "Read", '{"file_path": "/old"}', parent=1)], retention_days=1)
        put(store, [turn(3, trace_id=TRACE_A2, session="session-b")], retention_days=2)
        expected = self.stored(
            {
                "spans": 2,
                "sessions": 1,
                "files": 1,
                "tools": 1,
                "parent_of": 1,
                "part_of": 2,
                "touched": 1,
                "used": 1,
            }
        )
        dry = store.prune(T0_S + DAY_S, dry_run=True)
        spans_after_dry = len(ask(store, "spans"))
        wet = store.prune(T0_S + DAY_S)

        assert (dict(+Counter(dry)), spans_after_dry, dict(+Counter(wet))) == (expected, 3, expected)
        assert column(ask(store, "spans"), "span_id") == [(span_id(3),)]
        assert column(ask(store, "sessions"), "session_id") == [("session-b",)]

    def test_prune_at_the_last_second_before(self, store: GraphStore) -> None:
        """Nothing is removed before its time."""
        put(store, [turn(1)], retention_days=1)
        counts = store.prune(T0_S + DAY_S - 1)

        assert (sum(counts.values()), len(ask(store, "spans"))) == (0, 1)

    def test_prune_takes_the_edges_of_a_removed_vertex(self, store: GraphStore) -> None:
        """An edge goes with either of its ends, though its own time has not come."""
        put(store, [turn(1)], retention_days=1)
        put(store, [tool(2, "Bash", parent=1)], retention_days=1, after_s=100)
        counts = store.prune(T0_S + DAY_S + 50)

        assert dict(+Counter(counts)) == self.stored(
            {
                "spans": 1,
                "parent_of": 1,
                "part_of": 1,
            }
        )
        assert column(ask(store, "tree", trace_id=TRACE_A1), "span_id", "depth") == [(span_id(2), 0)]

    def test_a_session_is_forgotten_with_what_it_alone_made(self, store: GraphStore) -> None:
        """Nothing of it is left, nothing of another session goes, and a dry run counts the same."""
        shared, own = '{"file_path": "/shared"}', '{"file_path": "/own"}'
        other = [
            turn(7, session="session-b", trace_id=TRACE_B1),
            tool(8, "Read", shared, session="session-b", trace_id=TRACE_B1),
        ]
        mine = [turn(1), tool(2, "Read", shared, parent=1), tool(3, "Edit", own, parent=1)]
        put(store, [*mine, *other], retention_days=1)
        dry = store.forget(["session-a", "nobody"], dry_run=True)
        before = len(ask(store, "spans"))
        wet = store.forget(["session-a", "nobody"])
        left = self.counts(store)
        put(store, mine, retention_days=1)
        store.forget(["session-a"])

        assert (dict(+Counter(dry)), before) == (dict(+Counter(wet)), 5)
        assert (wet["spans"], wet["sessions"], wet["files"], wet["tools"], wet["touched"]) == (3, 1, 1, 1, 2)
        assert column(ask(store, "files"), "path") == [("/shared",)]
        assert column(ask(store, "sessions"), "session_id") == [("session-b",)]
        assert self.counts(store) == left

    def test_what_spans_share_lives_as_long_as_the_last(self, store: GraphStore) -> None:
        """A session outlives its early spans, in whatever order its spans came."""
        put(store, [span(1)], retention_days=1, after_s=100)
        put(store, [span(2)], retention_days=1)
        store.prune(T0_S + DAY_S + 50)

        assert column(ask(store, "sessions"), "session_id", "spans") == [("session-a", 1)]

    def test_without_a_retention_nothing_expires(self, store: GraphStore) -> None:
        """With a retention of 0 days everything is kept."""
        put(store, two_sessions(), retention_days=0)
        counts = store.prune(NEVER_S)

        assert (sum(counts.values()), len(ask(store, "spans"))) == (0, 10)

    @classmethod
    def stored(cls, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the counts of what the store keeps as documents of its own."""
        return {name: number for name, number in counts.items() if name not in cls.views}

    @classmethod
    def edges(cls, store: GraphStore) -> dict[str, int]:
        """Count the edges that the store holds and that expire."""
        return {name: number for name, number in cls.counts(store).items() if model.COLLECTIONS[name].holds_edges}

    @staticmethod
    def counts(store: GraphStore) -> Mapping[str, int]:
        """Count what the store holds that has an end."""
        return {name: number for name, number in store.prune(NEVER_S, dry_run=True).items() if number}
