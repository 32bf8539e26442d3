"""What a call costs: as LiteLLM's own calculator says, wherever all that changes the price is known."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent import prices
from cc_otel.agent.prices import Usage, cost_usd
from cc_otel.agent.prices_update import SOURCE, table_of

LITELLM: Final = importlib.util.find_spec("litellm")
TABLE: Final = json.loads(Path(prices.__file__).with_name(prices.TABLE).read_text())
MODELS: Final = sorted(model for group in TABLE["prices"] for model in group["models"])

PLAIN: Final = {"input_tokens": 1000, "output_tokens": 2000}
CACHED: Final = PLAIN | {"cache_read_input_tokens": 30_000, "cache_creation_input_tokens": 40_000}
LONG: Final = {name: 10 * count for name, count in CACHED.items()}
HOUR: Final = {"ephemeral_5m_input_tokens": 10_000, "ephemeral_1h_input_tokens": 30_000}

UNDERSTOOD: Final[dict[str, dict[str, Any]]] = {
    "plain": PLAIN,
    "cached": CACHED,
    "one hour": CACHED | {"cache_creation": HOUR},
    "at 100k": {"input_tokens": 100_000, "output_tokens": 10},
    "above 100k": {"input_tokens": 100_001, "output_tokens": 10},
    "at 200k": {"input_tokens": 1, "cache_read_input_tokens": 199_999, "output_tokens": 10},
    "above 200k": {"input_tokens": 2, "cache_read_input_tokens": 199_999, "output_tokens": 10},
    "long, one hour": LONG | {"cache_creation": {name: 10 * count for name, count in HOUR.items()}},
    "standard": CACHED | {"service_tier": "standard", "speed": "standard", "inference_geo": "global"},
    "no geography": CACHED | {"inference_geo": "not_available"},
    "unnamed geography": CACHED | {"inference_geo": ""},
    "fast": CACHED | {"speed": "fast"},
    "in the US": CACHED | {"inference_geo": "us"},
    "fast in the US": LONG | {"speed": "fast", "inference_geo": "us"},
    "searches": CACHED | {"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 2}},
    "fast searches": PLAIN | {"speed": "fast", "server_tool_use": {"web_search_requests": 1}},
    "compaction": PLAIN
    | {
        "iterations": [
            {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500, "cache_read_input_tokens": 7},
            {"type": "message", **PLAIN},
        ]
    },
}

NOT_UNDERSTOOD: Final[dict[str, dict[str, Any]]] = {
    "speed": {"speed": "ludicrous"},
    "speed of a wrong type": {"speed": ["fast"]},
    "geography": {"inference_geo": "mars"},
    "geography of a wrong type": {"inference_geo": 1},
    "service tier": {"service_tier": "priority"},
    "batch": {"service_tier": "batch"},
    "iteration": {"iterations": [{"type": "dream", "input_tokens": 1}]},
    "iteration of a wrong type": {"iterations": ["message"]},
    "cache lifetime": {"cache_creation": {"ephemeral_24h_input_tokens": 5}},
    "server tool": {"server_tool_use": {"code_execution_requests": 1}},
    "credit": {"fallback_credit": {"input_tokens": 5}},
}


@pytest.fixture(scope="module")
def litellm() -> Iterator[Any]:
    """LiteLLM, with the table that it brings along."""
    pytest.importorskip("litellm", reason="the calculator that prices are held to")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm  # noqa: PLC0415 - it takes seconds, and the variable decides what it reads

        yield litellm


def by_litellm(litellm: Any, model: str, usage: dict[str, Any]) -> float:
    """Let LiteLLM's calculator say what a response with this usage costs."""
    from litellm.llms.anthropic.chat.transformation import AnthropicConfig  # noqa: PLC0415

    response = litellm.ModelResponse(model=model)
    response.usage = AnthropicConfig().calculate_usage(usage, reasoning_content=None)
    provider = litellm.model_cost[model]["litellm_provider"]
    name = {"vertex_ai-anthropic_models": "vertex_ai"}.get(provider, provider)
    return float(litellm.completion_cost(response, model=model, custom_llm_provider=name, call_type="completion"))


@pytest.mark.parametrize("usage", [pytest.param(usage, id=name) for name, usage in UNDERSTOOD.items()])
def test_every_model_costs_what_litellm_says(litellm: Any, usage: dict[str, Any]) -> None:
    """For each model of the table and each kind of usage, the price is LiteLLM's, or none where it knows no factor."""
    wrong = {}
    for model in MODELS:
        entry = litellm.model_cost[model]
        factors = entry.get("provider_specific_entry") or {}
        own = entry["litellm_provider"] == "anthropic" and entry.get("search_context_cost_per_query")
        searches = usage.get("server_tool_use") and not own
        unknown = [name for name in (usage.get("speed"), usage.get("inference_geo")) if name in {"fast", "us"}]
        is_told = not searches and all(name in factors for name in unknown)
        expected = by_litellm(litellm, model, usage) if is_told else None
        found = cost_usd(model, Usage.of(usage))
        if found != (None if expected is None else pytest.approx(expected, abs=1e-9, rel=1e-9)):
            wrong[model] = (found, expected)

    assert wrong == {}


@pytest.mark.skipif(LITELLM is None, reason="needs LiteLLM's table")
def test_the_table_is_what_the_installed_litellm_makes_of_it() -> None:
    """The package's table is made by `prices_update` from the version of LiteLLM that it names."""
    assert LITELLM
    assert LITELLM.origin
    table = json.loads(Path(LITELLM.origin).with_name(SOURCE).read_bytes())

    assert table_of(table, TABLE["source"], TABLE["taken"]) == TABLE


@pytest.mark.parametrize("usage", [pytest.param(usage, id=name) for name, usage in NOT_UNDERSTOOD.items()])
def test_what_is_not_understood_has_no_price(usage: dict[str, Any]) -> None:
    """A usage that says something unknown of what changes a price has none, whichever model it is of."""
    costs = {cost_usd(model, Usage.of(PLAIN | usage)) for model in MODELS}

    assert costs == {None}


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("claude-opus-5-5", 0.024),
        ("claude-opus-5-5[1m]", 0.024),
        ("claude-opus-5-5-20261001", None),
        ("us.anthropic.claude-opus-4-6-v1", 0.033),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", 0.018),
        ("claude-sonnet-4-5@20250929", 0.018),
        ("anthropic/claude-sonnet-4-5", 0.018),
        ("bedrock/us.anthropic.claude-opus-4-6-v1", 0.033),
        ("vertex_ai/claude-opus-5-5", 0.024),
        ("claude-sonnet-4-20250514", None),
        ("claude-of-tomorrow", None),
        ("", None),
    ],
)
def test_a_model_is_known_by_its_names(model: str, cost: float | None) -> None:
    """Names of Bedrock, of Vertex AI and with the client's mark for a larger context have a price, others none."""
    assert cost_usd(model, Usage(input=1000, output=1000)) == cost


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
KEYS: Final = [
    *("input_tokens", "output_tokens", "cache_creation", "server_tool_use", "service_tier", "inference_geo"),
    *("iterations", "speed", "fallback_credit", "output_tokens_details", "cache_creation_input_tokens"),
]


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_usage_of_any_shape_is_read(usage: dict[str, Any]) -> None:
    """Whatever a usage holds, reading it never raises, and a cost is never below nothing."""
    cost = cost_usd("claude-opus-5-5", Usage.of(usage))

    assert cost is None or cost >= 0
