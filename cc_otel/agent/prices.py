"""
What a model call costs, by the table of prices that comes with the package (``prices.json``).

A price is only stated where everything that changes it is understood: an unknown model, speed, geography, service
tier, cache lifetime, server tool or kind of iteration means that the call has no cost. It counts as unpriced.
`prices_update` makes the table from an installed LiteLLM, whose calculator the tests hold this to.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import prod
from typing import Any, Final

from cc_otel.json_values import object_of, objects_of, text_in

TABLE: Final = "prices.json"

Prices = Mapping[str, Any]
"""A model's prices in US dollars, by LiteLLM's names; ``provider_specific_entry`` holds factors by speed and place."""

_PLAIN_SPEEDS: Final = frozenset({"standard", ""})
_PLAIN_TIERS: Final = frozenset({"standard", ""})
_PLAIN_PLACES: Final = frozenset({"global", "not_available", ""})
"""What a usage says of how a request was served where that changes no price."""

_LIFETIMES: Final = frozenset({"ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"})
_TOOLS: Final = ("web_search_requests", "web_fetch_requests", "tool_search_requests")
"""The server's tools. Fetches and tool searches cost nothing but their tokens."""

_COMPACTION: Final = "compaction"
_ITERATIONS: Final = ("message", "advisor_message", _COMPACTION)
_THRESHOLD: Final = re.compile(r"\Ainput_cost_per_token_above_(\d+)(k?)_tokens\Z")
_CONTEXT_SIZE: Final = re.compile(r"\[\d+[km]\]\Z")


@dataclass(frozen=True, slots=True)
class Usage:
    """
    What one call took, as the API counts it: ``input`` is without what was cached.

    ``factors`` names what multiplies the price (speed, geography); ``is_understood`` is whether all that changes it is
    known.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0
    reasoning: int = 0
    web_searches: int = 0
    factors: tuple[str, ...] = ()
    is_understood: bool = True

    @property
    def prompt(self) -> int:
        """Return the tokens of the whole prompt, cached ones included."""
        return self.input + self.cache_read + self.cache_write

    @classmethod
    def of(cls, usage: object) -> "Usage":
        """Read the ``usage`` of a response; what is no count is 0."""
        told = object_of(usage)
        # The totals leave out compactions (Messages API, usage.iterations), and the advisor's tokens: those are a call.
        parts = [told, *(it for it in objects_of(told.get("iterations")) if it.get("type") == _COMPACTION)]
        return cls(
            input=sum(_count(part.get("input_tokens")) for part in parts),
            output=sum(_count(part.get("output_tokens")) for part in parts),
            cache_read=sum(_count(part.get("cache_read_input_tokens")) for part in parts),
            cache_write=sum(_count(part.get("cache_creation_input_tokens")) for part in parts),
            cache_write_hour=sum(
                _count(object_of(part.get("cache_creation")).get("ephemeral_1h_input_tokens")) for part in parts
            ),
            reasoning=_count(object_of(told.get("output_tokens_details")).get("thinking_tokens")),
            web_searches=_count(object_of(told.get("server_tool_use")).get("web_search_requests")),
            factors=tuple(_factors(told)),
            is_understood=_is_understood(told),
        )


def cost_usd(model: str, usage: Usage) -> float | None:
    """Return the cost in US dollars, None where it is not known."""
    prices = prices_of(model)
    if prices is None or not usage.is_understood:
        return None
    multipliers: Mapping[str, float] = prices.get("provider_specific_entry", {})
    searches: Mapping[str, float] = prices.get("search_context_cost_per_query", {})
    search = searches.get("search_context_size_medium", 0.0)
    if not all(name in multipliers for name in usage.factors) or (usage.web_searches and not search):
        return None
    cost = _tokens_usd(prices, usage) * prod(multipliers[name] for name in usage.factors)
    return round(cost + usage.web_searches * search, 9)


def prices_of(model: str) -> Prices | None:
    """Return the prices of a model, by any name that a transcript may have for it; None where the table has none."""
    table = _table()
    # The client's own mark for a larger context, and what a relay puts in front of a name.
    name = _CONTEXT_SIZE.sub("", model)
    bare = name.removeprefix("anthropic/").removeprefix("bedrock/")
    # Vertex AI writes a version behind an @; the table keeps its names apart from Anthropic's own.
    return table.get(name) or table.get(bare) or (table.get(f"vertex_ai/{bare}") if "@" in bare else None)


def _tokens_usd(prices: Prices, usage: Usage) -> float:
    def price(name: str, otherwise: float) -> float:
        """Return the price of a kind of token for a prompt of this size: the highest tier that it exceeds."""
        found = prices.get(name, otherwise)
        for suffix in _tiers(prices, usage.prompt):
            found = prices.get(name + suffix, found)
        return float(found)

    token = price("input_cost_per_token", 0.0)
    write = price("cache_creation_input_token_cost", token)
    hour = min(usage.cache_write_hour, usage.cache_write)
    return (
        usage.input * token
        + usage.output * price("output_cost_per_token", 0.0)
        + usage.cache_read * price("cache_read_input_token_cost", token)
        + (usage.cache_write - hour) * write
        + hour * price("cache_creation_input_token_cost_above_1hr", write)
    )


def _tiers(prices: Prices, prompt_tokens: int) -> list[str]:
    """Return the suffixes of the tiers above whose size the prompt is, the smallest first."""
    found = (_THRESHOLD.match(name) for name in prices)
    sizes = ((int(match[1]) * (1000 if match[2] else 1), match[1] + match[2]) for match in found if match)
    return [f"_above_{size}_tokens" for tokens, size in sorted(sizes) if prompt_tokens > tokens]


def _factors(usage: Mapping[str, Any]) -> Iterator[str]:
    """Return the names of what multiplies the price: the speed where it is not the standard, the geography."""
    for key, plain in (("speed", _PLAIN_SPEEDS), ("inference_geo", _PLAIN_PLACES)):
        name = text_in(usage.get(key)).lower()
        if name not in plain:
            yield name


def _is_understood(usage: Mapping[str, Any]) -> bool:
    tools, lifetimes = object_of(usage.get("server_tool_use")), object_of(usage.get("cache_creation"))
    iterations = usage.get("iterations") or []
    kinds = [object_of(it).get("type") for it in iterations] if isinstance(iterations, list) else [None]
    return (
        _is_one_of(usage.get("speed"), _PLAIN_SPEEDS | {"fast"})
        and _is_one_of(usage.get("service_tier"), _PLAIN_TIERS)
        and isinstance(usage.get("inference_geo"), str | None)
        and not usage.get("fallback_credit")
        and all(name in _LIFETIMES or not count for name, count in lifetimes.items())
        and all(name in _TOOLS or not count for name, count in tools.items())
        and all(kind in _ITERATIONS for kind in kinds)
    )


def _is_one_of(value: object, names: Collection[str]) -> bool:
    return value is None or (isinstance(value, str) and value.lower() in names)


@cache
def _table() -> Mapping[str, Prices]:
    groups = json.loads((files(__package__) / TABLE).read_text("utf-8"))["prices"]
    return {model: group["usd"] for group in groups for model in group["models"]}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
