"""
How much of what is planted is taken out, how much of what is ordinary is masked, and what looking costs.

The reference of the costs is what any reader of a payload must do: parse its JSON.
"""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from benchmarks.table import Row, show
from cc_otel.agent.redaction.redact import redact
from cc_otel.json_values import Json
from tests.agent.redaction.corpus.made import made_ordinary, made_plants
from tests.agent.redaction.corpus.texts import left, written

TESTS = Path(__file__).parents[1] / "tests"
RUNS = 7
TEXT_BYTES = 3_000


def run() -> list[Row]:
    """Measure rates and costs."""
    return [*rates(), *costs()]


def rates() -> Iterator[Row]:
    """Count over the corpus of the tests."""
    plants = [*written("plants.txt"), *written("unknown.txt"), *made_plants()]
    planted = sum(len(plant.secrets) for plant in plants)
    remaining = sum(len(left(plant, redact(plant.value).value)) for plant in plants)
    taken = 100 * (planted - remaining) / planted
    yield Row(f"of {planted} planted secrets, taken out", taken, "%", budget=">= 90 %", met=taken >= 90)
    ordinary = [*written("ordinary.txt"), *made_ordinary()]
    masked = 100 * sum(redact(text.value).count > 0 for text in ordinary) / len(ordinary)
    yield Row(f"of {len(ordinary)} ordinary texts, masked", masked, "%", budget="<= 2 %", met=masked <= 2)


def costs() -> Iterator[Row]:
    """Time payloads as they were recorded, and results that are source."""
    events = [
        json.loads(line).get("payload") or {}
        for file in sorted((TESTS / "sessions").rglob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    yield _cost("a recorded payload", events)
    sources = sorted(TESTS.rglob("*.py"))
    yield _cost("3 KB of source", [{"stdout": file.read_text()[:TEXT_BYTES]} for file in sources])


def _cost(what: str, payloads: Sequence[Json]) -> Row:
    texts = [orjson.dumps(payload) for payload in payloads]
    redact(payloads[0])
    took, reference = [], []
    for _ in range(RUNS):
        began = time.process_time()
        for payload in payloads:
            redact(payload)
        middle = time.process_time()
        for text in texts:
            json.loads(text)
        took.append(middle - began)
        reference.append(time.process_time() - middle)
    us, reference_us = (min(times) / len(payloads) * 1e6 for times in (took, reference))
    return Row(what, us, "us", reference_us, us / reference_us)


if __name__ == "__main__":
    show(run(), "redaction")
