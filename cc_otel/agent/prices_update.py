"""
Make the package's table of prices anew from an installed LiteLLM: ``python -m cc_otel.agent.prices_update``.

LiteLLM's own table is a JSON file beside it, and is read as that: importing litellm takes seconds. Kept are the prices
of those models that a transcript can name: Anthropic's own, and those of Amazon Bedrock and Google Vertex AI.
"""

import importlib.util
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cc_otel.agent.prices import TABLE

SOURCE: Final = "model_prices_and_context_window_backup.json"
PROVIDERS: Final = frozenset({"anthropic", "bedrock", "bedrock_converse", "vertex_ai-anthropic_models"})
NEEDED: Final = frozenset({"input_cost_per_token", "output_cost_per_token"})

_PRICES: Final = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
_PREFIXES: Final = (*_PRICES, "cache_creation_input_token_cost")
_FACTORS: Final = "provider_specific_entry"
_SEARCHES: Final = "search_context_cost_per_query"


def main() -> None:
    """Write the table beside this module."""
    found = importlib.util.find_spec("litellm")
    if found is None or not found.origin:
        sys.exit("LiteLLM is not installed here: pip install litellm, or cc-otel[summaries].")
    table = json.loads((Path(found.origin).parent / SOURCE).read_bytes())
    made = table_of(table, f"LiteLLM {version('litellm')}, {SOURCE}", datetime.now(UTC).date().isoformat())
    Path(__file__).with_name(TABLE).write_text(json.dumps(made, indent=1) + "\n", "utf-8")


def table_of(table: Mapping[str, Any], source: str, taken: str) -> dict[str, Any]:
    """Return the package's table: models of equal prices together, with the vendors' pages that they are from."""
    models: defaultdict[str, list[str]] = defaultdict(list)
    pages: set[str] = set()
    for name, entry in table.items():
        if _is_kept(name, entry):
            models[json.dumps(_prices(entry), sort_keys=True)].append(name)
            pages |= {page for page in [entry.get("source")] if isinstance(page, str)}
    groups = [{"models": sorted(names), "usd": json.loads(usd)} for usd, names in models.items()]
    return {
        "source": source,
        "taken": taken,
        "pages": sorted(pages),
        "prices": sorted(groups, key=lambda group: group["models"][0]),
    }


def _is_kept(name: str, entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("litellm_provider") not in PROVIDERS or "claude" not in name:
        return False
    # A path names a region or a commitment, which no transcript does.
    return entry.keys() >= NEEDED and "/" not in name.removeprefix("vertex_ai/")


def _prices(entry: Mapping[str, Any]) -> dict[str, Any]:
    # The vendors' clouds do not offer Anthropic's web search: a price for it would be a guess.
    others = {_FACTORS, _SEARCHES} if entry["litellm_provider"] == "anthropic" else {_FACTORS}
    return {
        name: value
        for name, value in entry.items()
        if name in others or (name.startswith(_PREFIXES) and not name.endswith("_batches"))
    }


if __name__ == "__main__":
    main()
