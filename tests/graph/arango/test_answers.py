"""SQLite and ArangoDB answer alike: the two forms of every named query, on the same graphs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_otel.graph.arango.store import ArangoStore
from cc_otel.graph.mapping import mapping
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import GraphStore, Json, Query
from cc_otel.span import AttributeValue, Span
from tests.graph.arango.standin.server import StandIn, running
from tests.graph.made import T0_NS, TRACE_A1, TRACE_A2, TRACE_B1, span, span_id

EXAMPLES = 25
NUMBERS = range(1, 13)
TRACES = (TRACE_A1, TRACE_A2)
SESSIONS = ("session-a", "session-b", None)
WORDS = ("Ran pytest", "ran PYTEST", "", "50% [done]", "naïve 漢字")
KINDS: dict[str, dict[str, AttributeValue]] = {
    "invoke_agent claude-code": {
        "gen_ai.operation.name": "invoke_agent",
        "cc_otel.hook.event": "UserPromptSubmit",
    },
    "execute_tool Bash": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Bash",
        "gen_ai.tool.call.arguments": '{"command": "pytest -q"}',
    },
    "hook Stop": {"cc_otel.hook.event": "Stop"},
    "chat one": {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": "one",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 7,
        "cc_otel.cost_usd": 0.25,
    },
    "chat two": {"gen_ai.operation.name": "chat", "gen_ai.response.model": "two"},
    "GET /": {"list": [1, None, {"deep": True}]},
}

POOL: Mapping[str, Sequence[str | int | None]] = {
    "trace_id": (*TRACES, TRACE_B1),
    "span_id": tuple(map(span_id, range(15))),
    "session_id": ("session-a", "unknown"),
    "limit": (0, 1, 5),
    "since_ms": (T0_NS // 1_000_000 + 2,),
    "until_ms": (T0_NS // 1_000_000 + 2,),
    "prefix": ("", "session", "session-b", "x"),
    "kind": ("tool",),
    "tool": ("Bash",),
    "name": ("hook Stop",),
    # Each store ranks by its own statistics: contract_search.py has what is found.
    "words": ("absent",),
    "text": ("pytest", "PYTEST -Q", "%", "", "absent"),
}
"""What is asked for, by the name of a parameter; of others a text, or the choices that they have."""

TOGETHER = (("session_id", "trace_id", "kind", "limit"),)
"""Parameters that are asked for together, where a query takes them all."""


def questions(name: str) -> Iterator[Mapping[str, str | int | None]]:
    """Return what is asked of a query: everything, each parameter alone, and some together."""
    taken = {it.name: it for it in catalogue.named(name).parameters}
    pool = {it: POOL.get(it) or told.choices or (("text", 1)[told.type != "text"],) for it, told in taken.items()}
    needed = {it for it, told in taken.items() if told.required}
    together = [them for them in TOGETHER if {*them} <= {*taken}]
    for names in sorted({tuple(sorted({*asked, *needed})) for asked in ((), *((it,) for it in taken), *together)}):
        yield from (dict(zip(names, values, strict=True)) for values in product(*(pool[it] for it in names)))


QUERIES = {name: list(questions(name)) for name in catalogue.names()}


@st.composite
def graphs(draw: st.DrawFn) -> list[Span]:
    """Draw spans that may lack parents, go in circles, begin together, belong to no session."""
    numbers = draw(st.lists(st.sampled_from(NUMBERS), unique=True, max_size=len(NUMBERS)))
    return [
        span(
            number,
            name := draw(st.sampled_from(sorted(KINDS))),
            trace_id=draw(st.sampled_from(TRACES)),
            parent=draw(st.none() | st.sampled_from(NUMBERS)),
            start_ms=draw(st.integers(0, 3)),
            end_ms=draw(st.integers(3, 5)),
            session=draw(st.sampled_from(SESSIONS)),
            error=draw(st.sampled_from(("", "", "exit_1"))),
            attributes={**KINDS[name], "cc_otel.summary": draw(st.sampled_from(WORDS))},
        )
        for number in numbers
    ]


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """Return a stand-in for many databases."""
    with running(StandIn()) as standin:
        yield standin


_database_numbers = count()


@settings(max_examples=EXAMPLES, deadline=None)
@given(spans=graphs())
def test_both_stores_answer_alike(standin: StandIn, spans: list[Span]) -> None:
    """Whatever the graph, the rows of every named query are the same in both, in the same order."""
    with TemporaryDirectory() as directory:
        sqlite = SqliteStore(Path(directory) / "graph.db")
        arango = ArangoStore(standin.url + f"_{next(_database_numbers)}", standin.password)
        answers = [answers_of(store, spans) for store in (sqlite, arango)]

    assert answers[0] == answers[1]


def answers_of(store: GraphStore, spans: list[Span]) -> dict[str, list[dict[str, Json]]]:
    """Write the spans and ask everything; close the store."""
    store.prepare()
    store.write(mapping.of(spans))
    answers = {
        f"{name} {parameters}": list(store.query(Query(name, parameters)))
        for name, asked in QUERIES.items()
        for parameters in asked
    }
    store.close()
    return answers


def test_every_query_has_both_forms() -> None:
    """No query is answered by one store alone."""
    assert catalogue.names("sql") == catalogue.names("aql")


@pytest.mark.parametrize("name", catalogue.names("aql"))
def test_both_forms_take_the_same_parameters(name: str) -> None:
    """A query is asked the same way of either store."""
    assert catalogue.parameters(name, "sql") == catalogue.parameters(name, "aql")
