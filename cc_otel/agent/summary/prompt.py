"""The prompt: the instructions of ``prompts/summaries.txt``, and the items as fenced data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

import orjson

from cc_otel.agent.summary.subject import Subject

ITEMS_MAX: Final = 8
"""How many spans one call asks about. More make the answers slower and worse."""

TOKENS_MAX: Final = 6000
"""Longest data of one call, tokens; a single item is shorter by its own limits."""

ANSWER_TOKENS_MAX: Final = 2000
"""Longest answer, tokens: 8 sentences need 500, models that think first need the rest."""

_BYTES_PER_TOKEN: Final = 3
"""Fewer than in practice, so that the estimate is never below what is counted."""

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "summaries": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
                "required": ["id", "text"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["summaries"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question about several spans: ``subjects`` by the ids that they have in it."""

    subjects: Mapping[str, Subject]

    def messages(self) -> list[dict[str, str]]:
        """Return the messages in OpenAI's form, from which LiteLLM makes every vendor's."""
        items = [{"id": id_, "kind": subject.kind, "data": subject.text} for id_, subject in self.subjects.items()]
        # Nothing in the data can end the fence: it holds no "<" at all, and inside JSON that changes no text.
        data = orjson.dumps({"items": items}).decode().replace("<", "\\u003c")
        return [
            {"role": "system", "content": instructions()},
            {"role": "user", "content": f"<items>\n{data}\n</items>"},
        ]


@cache
def instructions() -> str:
    """Return the instructions."""
    return files("cc_otel.agent.summary").joinpath("prompts", "summaries.txt").read_text("utf-8")


@cache
def version() -> str:
    """Return the prompt's version, a part of every cache key: a digest, so that it changes with the prompt."""
    return blake2b(instructions().encode() + orjson.dumps(SCHEMA), digest_size=6).hexdigest()


def tokens(text: str) -> int:
    """Estimate how many tokens a text has, rather too many than too few."""
    return len(text.encode()) // _BYTES_PER_TOKEN + 1


def fitting(subjects: Sequence[Subject]) -> int:
    """Return how many subjects, counted from the first, fit into one call; at least one."""
    room = TOKENS_MAX
    for count, subject in enumerate(subjects[:ITEMS_MAX]):
        room -= tokens(subject.text)
        if room < 0:
            return max(count, 1)
    return min(len(subjects), ITEMS_MAX)
