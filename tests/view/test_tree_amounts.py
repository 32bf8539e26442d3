"""What turns and agents took in sum."""

from pathlib import Path

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.span import AttributeValue, Span
from cc_otel.view.tree_amounts import Amounts, amounts_of, cost_rows
from cc_otel.view.trees import forest, spans_of
from tests.graph.made import SUBAGENT, TRACE_A1, span, tool, turn
from tests.view.made import tree_span


def chat(number: int, parent: int, cost_usd: float | None) -> Span:
    """Make a model call of ten tokens in and one out."""
    price: dict[str, AttributeValue] = {} if cost_usd is None else {"cc_otel.cost_usd": cost_usd}
    took: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 1,
    }
    return span(number, "chat m", parent=parent, start_ms=number, attributes=took | price)


def test_a_turn_has_what_its_agents_took(tmp_path: Path) -> None:
    """A turn has all model calls below it, an agent its own; those without a price are counted."""
    store = SqliteStore(tmp_path / "graph.db")
    agent = span(4, "invoke_agent Explore", parent=3, attributes=SUBAGENT)
    spans = [turn(1), chat(2, 1, 0.5), tool(3, "Agent", parent=1), agent, chat(5, 4, 0.25), chat(6, 4, None)]
    store.write(mapping.of(spans))
    found = spans_of(store, TRACE_A1)
    amounts = {span_id[-1]: it for (_, span_id), it in amounts_of(forest(found), cost_rows(store, found)).items()}
    store.close()

    assert amounts["1"] == Amounts(30, 3, 0.75, 3, 1)
    assert amounts["3"] == amounts["4"] == Amounts(20, 2, 0.25, 2, 1)


def test_waits_are_summed() -> None:
    """A turn has waited as long as its calls together; of a wait that goes on, as long as it has so far."""
    spans = [
        *(tree_span(1, kind="turn"), tree_span(2, 1, wait_ms=100.0), tree_span(3, 1, open=True)),
        *(tree_span(4, 3, kind="hook", open=True, duration_ms=30.0), tree_span(5, 2, kind="hook", duration_ms=100.0)),
    ]

    assert amounts_of(forest(spans), [])["t", "s1"].wait_ms == 130.0


def test_a_deep_tree() -> None:
    """A tree of any depth is summed up."""
    spans = [tree_span(number, number - 1 if number else None, wait_ms=1.0) for number in range(3_000)]

    assert amounts_of(forest(spans), [])["t", "s0"].wait_ms == 3_000.0
