"""What the agent writes down about itself, for others to read while it runs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from cc_otel.journal.database import Database

_PARTS: Final = ("agent", "sender", "summaries", "summary_budget", "hidden", "finished", "unread", "late", "late_ns")


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """Which agent it is: its process, its version, where it sends, whether with content, since when (ns)."""

    pid: int
    version: str
    endpoint: str
    content: str
    started_ns: int


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """
    How an agent is. A part that it has not written yet is None.

    ``sender`` is `otlp.send.SenderState`, ``summaries`` what `Summariser.state` returns, ``summary_budget`` what
    `Budget` saved, ``hidden`` the sessions whose clients cannot be watched, ``finished`` those that have ended and of
    which nothing more will be read, with the time of their end (ns), ``unread`` the transcripts that cannot be read,
    with the reason, ``late`` the sessions of which old events came at ``late_ns`` (by our clock), with the time of the
    last of them (ns): their transcripts are being read.
    """

    agent: AgentFacts | None = None
    sender: Mapping[str, Any] | None = None
    summaries: Mapping[str, Any] | None = None
    summary_budget: str | None = None
    hidden: tuple[str, ...] | None = None
    finished: Mapping[str, int] | None = None
    unread: Mapping[str, str] | None = None
    late: Mapping[str, int] | None = None
    late_ns: int | None = None

    def to_json(self) -> dict[str, str]:
        """Return the JSON of each part that is set, by name."""
        parts = {name: getattr(self, name) for name in _PARTS}
        return {name: _dumped(part) for name, part in parts.items() if part is not None}

    @classmethod
    def from_json(cls, notes: Mapping[str, str]) -> "AgentStatus":
        """Read what `to_json` returned. What cannot be read, and what a later version added, is left out."""
        parts = {name: _loaded(value) for name, value in notes.items()}
        agent, hidden = parts.get("agent"), parts.get("hidden")
        return cls(
            _facts(agent) if isinstance(agent, dict) else None,
            _object(parts.get("sender")),
            _object(parts.get("summaries")),
            notes.get("summary_budget"),
            tuple(map(str, hidden)) if isinstance(hidden, list) else None,
            _times(parts.get("finished")),
            _texts(parts.get("unread")),
            _times(parts.get("late")),
            late_ns if isinstance(late_ns := parts.get("late_ns"), int) else None,
        )


class StatusNotes:
    """The agent's status in the journal, part by part: several threads write it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, status: AgentStatus) -> None:
        """Replace the parts that are set."""
        with self._database.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", status.to_json().items())

    def clear_summaries(self) -> None:
        """Delete the part about summaries: rules write them all."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM notes WHERE name = 'summaries'")

    def load(self) -> AgentStatus:
        """Return all parts."""
        return AgentStatus.from_json(dict(self._database.all("SELECT name, value FROM notes")))


def _dumped(part: object) -> str:
    if isinstance(part, str):
        return part
    return json.dumps(asdict(part) if isinstance(part, AgentFacts) else part)


def _loaded(value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _texts(value: object) -> Mapping[str, str] | None:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else None


def _times(value: object) -> Mapping[str, int] | None:
    if not isinstance(value, dict):
        return None
    return {name: at_ns for name, at_ns in value.items() if isinstance(at_ns, int)}


def _facts(stored: Mapping[str, Any]) -> AgentFacts:
    def text(key: str) -> str:
        return str(stored.get(key, ""))

    def number(key: str) -> int:
        value = stored.get(key)
        return value if isinstance(value, int) else 0

    return AgentFacts(number("pid"), text("version"), text("endpoint"), text("content"), number("started_ns"))
