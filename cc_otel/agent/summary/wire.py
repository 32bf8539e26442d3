"""The protocol between the agent and its model process: JSON, one message a line."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

CALLS_MAX: Final = 4
"""How many calls run at once."""


class Failure(StrEnum):
    """Why there is no answer: what to do next depends on it."""

    CREDENTIALS = "credentials"
    """Missing, wrong, or without the right: a person has to act."""
    UNUSABLE = "unusable"
    """No such model, or it does not take what we send: a person has to act."""
    BUSY = "busy"
    """Too many requests, or overloaded: later."""
    TIMEOUT = "timeout"
    """No answer in time."""
    UNREACHABLE = "unreachable"
    """No connection, or the service failed."""


@dataclass(frozen=True, slots=True)
class Question:
    """One model call: ``messages`` as OpenAI has them, ``schema`` of the JSON wanted, at most that long (s, tokens)."""

    number: int
    model: str
    messages: Sequence[Mapping[str, str]]
    schema: Mapping[str, Any]
    timeout_s: float
    tokens_max: int

    def to_line(self) -> bytes:
        """Return it as a line."""
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Question":
        """Read what `to_line` gave."""
        return cls(**orjson.loads(line))


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The answer to a question: a text, or a failure.

    ``cost_usd`` is None where no price is known for the model; ``retry_after_s`` is what the service asked for, 0
    where it asked for nothing. ``detail`` is for a person; it holds nothing of the question.
    """

    number: int
    text: str = ""
    failure: str = ""
    detail: str = ""
    retry_after_s: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None

    def to_line(self) -> bytes:
        """Return it as a line."""
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Answer":
        """Read what `to_line` gave."""
        return cls(**orjson.loads(line))
