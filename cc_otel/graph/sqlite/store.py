"""
The graph in one SQLite file: the tables of schema.sql, and why SQLite in docs/decisions/0004-graph-store.md.

One writer at a time. Readers have connections of their own and never wait for it (write-ahead log).
"""

import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import repeat
from pathlib import Path
from typing import Final

import orjson

from cc_otel.graph.model import COLLECTIONS, SPANS
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite import derived, forget, prune, schema, words
from cc_otel.graph.sqlite.rows import (
    STATEMENTS_KEPT,
    TABLES,
    UNSTORABLE,
    VIEWS,
    ReadyBatch,
    Row,
    Rows,
    by_collection,
    insert_each,
)
from cc_otel.graph.sqlite.versions import disjoint, only_new
from cc_otel.graph.store import (
    CHANGE_COLUMNS,
    CHANGES_MAX,
    Cursor,
    Edge,
    GraphBatch,
    Json,
    Query,
    Refusal,
    StoreUnavailable,
    Unready,
    check_derived,
)
from cc_otel.sqlite_file import connect_to_read

BUSY_TIMEOUT_S: Final = 5.0
CACHE_KIB: Final = 65_536

WRITER_CACHE_KIB: Final = 16_384
"""A writer keeps its cache, and writes where it wrote last: more made it no faster, and its process 100 MB larger."""

MAPPED_BYTES_MAX: Final = 1 << 31
"""How much of the file readers map into memory rather than copy, which a large answer feels."""

LOG_BYTES_MAX: Final = 64 << 20
"""How large the write-ahead log stays once it has been copied into the file."""

PROBE_BYTES: Final = 4 << 20
"""What a probe writes: about what a group of spans takes, so that a disk with less room does not look healthy."""

_JSON_COLUMNS: Final = frozenset(
    {"attributes", "resource", "events", "links", "scope_attributes", "dropped", "causes", "paths"}
)

_CHANGED: Final = f"SELECT {{number}}, rowid, {', '.join(CHANGE_COLUMNS)} FROM main.spans "  # noqa: S608
# Spans of version 1 have no number, and stand in the index before all others.
_UNNUMBERED: Final = _CHANGED.format(number="0") + "WHERE {old} rowid > ? ORDER BY rowid LIMIT ?"
_NUMBERED: Final = _CHANGED.format(number="seq") + "WHERE (seq, rowid) > (?, ?) ORDER BY seq, rowid LIMIT ?"

_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_BUSY: "another process is writing; it is tried again",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: stop all that use it, move it away with its -wal and -shm, and a new "
    "graph begins",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database: move it away, and a new graph begins",
    sqlite3.SQLITE_CANTOPEN: "it does not exist or cannot be opened",
    sqlite3.SQLITE_READONLY: "it cannot be written; check its owner and mode",
}


class SqliteStore:
    """A GraphStore in one file; any thread may call it. It waits ``busy_timeout_s`` for another process's write."""

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None

    def prepare(self) -> None:
        """See GraphStore. The file is 0600 and so are its companions; a home made here is 0700."""
        with self._lock, self._reporting():
            schema.make(self._writer(), self._path)

    def probe(self) -> None:
        """See GraphStore. SQLite would prepare a file on a full disk without writing anything."""
        self.prepare()
        with self._lock, self._reporting():
            connection = self._writer()
            with _transaction(connection):
                connection.execute("INSERT OR REPLACE INTO probes VALUES (1, randomblob(?))", (PROBE_BYTES,))
            with _transaction(connection):
                connection.execute("DELETE FROM probes")
            prune.give_back(connection)

    def ready(self, batch: GraphBatch) -> GraphBatch:
        """See GraphStore. Rows are what takes most of the interpreter in a write."""
        try:
            return ReadyBatch(
                rows={name: list(map(TABLES[name].row, items)) for name, items in by_collection(batch).items()}
            )
        except (KeyError, *UNSTORABLE):
            return batch

    def write(self, *batches: GraphBatch) -> Sequence[Refusal]:
        """See GraphStore. One transaction, durable when it returns (synchronous=FULL)."""
        ready = [batch.rows for batch in batches if isinstance(batch, ReadyBatch)]
        if ready and len(ready) < len(batches):
            # Of two documents with one key the later has to stay, whichever of them is ready.
            raise Unready("beside a batch that is not ready")
        refusals: list[Refusal] = []
        rows = ready or [_rows(batch, refusals) for batch in batches]
        with self._lock, self._reporting(), _transaction(self._writer()) as connection:
            refused = [failure for some in disjoint(rows) for failure in _store(connection, some)]
            if ready and refused:
                raise Unready(refused[0][2])
        if refused:
            items = {(item.collection, item.key): item for batch in batches for item in batch}
            refusals += [Refusal(items[name, str(row[0])], reason) for name, row, reason in refused]
            places = {id(item): place for place, item in enumerate(item for batch in batches for item in batch)}
            refusals.sort(key=lambda refusal: places[id(refusal.item)])
        return refusals

    def replace_derived(self, session_id: str, edges: Sequence[Edge]) -> int:
        """See GraphStore. One transaction."""
        check_derived(session_id, edges)
        with self._lock, self._reporting(), _transaction(self._writer()) as connection:
            return derived.replace(connection, session_id, edges)

    def query(self, query: Query) -> Iterator[dict[str, Json]]:
        """See GraphStore. Reads one state of the graph, however long the rows are being taken."""
        text, values = catalogue.text(query.name, "sql"), catalogue.bindings(query, "sql")
        with self._reporting():
            connection = self._reader()
            try:
                if schema.is_older(connection):
                    schema.show_as_current(connection)
                    text = schema.without_hints(text)
                if "matching(" in text:
                    words.add_functions(connection)
                rows = connection.execute(text, values)
            except sqlite3.Error:
                connection.close()
                raise
        return self._answer(connection, rows)

    def changes(self, after: Cursor, limit: int = CHANGES_MAX) -> tuple[Sequence[dict[str, Json]], Cursor]:
        """See GraphStore. A write gives its number to all spans it changes, in its own transaction."""
        seq, row = map(int, (after or "0:0").split(":"))
        with self._reporting(), closing(self._reader()) as connection:
            numbered = schema.version_of(connection) > 1
            found = []
            if not seq:
                old = "seq IS NULL AND" if numbered else ""
                text = _UNNUMBERED.format(old=old)
                if not numbered:
                    text = schema.without_later_columns(text)
                found = connection.execute(text, (row, limit)).fetchall()
            if numbered and len(found) < limit:
                place = (seq, row) if seq else (1, 0)
                found += connection.execute(_NUMBERED, (*place, limit - len(found))).fetchall()
        if not found:
            return (), after
        rows = [dict(zip(CHANGE_COLUMNS, row[2:], strict=True)) for row in found]
        return rows, Cursor(f"{found[-1][0]}:{found[-1][1]}")

    def index(self) -> bool:
        """See GraphStore. One transaction of a few milliseconds."""
        with self._lock, self._reporting(), _transaction(self._writer()) as connection:
            return words.index(connection) == words.STEP_SPANS

    def prune(self, now_s: float, *, dry_run: bool = False, steps: int = 0) -> Mapping[str, int]:
        """See GraphStore. Each step is a transaction; a dry run only reads."""
        if dry_run:
            if not self._path.exists():
                return dict.fromkeys(COLLECTIONS, 0)
            with self._reporting(), closing(self._reader()) as connection:
                if schema.is_older(connection):
                    schema.show_as_current(connection)
                return prune.count(connection, now_s)
        counts: Counter[str] = Counter(dict.fromkeys(COLLECTIONS, 0))
        for _ in range(steps) if steps else repeat(None):
            with self._lock, self._reporting(), _transaction(self._writer()) as connection:
                removed = prune.step(connection, now_s)
            if not removed.total():
                removed = self._prune_orphans(now_s)
            counts.update(removed)
            with self._lock, self._reporting():
                more = prune.give_back(self._writer())
            if not removed.total() and not more:
                break
        return counts

    def forget(self, session_ids: Sequence[str], *, dry_run: bool = False) -> Mapping[str, int]:
        """See GraphStore. One transaction, which a dry run rolls back; what is deleted is overwritten."""
        if not self._path.exists():
            return dict.fromkeys(COLLECTIONS, 0)
        self.prepare()
        with self._lock, self._reporting():
            connection = self._writer()
            connection.execute("PRAGMA secure_delete = ON")
            try:
                with _transaction(connection):
                    counts = forget.forget(connection, session_ids)
                    if dry_run:
                        connection.execute("ROLLBACK")
                        connection.execute("BEGIN IMMEDIATE")
                    elif counts[SPANS]:
                        words.merge(connection)
                if not dry_run:
                    # The log has what the pages said before.
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.execute("PRAGMA secure_delete = OFF")
        return counts

    def close(self) -> None:
        """See GraphStore."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _prune_orphans(self, now_s: float) -> Counter[str]:
        with self._reporting(), closing(self._reader()) as connection:
            keys = prune.orphans(connection, now_s)
        with self._lock, self._reporting(), _transaction(self._writer()) as connection:
            return prune.delete(connection, keys)

    def _reader(self) -> sqlite3.Connection:
        connection = connect_to_read(self._path, self._busy_timeout_s)
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES_MAX}")
        return connection

    def _writer(self) -> sqlite3.Connection:
        # A file that was deleted or replaced under us would take writes that nobody can ever read.
        if self._connection is not None and _inode(self._path) != self._inode:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._inode = _inode(self._path)
            connection = sqlite3.connect(
                self._path,
                timeout=self._busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=STATEMENTS_KEPT,
            )
            try:
                for setting in (
                    f"cache_size = -{WRITER_CACHE_KIB}",
                    f"page_size = {schema.PAGE_BYTES}",  # Of a file that is still empty, as the next one.
                    "auto_vacuum = INCREMENTAL",
                    "journal_mode = WAL",
                    f"journal_size_limit = {LOG_BYTES_MAX}",
                    "synchronous = FULL",
                ):
                    connection.execute(f"PRAGMA {setting}")
                schema.make(connection, self._path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _answer(self, connection: sqlite3.Connection, rows: sqlite3.Cursor) -> Iterator[dict[str, Json]]:
        names = [column[0] for column in rows.description]
        holding_json = [name for name in names if name in _JSON_COLUMNS]
        with closing(connection), self._reporting():
            # No loop of ours for rows that need nothing done: there may be many.
            answers: Iterator[dict[str, Json]] = map(dict, map(zip, repeat(names), rows))
            yield from answers if not holding_json else (_with_json(answer, holding_json) for answer in answers)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # The extended codes keep the kind in the low byte.
            advice = _ADVICE.get(code)
            raise StoreUnavailable(f"{self._path}: {error}" + (f" ({advice})" if advice else "")) from error
        except OSError as error:
            raise StoreUnavailable(f"{self._path}: {error.strerror}") from error


def _with_json(answer: dict[str, Json], names: Iterable[str]) -> dict[str, Json]:
    texts = {name: answer[name] for name in names}
    return answer | {name: orjson.loads(text) if isinstance(text, str) else None for name, text in texts.items()}


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _rows(batch: GraphBatch, refusals: list[Refusal]) -> Rows:
    """Return the rows of a batch, and add what has none to the refusals."""
    rows: dict[str, list[Row]] = {}
    for item in batch:
        if item.collection in VIEWS:
            continue
        try:
            rows.setdefault(item.collection, []).append(TABLES[item.collection].row(item))
        except KeyError:
            refusals.append(Refusal(item, f"no collection is called {item.collection}"))
        except UNSTORABLE as error:
            refusals.append(Refusal(item, str(error)))
    return {name: some for name, some in rows.items() if some}


def _store(connection: sqlite3.Connection, batches: Sequence[Rows]) -> list[tuple[str, Row, str]]:
    """Write rows of which no span occurs twice. Return what cannot be stored: its table, its row, and why."""
    batches = only_new(connection, batches)
    refused: list[tuple[str, Row, str]] = []
    for name, table in TABLES.items():
        if rows := [row for of_batch in batches for row in of_batch.get(name, ())]:
            seq = _next_number(connection) if name == SPANS else None
            refused += [(name, row, reason) for row, reason in insert_each(connection, table, rows, seq)]
    return refused


def _next_number(connection: sqlite3.Connection) -> int:
    # A counter, because the largest number of the table comes again once its span has expired.
    connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'seq'")
    number: int = connection.execute("SELECT value FROM counters WHERE name = 'seq'").fetchone()[0]
    return number
