"""The model of the graph, and what derives from it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.model import COLLECTIONS, Collection
from cc_otel.graph.sqlite.rows import VIEWS
from cc_otel.graph.sqlite.store import SqliteStore
from tests.graph.made import two_sessions

SCHEMA = resources.files("cc_otel.graph").joinpath("schema.sql").read_text("utf-8")
OWN_TABLES = {"counters", "probes", "words"}


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """Return a database with the tables of schema.sql."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        yield database


def test_every_collection_has_a_table(database: sqlite3.Connection) -> None:
    """schema.sql has a table for each collection, and beside them only what the store needs for itself."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    tables -= {f"words_{part}" for part in ("config", "data", "docsize", "idx")}  # FTS5's own.

    assert tables - OWN_TABLES == set(COLLECTIONS)


@pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=lambda collection: collection.name)
def test_a_table_has_the_columns_of_its_collection(database: sqlite3.Connection, collection: Collection) -> None:
    """A table has the fields that have columns, with their types, and the places of a document."""
    columns = {row[1]: row[2] for row in database.execute(f"PRAGMA table_info({collection.name})")}
    ends = ("source", "target") if collection.holds_edges else ()
    places = dict.fromkeys(("key", *ends, "document"), "TEXT")
    numbered = {"seq": "INTEGER"} if collection.name == "spans" else {}

    if collection.name in VIEWS:
        assert columns.keys() == {**collection.columns, **places}.keys()
    else:
        assert columns == {**collection.columns, **places, **numbered}


@pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=lambda collection: collection.name)
def test_what_queries_look_for_has_an_index(database: sqlite3.Connection, collection: Collection) -> None:
    """Each way to find documents is the beginning of an index; a trace's keys begin with its id."""
    names = [row[1] for row in database.execute(f"PRAGMA index_list({collection.name})")]
    indexes = [tuple(row[2] for row in database.execute(f"PRAGMA index_info({name})")) for name in names]
    wanted = [("key",) if fields[0] == "trace_id" else fields for fields in collection.indexes]

    assert [fields for fields in wanted if not any(index[: len(fields)] == fields for index in indexes)] == []


def test_edges_lead_where_the_model_says() -> None:
    """What the mapping makes goes into collections of the model, and edges from and to those that it names."""
    batch = mapping.of(two_sessions())
    ends = {(edge.collection, edge.source.split("/")[0], edge.target.split("/")[0]) for edge in batch.edges}

    assert ends <= {(it.name, it.source, target) for it in COLLECTIONS.values() for target in it.targets}
    assert {vertex.collection for vertex in batch.vertices} <= set(COLLECTIONS)


def test_a_migrated_file_is_like_a_new_one(tmp_path: Path) -> None:
    """A file that version 1 wrote has, once migrated, the tables and indexes of a new one."""
    path = tmp_path / "graph.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript((Path(__file__).parent / "schema_1.sql").read_text("utf-8"))
        old.execute("PRAGMA user_version = 1")
    for store in (SqliteStore(path), SqliteStore(tmp_path / "new.db")):
        store.prepare()
        store.close()
    shapes = []
    for file in (path, tmp_path / "new.db"):
        with closing(sqlite3.connect(file)) as database:
            tables = [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
            ]
            shapes.append(
                {
                    name: (
                        [row[1:3] for row in database.execute(f"PRAGMA table_info({name})")],
                        sorted(row[1] for row in database.execute(f"PRAGMA index_list({name})")),
                    )
                    for name in tables
                }
            )

    assert shapes[0] == shapes[1]
