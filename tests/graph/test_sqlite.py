"""The graph in SQLite: the battery, and what only a file can meet with."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite import words
from cc_otel.graph.sqlite.prune import STEP_SPANS
from cc_otel.graph.sqlite.rows import VIEWS
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import GraphBatch, Query, StoreUnavailable, Vertex
from tests.graph.contract import NEVER_S, StoreContract, ask, column, put
from tests.graph.contract_search import SearchContract
from tests.graph.made import TRACE_A1, span, span_id, two_sessions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the store's file will be."""
    return tmp_path / "home" / "graph.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """Return an empty store, one that does not wait long for others."""
    store = SqliteStore(path, busy_timeout_s=0.1)
    store.prepare()
    yield store
    store.close()


@contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond that: what a full disk looks like from inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestSqliteStore(StoreContract, SearchContract):
    """The battery."""

    views = VIEWS


class TestTheFile:
    """What may happen to the file."""

    def test_is_its_owners_alone(self, store: SqliteStore, path: Path) -> None:
        """The file and its companions are 0600, the home that was made for it 0700."""
        put(store, two_sessions())

        assert {file.name: oct(file.stat().st_mode & 0o777) for file in (path.parent, *path.parent.iterdir())} == {
            "home": "0o700",
            "graph.db": "0o600",
            "graph.db-wal": "0o600",
            "graph.db-shm": "0o600",
        }

    def test_outlives_its_store(self, store: SqliteStore, path: Path) -> None:
        """What was written is there for the next store that opens the file."""
        put(store, two_sessions())
        store.close()
        with closing(SqliteStore(path)) as another:
            assert len(ask(another, "spans")) == 10

    def test_is_shared_by_stores(self, store: SqliteStore, path: Path) -> None:
        """Two stores may write to one file in turn, and each sees what the other wrote."""
        with closing(SqliteStore(path)) as another:
            put(store, [span(1)])
            put(another, [span(2, parent=1)])

            assert [len(ask(each, "tree", trace_id=TRACE_A1)) for each in (store, another)] == [2, 2]

    def test_locked_by_another_process(self, store: SqliteStore, path: Path) -> None:
        """While somebody else writes and does not end, writing is unavailable; reading is not."""
        put(store, [span(1)])
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match=r"locked \(another process is writing"):
                put(store, [span(2)])
            seen = len(ask(store, "spans"))
            other.execute("ROLLBACK")
        put(store, [span(2)])

        assert (seen, len(ask(store, "spans"))) == (1, 2)

    def test_disk_full(self, store: SqliteStore) -> None:
        """Where the disk has no room a batch is not stored at all; once there is room, the same batch is."""
        put(store, [span(1)])
        batch = mapping.of(span(n, parent=1) for n in range(2, 2_000))
        with file_size_limit(300_000), pytest.raises(StoreUnavailable):
            store.write(batch)
        in_between = len(ask(store, "spans"))
        store.write(batch)

        assert (in_between, len(ask(store, "spans"))) == (1, 1_999)

    def test_not_a_database(self, path: Path) -> None:
        """A file that is something else is left alone, and the error says what to do."""
        path.parent.mkdir()
        path.write_bytes(b"my diary\n" * 1_000)
        store = SqliteStore(path)
        with pytest.raises(StoreUnavailable, match=r"graph\.db: file is not a database .*move it away"):
            store.prepare()

        assert path.read_bytes() == b"my diary\n" * 1_000

    def test_damaged(self, store: SqliteStore, path: Path) -> None:
        """A damaged file makes the store unavailable: what is sent stays with whoever sent it."""
        put(store, [span(n, parent=1) for n in range(1, 2_000)])
        store.close()
        content = bytearray(path.read_bytes())
        content[4_096:] = b"\xff" * (len(content) - 4_096)
        path.write_bytes(content)
        with closing(SqliteStore(path)) as again:
            with pytest.raises(StoreUnavailable, match="damaged"):
                put(again, [span(1)])
            with pytest.raises(StoreUnavailable, match="damaged"):
                ask(again, "tree", trace_id=TRACE_A1)

    def test_of_a_newer_version(self, store: SqliteStore, path: Path) -> None:
        """A file that a later version wrote is not touched."""
        store.close()
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA user_version = 99")
        with pytest.raises(StoreUnavailable, match="newer cc-otel"):
            SqliteStore(path).prepare()

    def test_deleted_under_the_store(self, store: SqliteStore, path: Path) -> None:
        """After somebody deleted the file, what is acknowledged is in the file that took its place."""
        put(store, [span(1)])
        for file in path.parent.iterdir():
            file.unlink()
        put(store, [span(2)])
        with closing(SqliteStore(path)) as another:
            assert column(ask(another, "spans"), "span_id") == [(span_id(2),)]

    def test_tables_dropped_under_the_store(self, store: SqliteStore, path: Path) -> None:
        """What was dropped behind its back makes the store unavailable until it is prepared again."""
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE spans")
        with pytest.raises(StoreUnavailable, match="no such table"):
            put(store, [span(1)])
        store.prepare()
        put(store, [span(1)])

        assert len(ask(store, "spans")) == 1

    def test_not_there(self, path: Path) -> None:
        """Asking where there is no graph is an error, and leaves no empty graph behind."""
        path.parent.mkdir()
        with pytest.raises(StoreUnavailable, match=r"graph\.db: unable to open database file"):
            SqliteStore(path).query(Query("sessions"))

        assert list(path.parent.iterdir()) == []

    def test_home_that_is_a_file(self, tmp_path: Path) -> None:
        """Where no file can be made, the store is unavailable and says why."""
        (tmp_path / "file").touch()
        with pytest.raises(StoreUnavailable, match=r"graph\.db: File exists"):
            SqliteStore(tmp_path / "file" / "graph.db").prepare()


def test_prune_lets_others_write_in_between(store: SqliteStore, path: Path) -> None:
    """Another process writes while many spans are pruned: no step holds the file for long."""
    put(store, [span(1), *(span(number, parent=1) for number in range(2, 4 * STEP_SPANS))], retention_days=1)
    removed = 0
    with closing(SqliteStore(path, busy_timeout_s=0)) as other:
        while step := sum(store.prune(NEVER_S, steps=1).values()):
            put(other, [span(1)])
            assert step <= 8 * STEP_SPANS
            removed += 1

    assert removed >= 4


def test_pages_and_log_are_given_back(store: SqliteStore, path: Path) -> None:
    """After a prune the file is as small as one that never held what is gone, and so is its log."""
    put(store, [span(number, "x" * 3_000) for number in range(1, 8_000)], retention_days=1)
    before = path.stat().st_size
    store.prune(NEVER_S)
    store.close()

    assert before > 20_000_000
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 1_000_000


def test_a_probe_really_writes(store: SqliteStore) -> None:
    """Where there is no room for a group of spans a probe says so, though a row would fit; it leaves nothing behind."""
    put(store, [span(1)])
    with file_size_limit(1_000_000), pytest.raises(StoreUnavailable):
        store.probe()
    store.probe()

    assert column(ask(store, "spans"), "span_id") == [(span_id(1),)]


def test_what_no_column_can_hold_is_refused(store: SqliteStore) -> None:
    """A map where a text is expected, or a number of more than 64 bits, is refused alone."""
    broken = [Vertex("spans", "1", {"label": {"a": "map"}}), Vertex("spans", "2", {"start_ms": 2**70})]
    refusals = store.write(GraphBatch((*broken, Vertex("spans", "3", {"label": "fine"}))))

    assert [refusal.item for refusal in refusals] == broken


@pytest.mark.parametrize("name", catalogue.names("sql"))
def test_no_query_walks_all_spans(store: SqliteStore, path: Path, name: str) -> None:
    """Every query reaches spans and edges through an index, so that it stays as fast when the file grows."""
    values = dict.fromkeys(catalogue.parameters(name, "sql"))
    with closing(sqlite3.connect(path)) as connection:
        words.add_functions(connection)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {catalogue.text(name, 'sql')}", values)]

    assert [step for step in plan if step.startswith(("SCAN spans", "SCAN parent_of")) and "INDEX" not in step] == []


def test_the_way_down_a_tree_is_an_index(store: SqliteStore, path: Path) -> None:
    """`parent_of` is a view, and who asks for the children of a span steps into the index of its expression."""
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN SELECT key FROM parent_of WHERE source = 'x'")]

    assert plan == ["SEARCH spans USING INDEX spans_parent (<expr>=?)"]


def test_edges_that_are_views_are_read_like_any(store: SqliteStore, path: Path) -> None:
    """They have the ends and fields that the mapping makes."""
    batch = mapping.of(two_sessions(), retention_days=1)
    store.write(batch)
    with closing(sqlite3.connect(path)) as connection:
        read = {
            (name, *row)
            for name in VIEWS
            for row in connection.execute(f"SELECT key, source, target, label, kind, start_ms, expire_at FROM {name}")
        }

    fields = ("label", "kind", "start_ms", "expire_at")
    assert read == {
        (edge.collection, edge.key, edge.source, edge.target, *(edge.document[name] for name in fields))
        for edge in batch.edges
        if edge.collection in VIEWS
    }


def test_words_that_were_forgotten_leave_the_file(store: SqliteStore, path: Path) -> None:
    """After a session was forgotten, no page of the file has its words, nor those of the index."""
    put(store, [span(1, attributes={"cc_otel.summary": "quixotic zebrafish"}), span(2, session="session-b")])
    store.index()
    before = b"zebrafish" in path.with_name("graph.db-wal").read_bytes()
    store.forget(["session-a"])
    after = [b"zebrafish" in file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")]

    assert (before, any(after)) == (True, False)
