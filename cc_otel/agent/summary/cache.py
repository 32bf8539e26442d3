"""
The summary cache: one SQLite file, and optionally a Redis server that several machines share.

Keys are digests of redacted, normalised content; the content itself is not kept. A cache that fails counts as
empty: a question is asked twice, no span is lost.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from cc_otel.sqlite_file import connect_to_write

Result = TypeVar("Result")

BUSY_TIMEOUT_S: Final = 2.0
TOUCH_S: Final = 86400.0
"""A hit updates its time at most once in this period, s, so that most reads write nothing."""

TRIM_SHARE: Final = 0.1
"""How much of the limit is made free when it is reached."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sentences (
  key TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  model TEXT NOT NULL,
  made_s REAL NOT NULL,
  used_s REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sentences_by_use ON sentences (used_s);
CREATE INDEX IF NOT EXISTS sentences_by_age ON sentences (made_s);
"""


class CacheUnavailable(Exception):
    """The cache cannot be read or written now; the text says why, without a password."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A summary as it is kept, and the model that wrote it."""

    text: str
    model: str


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache holds: how many sentences, how many bytes they take, and when the oldest was written (s)."""

    name: str
    sentences: int
    size_bytes: int
    oldest_s: float | None


class Cache(Protocol):
    """Sentences by key. Any thread may use it."""

    def get(self, keys: Sequence[str]) -> Mapping[str, Sentence]:
        """
        Return the cached sentences for these keys, without expired ones.

        MUST raise CacheUnavailable within a second if it cannot be read.
        """

    def put(self, sentences: Mapping[str, Sentence]) -> None:
        """
        Store sentences, replacing what their keys held.

        MUST raise CacheUnavailable if they were not stored.
        """

    def stats(self) -> CacheStats:
        """Return its statistics. MUST raise CacheUnavailable if it cannot be read."""

    def clear(self) -> int:
        """Delete every entry. Return the number deleted. MUST raise CacheUnavailable if it cannot."""

    def close(self) -> None:
        """Close files and connections."""


class Database:
    """One SQLite file that any thread may use; kill -9 loses nothing, a power failure perhaps the last minutes."""

    def __init__(self, path: Path, schema: str) -> None:
        """
        Open the file, or make it, and add what the schema names.

        Raises:
            CacheUnavailable: it cannot be opened.

        """
        self._lock = threading.Lock()
        self._path = path
        try:
            self._db = connect_to_write(path, BUSY_TIMEOUT_S)
            # A sentence lost to a power failure is asked for again: nothing here is worth waiting for the disk.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(schema)
        except (OSError, sqlite3.Error) as error:
            raise CacheUnavailable(f"{path}: {error}") from error

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """
        Run one statement. Return its rows.

        Raises:
            CacheUnavailable: it could not be run.

        """
        return self._run(lambda: self._db.execute(sql, parameters).fetchall())

    def change(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """
        Run one statement for each of the rows, all or none. Return how many rows of the table changed.

        Raises:
            CacheUnavailable: nothing was changed.

        """
        return self._run(lambda: self._changed(sql, rows))

    def _changed(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        before = self._db.total_changes
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(sql, rows)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return self._db.total_changes - before

    def _run(self, work: Callable[[], Result]) -> Result:
        with self._lock:
            try:
                return work()
            except sqlite3.Error as error:
                raise CacheUnavailable(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


class SqliteCache:
    """Sentences in a local SQLite file, limited by age and bytes; the least recently used are deleted first."""

    def __init__(self, path: Path, *, age_max_s: float, bytes_max: int) -> None:
        """
        Open the file, or make it.

        Raises:
            CacheUnavailable: it cannot be opened.

        """
        self._path = path
        self._age_max_s = age_max_s
        self._bytes_max = bytes_max
        self._db = Database(path, _SCHEMA)

    def get(self, keys: Sequence[str]) -> dict[str, Sentence]:
        """Return the cached sentences for these keys, without expired ones."""
        now_s = time.time()
        marks = ",".join("?" * len(keys))
        rows = self._db.rows(
            f"SELECT key, text, model, used_s FROM sentences WHERE key IN ({marks}) AND made_s > ?",  # noqa: S608 - marks only
            *keys,
            now_s - self._age_max_s,
        )
        if stale := [(now_s, key) for key, _, _, used_s in rows if now_s - used_s > TOUCH_S]:
            self._db.change("UPDATE sentences SET used_s = ? WHERE key = ?", stale)
        return {key: Sentence(text, model) for key, text, model, _ in rows}

    def put(self, sentences: Mapping[str, Sentence]) -> None:
        """Store sentences, replacing what their keys held."""
        now_s = time.time()
        self._db.change(
            "INSERT OR REPLACE INTO sentences VALUES (?, ?, ?, ?, ?)",
            ((key, sentence.text, sentence.model, now_s, now_s) for key, sentence in sentences.items()),
        )

    def trim(self) -> int:
        """Delete expired entries, then the least recently used until under the limit. Return the number deleted."""
        gone = self._db.change("DELETE FROM sentences WHERE made_s <= ?", [(time.time() - self._age_max_s,)])
        size = self._size_bytes()
        if size <= self._bytes_max:
            return gone
        share = 1 - self._bytes_max * (1 - TRIM_SHARE) / size
        return gone + self._db.change(
            "DELETE FROM sentences WHERE key IN (SELECT key FROM sentences ORDER BY used_s LIMIT"
            " (SELECT CAST(count(*) * ? AS INTEGER) + 1 FROM sentences))",
            [(share,)],
        )

    def stats(self) -> CacheStats:
        """Return what it holds."""
        count, oldest_s = self._db.rows("SELECT count(*), min(made_s) FROM sentences")[0]
        return CacheStats(f"sqlite {self._path}", count, self._size_bytes(), oldest_s)

    def clear(self) -> int:
        """Delete every entry. Return the number deleted."""
        gone = self._db.change("DELETE FROM sentences", [()])
        self._db.rows("VACUUM")
        return gone

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _size_bytes(self) -> int:
        # Of the sentences alone, with the room that a row and its index entries take: the file has other tables.
        size = self._db.rows(
            "SELECT coalesce(sum(length(key) * 3 + length(CAST(text AS BLOB)) + length(model) + 48), 0) FROM sentences"
        )[0][0]
        return int(size)


class SharedCache:
    """
    A local cache in front of an optional remote one that several machines share.

    The local one is asked on every event and answers at once; the remote one is asked off the path, before a model is.
    What is written goes to both, so that nothing is lost when the remote one is gone. After a failure it is not asked
    for a while.
    """

    def __init__(
        self,
        local: SqliteCache,
        remote: Cache | None,
        *,
        cooldown_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take both caches; without a remote one only the local cache is used."""
        self._local = local
        self._remote = remote
        self._cooldown_s = cooldown_s
        self._clock = clock
        self._cooldown_until_s = 0.0
        self.error = ""

    @property
    def has_remote(self) -> bool:
        """Whether there is a remote cache that is not in its cooldown."""
        return self._remote is not None and self._clock() >= self._cooldown_until_s

    def get(self, keys: Sequence[str]) -> Mapping[str, Sentence]:
        """
        Return what the local cache holds.

        Raises:
            CacheUnavailable: its file cannot be read.

        """
        return self._local.get(keys)

    def get_remote(self, keys: Sequence[str]) -> Mapping[str, Sentence]:
        """Return what the remote cache holds, or nothing if it cannot be read. Its content is untrusted."""
        return self._with_remote(lambda remote: remote.get(keys)) or {}

    def keep(self, sentences: Mapping[str, Sentence]) -> None:
        """
        Store sentences that came from the remote cache in the local one.

        Raises:
            CacheUnavailable: this machine's file cannot be written.

        """
        self._local.put(sentences)

    def put(self, sentences: Mapping[str, Sentence]) -> None:
        """
        Store sentences in both caches; a remote failure is recorded, not raised.

        Raises:
            CacheUnavailable: this machine's file cannot be written.

        """
        self._local.put(sentences)
        self._with_remote(lambda remote: remote.put(sentences))

    def trim(self) -> int:
        """Apply the local limits; the remote cache applies its own. Raises CacheUnavailable."""
        return self._local.trim()

    def stats(self) -> list[CacheStats]:
        """Return the statistics of each. Raises CacheUnavailable for either."""
        return [self._local.stats(), *([self._remote.stats()] if self._remote else [])]

    def clear(self) -> int:
        """Delete every entry in both. Return the number deleted. Raises CacheUnavailable for either."""
        return self._local.clear() + (self._remote.clear() if self._remote else 0)

    def close(self) -> None:
        """Close both."""
        self._local.close()
        if self._remote:
            self._remote.close()

    def _with_remote(self, work: Callable[[Cache], Result]) -> Result | None:
        if self._remote is None or not self.has_remote:
            return None
        try:
            result = work(self._remote)
        except CacheUnavailable as error:
            self._cooldown_until_s = self._clock() + self._cooldown_s
            self.error = str(error)
            return None
        self.error = ""
        return result


def forget_texts(path: Path, texts: Iterable[str], *, dry_run: bool = False) -> int:
    """
    Remove the sentences of a cache file that say one of these texts, or count them. Return how many.

    Raises:
        CacheUnavailable: the file cannot be read or written.

    """
    database = Database(path, _SCHEMA)
    try:
        known = [(text,) for text in texts if database.rows("SELECT 1 FROM sentences WHERE text = ? LIMIT 1", text)]
        if dry_run:
            count = "SELECT count(*) FROM sentences WHERE text = ?"
            return sum(int(database.rows(count, text)[0][0]) for (text,) in known)
        return database.change("DELETE FROM sentences WHERE text = ?", known) if known else 0
    finally:
        database.close()
