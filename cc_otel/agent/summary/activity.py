"""
What happened within a turn, a subagent or a session, for the sentence about the whole.

It is kept on disk because the journal deletes a call's content once its span is encoded, and a turn may outlive
the agent that saw its calls.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cc_otel.agent.summary.cache import Database

KEEP_S: Final = 7 * 86400.0
EPISODES_MAX: Final = 500
"""How many episodes of a whole a summary may use, the latest ones."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS episodes (
  span_id TEXT PRIMARY KEY,
  whole TEXT NOT NULL,
  start_ns INTEGER NOT NULL,
  rule TEXT NOT NULL,
  text TEXT NOT NULL,
  told_s REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS episodes_of_whole ON episodes (whole, start_ns);
CREATE INDEX IF NOT EXISTS episodes_by_age ON episodes (told_s);
"""


@dataclass(frozen=True, slots=True)
class Episode:
    """One thing that happened: the rule's text, and the best summary so far."""

    rule: str
    text: str


class Activity:
    """Episodes by what they are part of: the span of a turn or a subagent, or a session by its id."""

    def __init__(self, path: Path) -> None:
        """
        Open the file, or make it.

        Raises:
            CacheUnavailable: it cannot be opened; so every other method, where it cannot be read or written.

        """
        self._db = Database(path, _SCHEMA)

    def add(self, whole: str, span_id: str, start_ns: int, rule: str) -> None:
        """Add an episode, or update the rule's text of one that is known; a better text that came since stays."""
        self._db.change(
            "INSERT INTO episodes VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (span_id) DO UPDATE SET rule = excluded.rule",
            [(span_id, whole, start_ns, rule, rule, time.time())],
        )

    def improve(self, span_id: str, text: str) -> None:
        """Replace the text of an episode by a better summary."""
        self._db.change("UPDATE episodes SET text = ? WHERE span_id = ?", [(text, span_id)])

    def of(self, whole: str) -> list[Episode]:
        """Return the episodes of a whole in the order they began."""
        rows = self._db.rows(
            "SELECT rule, text FROM episodes WHERE whole = ? ORDER BY start_ns DESC, span_id DESC LIMIT ?",
            whole,
            EPISODES_MAX,
        )
        return [Episode(*row) for row in reversed(rows)]

    def prune(self) -> int:
        """Delete expired episodes. Return the number deleted."""
        return self._db.change("DELETE FROM episodes WHERE told_s < ?", [(time.time() - KEEP_S,)])

    def close(self) -> None:
        """Close the file."""
        self._db.close()
