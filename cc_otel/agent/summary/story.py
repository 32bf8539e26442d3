"""
What happened within a turn, a subagent or a session, for the sentence about the whole.

It is kept on disk because the journal lets go of what a call said once its span is encoded, and a turn may outlive
the agent that saw its calls.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cc_otel.agent.summary.cache import Database

KEEP_S: Final = 7 * 86400.0
EPISODES_MAX: Final = 500
"""How many episodes of a whole are told, the latest ones."""

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
    """One thing that happened: what the rule says of it, and the best sentence there is."""

    rule: str
    text: str


class Story:
    """Episodes by what they are part of: the span of a turn or a subagent, or a session by its id."""

    def __init__(self, path: Path) -> None:
        """
        Open the file, or make it.

        Raises:
            CacheUnavailable: it cannot be opened; so every other method, where it cannot be read or written.

        """
        self._db = Database(path, _SCHEMA)

    def tell(self, whole: str, span_id: str, start_ns: int, rule: str) -> None:
        """Add an episode; told again, it is the same one, with what was better said of it since."""
        self._db.change(
            "INSERT INTO episodes VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (span_id) DO UPDATE SET rule = excluded.rule",
            [(span_id, whole, start_ns, rule, rule, time.time())],
        )

    def improve(self, span_id: str, text: str) -> None:
        """Replace the text of an episode by a better one."""
        self._db.change("UPDATE episodes SET text = ? WHERE span_id = ?", [(text, span_id)])

    def of(self, whole: str) -> list[Episode]:
        """Give the episodes of a whole in the order they began."""
        rows = self._db.rows(
            "SELECT rule, text FROM episodes WHERE whole = ? ORDER BY start_ns DESC, span_id DESC LIMIT ?",
            whole,
            EPISODES_MAX,
        )
        return [Episode(*row) for row in reversed(rows)]

    def prune(self) -> int:
        """Forget what was told long ago; give how many episodes."""
        return self._db.change("DELETE FROM episodes WHERE told_s < ?", [(time.time() - KEEP_S,)])

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
