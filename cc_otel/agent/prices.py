"""
What a model call costs: LiteLLM's table of prices, read as the data file that it is.

Importing litellm takes seconds and 160 MB; its table is a JSON file beside it. Where the package is not installed, or
does not know the model, a call has no cost: a number nobody can stand behind is worse than none.
"""

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from cc_otel.json_values import object_of

TABLE_NAME: Final = "model_prices_and_context_window_backup.json"


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one call, as the API counts them: ``input`` is without what was cached."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0
    reasoning: int = 0

    @classmethod
    def of(cls, usage: object) -> "Usage":
        """Read the ``usage`` of a response; what is no count is 0."""
        told = object_of(usage)
        return cls(
            input=_count(told.get("input_tokens")),
            output=_count(told.get("output_tokens")),
            cache_read=_count(told.get("cache_read_input_tokens")),
            cache_write=_count(told.get("cache_creation_input_tokens")),
            cache_write_hour=_count(object_of(told.get("cache_creation")).get("ephemeral_1h_input_tokens")),
            reasoning=_count(object_of(told.get("output_tokens_details")).get("thinking_tokens")),
        )


def cost_usd(model: str, usage: Usage) -> float | None:
    """Give the cost in US dollars, or None where the model's prices are not known."""
    prices = _prices().get(model)
    if prices is None:
        return None
    hour = min(usage.cache_write_hour, usage.cache_write)
    parts = (
        usage.input * prices["input_cost_per_token"],
        usage.output * prices["output_cost_per_token"],
        usage.cache_read * prices.get("cache_read_input_token_cost", 0.0),
        (usage.cache_write - hour) * prices.get("cache_creation_input_token_cost", 0.0),
        hour * prices.get("cache_creation_input_token_cost_above_1hr", 0.0),
    )
    return round(sum(parts), 9)


@cache
def _prices() -> Mapping[str, Mapping[str, float]]:
    """Read the table once, and keep the numbers of Anthropic's models alone."""
    found = importlib.util.find_spec("litellm")
    if found is None or not found.origin:
        return {}
    try:
        table = json.loads((Path(found.origin).parent / TABLE_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return {
        model: {name: price for name, price in entry.items() if isinstance(price, int | float)}
        for model, entry in table.items()
        if isinstance(entry, dict)
        and entry.get("litellm_provider") == "anthropic"
        and {"input_cost_per_token", "output_cost_per_token"} <= entry.keys()
    }


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
