"""A graph.db that version 1 wrote: read before and after its migration, and changed by the writer alone."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import orjson
import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite.schema import SCHEMA_VERSION
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import START, Edge, Json
from cc_otel.span import AttributeValue, Span
from tests.graph.contract import ask, column
from tests.graph.made import TRACE_A1, TRACE_A2, span, span_id, two_sessions

OF_VERSION_1: Final = frozenset({"spans", "sessions", "files", "parent_of", "part_of", "touched", "links_to"})
SCHEMA_1: Final = (Path(__file__).parent / "schema_1.sql").read_text("utf-8")
ASKED: Final = {"trace_id": TRACE_A2, "span_id": span_id(8), "session_id": "session-a"}
PAID: Final[dict[str, AttributeValue]] = {
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 2,
    "cc_otel.cost_usd": 0.5,
}


def spans() -> list[Span]:
    """Return what the file holds: two sessions, and a model call that cost something."""
    call: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m", **PAID}
    return [*two_sessions(), span(11, "chat m", parent=1, attributes=call)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file as version 1 wrote it."""
    path = tmp_path / "graph.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"PRAGMA journal_mode = WAL; {SCHEMA_1} PRAGMA user_version = 1;")
        for item in mapping.of(spans()):
            if item.collection not in OF_VERSION_1:
                continue
            table = old.execute(f"PRAGMA table_info({item.collection})").fetchall()
            columns = [row[1] for row in table]
            rest = {name: value for name, value in item.document.items() if name not in columns}
            places: dict[str, Json] = {"key": item.key, "document": orjson.dumps(rest).decode()}
            if isinstance(item, Edge):
                places |= {"source": item.source, "target": item.target}
            row = [{**item.document, **places}.get(name) for name in columns]
            old.execute(f"INSERT INTO {item.collection} VALUES ({', '.join('?' * len(row))})", row)
        old.commit()
    return path


def version(path: Path) -> int:
    """Return the version of a file's schema."""
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def answers(store: SqliteStore) -> dict[str, list[dict[str, Json]]]:
    """Ask every query."""
    taken = {name: ASKED.keys() & catalogue.parameters(name, "sql") for name in catalogue.names()}
    return {name: ask(store, name, **{key: ASKED[key] for key in keys}) for name, keys in taken.items()}


def test_every_query_answers_before_and_after(path: Path, tmp_path: Path) -> None:
    """Readers see a file of version 1 as they see it migrated, and as a new file with the same spans; none migrates."""
    reader = SqliteStore(path)
    before, version_before = answers(reader), version(path)
    writer = SqliteStore(path)
    writer.prepare()
    after = answers(reader)
    new = SqliteStore(tmp_path / "new.db")
    new.write(mapping.of(spans()))

    assert (version_before, version(path)) == (1, SCHEMA_VERSION)
    assert before == after == answers(new)
    for store in (reader, writer, new):
        store.close()


def test_the_feed_goes_on_over_the_migration(path: Path) -> None:
    """A feed that is read across the migration returns every span once, and then what is written."""
    store = SqliteStore(path)
    rows, cursor = store.changes(START, 4)
    store.prepare()
    more, cursor = store.changes(cursor)
    store.write(mapping.of([span(12), span(1, "changed", end_ms=2_000)]))
    changed, _ = store.changes(cursor)
    store.close()

    assert len({(row["trace_id"], row["span_id"]) for row in [*rows, *more]}) == len(rows) + len(more) == 11
    assert sorted(column(changed, "span_id", "name")) == [(span_id(1), "changed"), (span_id(12), "work")]


def test_edges_of_version_1_go_with_their_version(path: Path) -> None:
    """A span that version 1 stored may come again without its parent: the old edge is gone."""
    store = SqliteStore(path)
    store.write(mapping.of([span(6, end_ms=2_000)]))
    rows = ask(store, "tree", trace_id=TRACE_A1)
    store.close()

    assert (span_id(6), 0) in column(rows, "span_id", "depth")
