"""
The graph in one SQLite file: the tables of schema.sql, and why SQLite in docs/decisions/0004-graph-store.md.

One writer at a time. Readers have connections of their own and never wait for it (write-ahead log).
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from itertools import chain, repeat
from pathlib import Path
from typing import Final

import orjson

from cc_otel.graph.queries import catalogue
from cc_otel.graph.store import Edge, GraphBatch, Json, Query, Refusal, StoreUnavailable, Unready, Vertex
from cc_otel.sqlite_file import connect_to_read

SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT_S: Final = 5.0
CACHE_KIB: Final = 65_536
PAGE_BYTES: Final = 8_192
"""Four spans fit on one; beside SQLite's own 4,096 a tenth less is written and read."""

MAPPED_BYTES_MAX: Final = 1 << 31
"""How much of the file readers map into memory rather than copy, which a large answer feels."""

ROWS_PER_STATEMENT: Final = 1_000
"""
How many rows one INSERT carries. sqlite3 lets go of the interpreter at every step and waits up to 5 ms to get it
back from a busy thread: row by row, a writer beside a busy agent would be a hundred times slower.
"""

STATEMENTS_KEPT: Final = 16
"""How many compiled statements a connection keeps: one of a thousand rows takes half a megabyte."""

_Row = tuple[object, ...]

_PLACES: Final = frozenset({"key", "source", "target", "document"})
_JSON_COLUMNS: Final = frozenset({"attributes", "resource", "events", "links"})

# What SQLite or JSON can never hold: lone surrogates, numbers over 64 bits, maps in a column.
_Unstorable: Final = (
    UnicodeEncodeError,
    OverflowError,
    TypeError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)

_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_BUSY: "another process is writing; it is tried again",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: move it away, and a new graph begins",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database: move it away, and a new graph begins",
    sqlite3.SQLITE_CANTOPEN: "it does not exist or cannot be opened",
    sqlite3.SQLITE_READONLY: "it cannot be written; check its owner and mode",
}


@dataclass(frozen=True, slots=True)
class _Table:
    """The table of a collection, and which fields of a document have a column in it."""

    name: str
    holds_edges: bool
    fields: tuple[str, ...]
    known: frozenset[str]

    def row(self, item: Vertex | Edge) -> _Row:
        document = item.document
        ends = (item.source, item.target) if isinstance(item, Edge) else ()
        rest = None
        if not document.keys() <= self.known:
            rest = orjson.dumps({name: value for name, value in document.items() if name not in self.known}).decode()
        return (item.key, *ends, *map(document.get, self.fields), rest)


@dataclass(frozen=True, slots=True)
class _ReadyBatch(GraphBatch):
    """A batch of which only the rows are left."""

    rows: Mapping[_Table, Sequence[_Row]] = field(default_factory=dict)


def _insert_statement(table: _Table, rows: int) -> str:
    ends = ("source", "target") if table.holds_edges else ()
    columns = ("key", *ends, *table.fields, "document")
    row = f"({', '.join('?' * len(columns))})"
    # What several spans share lives as long as the last of them.
    replaced = {name: f"excluded.{name}" for name in columns} | {"expire_at": "max(expire_at, excluded.expire_at)"}
    return (
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
        f"ON CONFLICT (key) DO UPDATE SET {', '.join(f'{name} = {value}' for name, value in replaced.items())}"
    )


class SqliteStore:
    """A GraphStore in one file; any thread may call it. It waits ``busy_timeout_s`` for another process's write."""

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._tables: dict[str, _Table] = {}

    def prepare(self) -> None:
        """See GraphStore. The file is 0600 and so are its companions; a home made here is 0700."""
        with self._lock, self._reporting():
            self._make_tables(self._writer())

    def ready(self, batch: GraphBatch) -> GraphBatch:
        """See GraphStore. Rows are what takes most of the interpreter in a write."""
        tables = self._tables
        try:
            return _ReadyBatch(
                rows={tables[name]: list(map(tables[name].row, items)) for name, items in _by_collection(batch).items()}
            )
        except (KeyError, *_Unstorable):
            return batch

    def write(self, *batches: GraphBatch) -> Sequence[Refusal]:
        """See GraphStore. One transaction, durable when it returns (synchronous=FULL)."""
        refusals: list[Refusal] = []
        with self._lock, self._reporting(), _transaction(self._writer()) as connection:
            ready = [batch for batch in batches if isinstance(batch, _ReadyBatch)]
            if ready and len(ready) < len(batches):
                # Of two documents with one key the later has to stay, whichever of them is ready.
                raise Unready("beside a batch that is not ready")
            self._insert_ready(connection, ready)
            for collection, items in _by_collection(chain.from_iterable(batches)).items():
                refusals += _insert(connection, self._tables.get(collection), items)
        return refusals

    def query(self, query: Query) -> Iterator[dict[str, Json]]:
        """See GraphStore. Reads one state of the graph, however long the rows are being taken."""
        text, values = catalogue.text(query.name, "sql"), catalogue.bindings(query, "sql")
        with self._reporting():
            connection = connect_to_read(self._path, self._busy_timeout_s)
            try:
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES_MAX}")
                rows = connection.execute(text, values)
            except sqlite3.Error:
                connection.close()
                raise
        return self._answer(connection, rows)

    def prune(self, now_s: float, *, dry_run: bool = False) -> Mapping[str, int]:
        """See GraphStore. One transaction; a dry run is the same one, rolled back."""
        with self._lock, self._reporting(), _transaction(self._writer(), keep=not dry_run) as connection:
            return _prune(connection, self._tables.values(), now_s)

    def close(self) -> None:
        """See GraphStore."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _insert_ready(self, connection: sqlite3.Connection, batches: Sequence[_ReadyBatch]) -> None:
        for table in {table: None for batch in batches for table in batch.rows}:
            rows = [row for batch in batches for row in batch.rows.get(table, ())]
            # The file may have been replaced meanwhile.
            if self._tables.get(table.name) != table:
                raise Unready(f"{table.name} has other columns now")
            try:
                _insert_rows(connection, table, rows)
            except _Unstorable as error:
                raise Unready(str(error)) from error

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
                self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # Of a file that is still empty.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._make_tables(connection)
            self._connection = connection
        return self._connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreUnavailable(f"{self._path} was written by a newer cc-otel (schema {version}): upgrade this one")
        schema = resources.files("cc_otel.graph").joinpath("schema.sql").read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        self._tables = {table.name: table for table in _tables(connection)}

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
def _transaction(connection: sqlite3.Connection, *, keep: bool = True) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT" if keep else "ROLLBACK")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _tables(connection: sqlite3.Connection) -> Iterator[_Table]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    for (name,) in names.fetchall():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
        fields = tuple(column for column in columns if column not in _PLACES)
        yield _Table(name, "source" in columns, fields, frozenset(fields))


def _by_collection(items: Iterable[Vertex | Edge]) -> dict[str, list[Vertex | Edge]]:
    by_collection: dict[str, list[Vertex | Edge]] = {}
    for item in items:
        by_collection.setdefault(item.collection, []).append(item)
    return by_collection


def _insert(connection: sqlite3.Connection, table: _Table | None, items: Sequence[Vertex | Edge]) -> Sequence[Refusal]:
    if table is None:
        return [Refusal(item, f"no collection is called {item.collection}") for item in items]
    connection.execute("SAVEPOINT together")
    try:
        _insert_rows(connection, table, [table.row(item) for item in items])
    except _Unstorable:
        connection.execute("ROLLBACK TO together")
        return [refusal for item in items for refusal in _insert_alone(connection, table, item)]
    finally:
        connection.execute("RELEASE together")
    return ()


def _insert_rows(connection: sqlite3.Connection, table: _Table, rows: Sequence[tuple[object, ...]]) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        some = rows[start : start + ROWS_PER_STATEMENT]
        connection.execute(_insert_statement(table, len(some)), list(chain.from_iterable(some)))


def _insert_alone(connection: sqlite3.Connection, table: _Table, item: Vertex | Edge) -> Iterable[Refusal]:
    try:
        _insert_rows(connection, table, [table.row(item)])
    except _Unstorable as error:
        yield Refusal(item, str(error))


def _prune(connection: sqlite3.Connection, tables: Iterable[_Table], now_s: float) -> dict[str, int]:
    counts: dict[str, int] = {}
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS gone (id TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.execute("DELETE FROM temp.gone")
    # Vertices first, so that their edges are known.
    for table in sorted(tables, key=lambda table: table.holds_edges):
        expired = "expire_at <= ?"
        if table.holds_edges:
            expired += " OR source IN temp.gone OR target IN temp.gone"
        else:
            ids = f"SELECT '{table.name}/' || key FROM {table.name} WHERE expire_at <= ?"  # noqa: S608
            connection.execute(f"INSERT INTO temp.gone {ids}", (now_s,))
        counts[table.name] = connection.execute(f"DELETE FROM {table.name} WHERE {expired}", (now_s,)).rowcount  # noqa: S608
    return counts
