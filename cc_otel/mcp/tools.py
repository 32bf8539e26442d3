"""
The tools that an agent is offered, one row each. What a tool takes comes from the header of its named query.

Each row says when to use it and which tool to go on with, because the reader is a model that has never seen this graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cc_otel.graph.queries import catalogue

ROWS_MAX: Final = 50
"""How many rows an answer has at most; `ROWS` unless more are asked for."""
ROWS: Final = 20

_JSON_TYPES: Final = {"text": "string", "integer": "integer", "real": "number"}

# Bound by what the server does, or of no use to an agent.
_NOT_OFFERED: Final = frozenset({"limit", "now_ms"})


OUTLINE: Final = "outline"


@dataclass(frozen=True, slots=True)
class Offer:
    """
    A tool: the query behind it, when to use it, and what its rows lead to.

    ``more`` are parameters that the server takes beside the query's own.
    """

    name: str
    query: str
    when: str
    then: str
    more: Sequence[catalogue.Parameter] = ()

    @property
    def description(self) -> str:
        """What a model reads to choose it."""
        return f"{catalogue.named(self.query).help} {self.when} {self.then}"

    @property
    def takes_limit(self) -> bool:
        """Whether its query bounds its own rows."""
        return any(it.name == "limit" for it in catalogue.named(self.query).parameters)

    @property
    def required(self) -> Sequence[str]:
        """The parameters that it needs; an outline has a default."""
        if self.name == OUTLINE:
            return ()
        return [it.name for it in catalogue.named(self.query).parameters if it.required]

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON schema of its arguments."""
        takes = [it for it in (*self.more, *catalogue.named(self.query).parameters) if it.name not in _NOT_OFFERED]
        properties: dict[str, Any] = {
            it.name: {"type": _JSON_TYPES[it.type], "description": _HELP.get(it.name, it.help)} for it in takes
        }
        properties["limit"] = {"type": "integer", "minimum": 1, "maximum": ROWS_MAX, "description": f"rows, {ROWS}"}
        return {
            "type": "object",
            "properties": properties,
            "required": list(self.required),
            "additionalProperties": False,
        }


_HELP: Final[Mapping[str, str]] = {
    "session_id": "a session's id, the beginning of it, or `last` for the one that was active last",
    "trace_id": "32 hexadecimal digits: one turn and all that it caused",
}

OFFERS: Final = (
    Offer(
        "find",
        "search",
        "Use it before debugging an error that may have been seen, or to find when something was done.",
        "A row's session_id leads to `outline`, its trace_id and span_id to `why`.",
    ),
    Offer(
        "sessions",
        "sessions",
        "Use it to find which session was about something.",
        "A row's session_id leads to `outline`.",
    ),
    Offer(
        OUTLINE,
        "tree",
        "Use it to see what a session did: turns, calls, subagents, failures, in order.",
        "A row's span leads to `why`.",
        more=(catalogue.Parameter("session_id", "text", ""),),
    ),
    Offer(
        "why",
        "why",
        "Use it to learn what led to a span: the model call that asked for it, and what that had read.",
        "Rows have the span that each step is.",
    ),
    Offer(
        "errors",
        "errors",
        "Use it to see which failures keep coming back, and which were ever resolved.",
        "A row's error_key leads to `fixes`.",
    ),
    Offer(
        "fixes",
        "fixes",
        "Use it when you meet an error: what was done about it before, and what made it go away.",
        "A row's session_id leads to `outline`.",
    ),
    Offer(
        "file",
        "file",
        "Use it before changing a file that others may have changed: who touched it, under which prompt, what failed.",
        "A row's session_id leads to `outline`.",
    ),
    Offer(
        "loops",
        "loops",
        "Use it when something does not get better: the same call with the same result, three times or more.",
        "A row's session_id leads to `outline`.",
    ),
    Offer("cost", "cost", "Use it to see what model calls took.", "A row's session_id leads to `outline`."),
)
"""In the order in which an agent would try them."""

BY_NAME: Final = {offer.name: offer for offer in OFFERS}
