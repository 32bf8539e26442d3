"""Questions about how agents and people worked, on both stores, with answers counted by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import Edge, GraphStore
from cc_otel.span import AttributeValue, Link, Span
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.contract import T0_MS, ask, column, put
from tests.graph.made import TRACE_A1, TRACE_B1, span, span_id, turn


@pytest.fixture(params=["sqlite", "arangodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """Return an empty store of each kind."""
    if request.param == "sqlite":
        file = SqliteStore(tmp_path / "graph.db")
        file.prepare()
        yield file
        file.close()
        return
    with running(StandIn()) as standin:
        server = ArangoStore(standin.url, standin.password)
        server.prepare()
        yield server
        server.close()


def call(number: int, tool: str, start_ms: int, *, session: str = "session-a", **facts: AttributeValue) -> Span:
    """Return a call with facts, whose names have underscores for dots after ``cc_otel.``."""
    named = {f"cc_otel.{name.replace('__', '.')}": value for name, value in facts.items()}
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, **named}
    trace_id = TRACE_A1 if session == "session-a" else TRACE_B1
    error = "denied" if facts.get("tool__outcome") == "denied" else ""
    return span(
        number,
        f"execute_tool {tool}",
        start_ms=start_ms,
        session=session,
        attributes=attributes,
        trace_id=trace_id,
        error=error,
    )


def follows(first: int, then: int) -> Edge:
    """Return the edge that says that one call of `TRACE_A1` came after the other."""
    source, target = (f"spans/{TRACE_A1}-{span_id(number)}" for number in (first, then))
    return Edge("follows", source.removeprefix("spans/"), source, target, {"label": "f", "session_id": "session-a"})


def test_what_people_were_asked_to_permit(store: GraphStore) -> None:
    """Tools and programs by the time that was waited for; a denial that was asked for again at once is counted."""
    shell = {"command__program": "git", "command__class": "vcs"}
    put(
        store,
        [
            call(1, "Bash", 0, tool__wait_ms=100.0, tool__outcome="ok", **shell),
            call(2, "Bash", 10, tool__wait_ms=300.0, tool__outcome="denied", **shell),
            call(3, "Bash", 20, tool__wait_ms=50.0, tool__outcome="failed", **shell),
            call(4, "Write", 30, tool__outcome="denied"),
            call(5, "Read", 40, tool__outcome="ok"),
        ],
    )
    store.replace_derived("session-a", [follows(2, 3), follows(4, 5)])

    assert column(
        ask(store, "permissions"), "tool", "program", "calls", "asked", "granted", "denied", "denied_again", "wait_ms"
    ) == [("Bash", "git", 3, 3, 2, 1, 1, 450), ("Write", None, 1, 0, 0, 1, 0, 0)]
    assert column(ask(store, "permissions", session_id="session-a", since_ms=T0_MS + 25), "tool") == [("Write",)]
    assert ask(store, "permissions", session_id="session-b") == []


def chat(number: int, start_ms: int, tokens: int, agent: str = "") -> Span:
    """Return a model call with that many tokens in its context."""
    attributes: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": tokens}
    if agent:
        attributes["cc_otel.agent.id"] = agent
    return span(number, "chat m", start_ms=start_ms, attributes=attributes)


def test_what_was_in_the_context(store: GraphStore) -> None:
    """Each model call by its size, its growth since the same agent's last, the calls between, and compactions."""
    compact: dict[str, AttributeValue] = {"cc_otel.hook.event": "PreCompact"}
    put(
        store,
        [
            chat(1, 0, 100),
            call(2, "Read", 20),
            call(3, "Bash", 40),
            chat(4, 60, 900),
            chat(5, 70, 50, agent="a1"),
            span(6, "compact", start_ms=80, attributes=compact),
            chat(7, 100, 200),
        ],
    )

    assert column(
        ask(store, "context", session_id="session-a"),
        "span_id",
        "agent_id",
        "context_tokens",
        "grew_tokens",
        "calls",
        "last_call",
        "compacted",
    ) == [
        (span_id(1), None, 100, None, 0, None, 0),
        (span_id(4), None, 900, 800, 2, "execute_tool Bash", 0),
        (span_id(5), "a1", 50, None, 0, None, 0),
        (span_id(7), None, 200, -700, 0, None, 1),
    ]
    assert len(ask(store, "context", session_id="session-a", limit=2)) == 2


def edit(number: int, path: str, start_ms: int, session: str = "session-a", op: str = "edit") -> Span:
    """Return a call that changed a file."""
    files = json.dumps([{"path": path, "op": op, "lines_added": 2}])
    return call(number, "Edit", start_ms, session=session, files=files, tool__outcome="ok")


def test_edits_that_nothing_checked(store: GraphStore) -> None:
    """A success of a test, build or lint checks what was edited before it; a failure or an unknown outcome does not."""
    put(
        store,
        [
            edit(1, "/a", 0),
            call(2, "Bash", 20, command__class="test", tool__outcome="ok"),
            edit(3, "/b", 40),
            call(4, "Bash", 60, command__class="test", tool__outcome="failed"),
            call(5, "Bash", 80, command__class="build", tool__outcome="unknown"),
            call(6, "Bash", 90, command__class="search", tool__outcome="ok"),
            edit(7, "/c", 100, op="read"),
            edit(8, "/d", 5, "session-b"),
        ],
    )

    assert column(ask(store, "unchecked"), "path", "session_id", "op", "lines_added") == [
        ("/b", "session-a", "edit", 2),
        ("/d", "session-b", "edit", 2),
    ]
    assert column(ask(store, "unchecked", session_id="session-b"), "path") == [("/d",)]
    assert column(ask(store, "unchecked", until_ms=T0_MS + 10), "path") == [("/d",)]


def test_sessions_that_wrote_the_same_file_at_once(store: GraphStore) -> None:
    """Both wrote it while the other was going on; one that was over before is no pair."""
    put(
        store,
        [
            edit(1, "/a", 0),
            edit(2, "/a", 100),
            edit(3, "/b", 110),
            edit(4, "/a", 50, "session-b"),
            edit(5, "/a", 900, "session-c"),
            edit(6, "/b", 60, "session-b", op="read"),
        ],
    )

    assert column(
        ask(store, "together"),
        "path",
        "session_id",
        "other_session_id",
        "writes",
        "other_writes",
        "first_ms",
        "last_ms",
    ) == [("/a", "session-a", "session-b", 2, 1, T0_MS, T0_MS + 100)]
    assert ask(store, "together", since_ms=T0_MS + 60) == []


def test_what_follows_what(store: GraphStore) -> None:
    """How often one kind of call came after another, and after a failure."""
    put(
        store,
        [
            call(1, "Edit", 0),
            call(2, "Bash", 10, command__class="test", tool__outcome="denied"),
            call(3, "Edit", 20),
            call(4, "Bash", 30, command__class="test"),
        ],
    )
    store.replace_derived("session-a", [follows(1, 2), follows(2, 3), follows(3, 4)])

    assert column(
        ask(store, "transitions"), "tool", "class", "next_tool", "next_class", "times", "after_failure", "sessions"
    ) == [("Edit", None, "Bash", "test", 2, 0, 1), ("Bash", "test", "Edit", None, 1, 1, 1)]
    assert ask(store, "transitions", session_id="session-b") == []


def test_what_tools_were_used(store: GraphStore) -> None:
    """Calls by tool and class with their outcomes, times without waits, and the cost of what asked for them, shared."""
    asked = tuple(Link(TRACE_A1, span_id(number), {"cc_otel.link": "asked_for"}) for number in (2, 3))
    asking: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "cc_otel.cost_usd": 0.4}
    put(
        store,
        [
            span(1, "chat m", attributes=asking, links=asked),
            call(2, "Bash", 10, command__class="test", tool__outcome="failed", tool__wait_ms=4.0),
            call(3, "Bash", 30, command__class="test", tool__outcome="ok"),
            call(4, "Read", 50, session="session-b"),
            call(5, "Read", 60, tool__outcome="refused"),
        ],
    )

    assert column(
        ask(store, "tools"),
        "tool",
        "class",
        "calls",
        "ok",
        "failed",
        "refused",
        "other",
        "sessions",
        "mean_ms",
        "wait_ms",
    ) == [("Bash", "test", 2, 1, 1, 0, 0, 1, 8, 4), ("Read", None, 2, 0, 0, 1, 1, 2, 10, 0)]
    assert column(ask(store, "tools"), "cost_usd") == [(0.4,), (None,)]
    assert column(ask(store, "tools", session_id="session-b"), "tool", "calls") == [("Read", 1)]


def test_what_models_were_asked(store: GraphStore) -> None:
    """Answers and failures by model, with tokens and what is known of the cost."""
    used: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m"}
    put(
        store,
        [
            span(1, "chat m", attributes={**used, "gen_ai.usage.input_tokens": 10, "cc_otel.cost_usd": 0.5}),
            span(2, "chat m", attributes={**used, "gen_ai.usage.input_tokens": 5}, session="session-b"),
            span(3, "chat", attributes={"gen_ai.operation.name": "chat"}, error="overloaded_error"),
        ],
    )

    assert column(
        ask(store, "models"),
        "model",
        "calls",
        "failed",
        "sessions",
        "mean_ms",
        "input_tokens",
        "cost_usd",
        "unpriced_calls",
    ) == [("m", 2, 0, 2, 10, 15, 0.5, 1), (None, 0, 1, 1, None, 0, None, 0)]


def test_which_sessions_go_on_with_which(store: GraphStore) -> None:
    """A session that resumed another's, once, with the first prompts of both."""
    link = (Link(TRACE_A1, span_id(1), {"cc_otel.link": "resumed_from"}),)
    put(
        store,
        [
            turn(1),
            turn(2, session="session-b", trace_id=TRACE_B1, start_ms=5, links=link),
            turn(3, session="session-b", trace_id=TRACE_B1, start_ms=9, links=link),
            turn(4, start_ms=20, links=link),
        ],
    )

    assert column(ask(store, "lineage"), "session_id", "how", "from_session_id", "start_ms", "prompt") == [
        ("session-b", "resumed_from", "session-a", T0_MS + 5, ask(store, "lineage")[0]["from_prompt"])
    ]
    assert len(ask(store, "lineage", session_id="session-a")) == 1
    assert ask(store, "lineage", session_id="session-c") == []


def test_what_derived_edges_are_made_of(store: GraphStore) -> None:
    """The calls of a session in their order, and the sessions that go on with it or that it goes on with."""
    link = (Link(TRACE_A1, span_id(1), {"cc_otel.link": "resumed_from"}),)
    put(
        store,
        [
            turn(1),
            call(2, "Bash", 9, tool__outcome="failed", error__key="e" * 16),
            call(3, "Read", 3, files='[{"path": "/a"}]'),
            turn(4, session="session-b", trace_id=TRACE_B1, start_ms=5, links=link),
        ],
    )

    assert column(ask(store, "calls", session_id="session-a"), "span_id", "tool", "outcome", "error_key", "files") == [
        (span_id(3), "Read", None, None, '[{"path": "/a"}]'),
        (span_id(2), "Bash", "failed", "e" * 16, None),
    ]
    assert ask(store, "session_links", session_id="session-a") == [{"session_id": "session-b", "later": 1}]
    assert ask(store, "session_links", session_id="session-b") == [{"session_id": "session-a", "later": 0}]


def test_why_two_calls_belong_together(store: GraphStore) -> None:
    """An edge by its key, or all edges at a span, with the labels of both calls."""
    put(store, [call(1, "Bash", 0, tool__outcome="failed"), call(2, "Edit", 5), call(3, "Bash", 9, tool__outcome="ok")])
    source, target = (f"spans/{TRACE_A1}-{span_id(number)}" for number in (1, 3))
    fixed = {"label": "resolved by", "session_id": "session-a", "rule": "covering_command", "level": "exact"}
    key = f"{TRACE_A1}-{span_id(1)}.r"
    store.replace_derived("session-a", [follows(1, 2), Edge("resolved_by", key, source, target, fixed)])

    assert column(
        ask(store, "explain", edge=key), "kind", "rule", "level", "source_outcome", "target", "target_id"
    ) == [("resolved_by", "covering_command", "exact", "failed", "execute_tool Bash", f"{TRACE_A1}-{span_id(3)}")]
    assert column(ask(store, "explain", edge=f"{TRACE_A1}-{span_id(1)}"), "kind") == [("follows",), ("resolved_by",)]
    assert ask(store, "explain", edge="nothing") == []
