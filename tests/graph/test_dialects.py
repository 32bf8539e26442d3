"""What other producers call things: fixtures made by their libraries, and names that are known from their sources."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.mapping.reading import read
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.otlp.decode import decode
from cc_otel.span import AttributeValue, Span
from tests.graph.contract import ask, column
from tests.graph.made import span

FIXTURES: Final = Path(__file__).parent / "dialects"
NATIVE: Final = "com.anthropic.claude_code.tracing"


def spans_of(name: str) -> tuple[Span, ...]:
    """Return the spans that a library sent."""
    return decode((FIXTURES / f"{name}.pb").read_bytes()).spans


@pytest.mark.parametrize(
    ("name", "session_id", "cost_usd"),
    [("openinference", "oi-session", None), ("traceloop", "tl-session", None), ("logfire", None, 0.00065)],
)
def test_a_producer_is_understood(tmp_path: Path, name: str, session_id: str | None, cost_usd: float | None) -> None:
    """Of any producer's agent the graph knows calls, tokens, tool, file and session, each call once."""
    store = SqliteStore(tmp_path / "graph.db")
    spans = spans_of(name)
    session_id = session_id or str(spans[1].attributes.get("gen_ai.conversation.id"))
    store.write(mapping.of(spans))
    costs = ask(store, "cost")
    tools = column(ask(store, "spans", kind="tool"), "tool", "session_id")
    files = column(ask(store, "files"), "path", "touches")
    agents = ask(store, "spans", kind="subagent") + ask(store, "spans", kind="turn")
    store.close()

    assert [sum(float(str(row[what])) for row in costs) for what in ("calls", "output_tokens")] == [2, 30]
    assert sum(float(str(row["input_tokens"])) for row in costs) == 240
    assert sum(float(str(row["cost_usd"] or 0)) for row in costs) == pytest.approx(cost_usd or 0)
    assert tools == [("read_file", session_id)]
    assert files == [("/src/app.py", 1)]
    assert agents != []


def native(number: int, kind: str, parent: int | None = None, **attributes: AttributeValue) -> Span:
    """Make a span of Claude Code's own tracing."""
    made = span(number, f"claude_code.{kind}", parent=parent, attributes={"span.type": kind, **attributes})
    return Span(**{name: getattr(made, name) for name in Span.__dataclass_fields__} | {"scope_name": NATIVE})


def own_call(number: int) -> Span:
    """Make a model call as the agent sends it."""
    usage: Mapping[str, AttributeValue] = {"gen_ai.usage.input_tokens": 130, "gen_ai.usage.output_tokens": 7}
    answer = {"gen_ai.operation.name": "chat", "gen_ai.response.id": "msg_1", "gen_ai.response.model": "m"}
    return span(number, "chat m", trace_id="c" * 32, attributes={**answer, **usage, "cc_otel.cost_usd": 0.5})


NATIVE_CALL: Final[dict[str, AttributeValue]] = {
    "model": "m",
    "input_tokens": 10,
    "output_tokens": 7,
    "cache_read_tokens": 100,
    "cache_creation_tokens": 20,
    "gen_ai.response.id": "msg_1",
}


def test_claude_codes_own_tracing_is_understood() -> None:
    """Its interactions are turns, its requests model calls whose input holds the cached tokens, its tools tools."""
    request = read(native(2, "llm_request", 1, **NATIVE_CALL))
    tool = read(native(3, "tool", 1, tool_name="Edit", file_path="/src/app.py"))

    assert read(native(1, "interaction")).kind == "turn"
    assert (request.kind, request.usage["input_tokens"], request.usage["cache_write_tokens"]) == ("chat", 130, 20)
    assert (tool.kind, tool.tool, tool.path, tool.operation) == ("tool", "Edit", "/src/app.py", "edit")


@pytest.mark.parametrize("order", [1, -1])
def test_a_call_that_is_observed_twice_counts_once(tmp_path: Path, order: int) -> None:
    """What both Claude Code's own tracing and cc_otel report is counted as cc_otel has it; alone it counts too."""
    store = SqliteStore(tmp_path / "graph.db")
    theirs = [native(1, "interaction"), native(2, "llm_request", 1, **NATIVE_CALL), native(3, "tool", 1)]
    store.write(mapping.of(theirs))
    alone = column(ask(store, "cost"), "calls", "input_tokens", "cost_usd")
    counted_alone = column(ask(store, "sessions"), "turns", "tools", "model_calls")
    store.write(mapping.of([own_call(9), *theirs][::order]))
    both = column(ask(store, "cost"), "calls", "input_tokens", "cost_usd")
    counted = column(ask(store, "sessions"), "turns", "tools", "model_calls", "cost_usd")
    store.close()

    assert (alone, counted_alone) == ([(1, 130, None)], [(1, 1, 1)])
    assert (both, counted) == ([(1, 130, 0.5)], [(0, 0, 1, 0.5)])


@pytest.mark.parametrize(
    ("attributes", "usage"),
    [
        ({"gen_ai.usage.prompt_tokens": 3, "gen_ai.usage.completion_tokens": 2}, {"input": 3, "output": 2}),
        ({"gen_ai.usage.cache_write.input_tokens": 5}, {"cache_write": 5}),
        ({"gen_ai.usage.cache_creation.input_tokens": 5}, {"cache_write": 5}),
        ({"gen_ai.usage.input_tokens": "many", "gen_ai.usage.output_tokens": True}, {}),
        ({"gen_ai.usage.input_tokens": float("nan")}, {}),
    ],
    ids=str,
)
def test_older_names_of_the_conventions(attributes: dict[str, AttributeValue], usage: dict[str, int]) -> None:
    """Names that the conventions had earlier are read as today's; what is no number is no count."""
    made = span(1, "chat", attributes={"gen_ai.operation.name": "chat", **attributes})

    assert dict(read(made).usage) == {f"{name}_tokens": count for name, count in usage.items()}
