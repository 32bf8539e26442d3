"""The journal's versions."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cc_otel.journal.counters import Count
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.journal.journal import Journal
from cc_otel.journal.schema import VERSION
from cc_otel.span import EncodedSpan

TRACE, SPAN, SENT = "ab" * 16, "cd" * 8, "ef" * 8
DIGEST = "12" * 16
VERSION_1 = f"""
CREATE TABLE inputs (id INTEGER PRIMARY KEY, digest TEXT UNIQUE, session TEXT NOT NULL, clock_ns INTEGER NOT NULL,
  seq INTEGER, fields BLOB NOT NULL, content BLOB) STRICT;
CREATE INDEX inputs_pending ON inputs (clock_ns, id) WHERE seq IS NULL;
CREATE INDEX inputs_of_session ON inputs (session, seq, clock_ns);
CREATE INDEX inputs_clock ON inputs (clock_ns);
CREATE INDEX inputs_live ON inputs (session) WHERE content IS NOT NULL;
CREATE TABLE outbox (number INTEGER PRIMARY KEY, span_id TEXT NOT NULL UNIQUE, trace_id TEXT NOT NULL,
  session TEXT NOT NULL, start_ns INTEGER NOT NULL, resource BLOB, span BLOB) STRICT;
CREATE INDEX outbox_waiting ON outbox (number, trace_id, start_ns, length(span)) WHERE span IS NOT NULL;
CREATE INDEX outbox_of_session ON outbox (session);
CREATE TABLE counts (what TEXT PRIMARY KEY, count INTEGER NOT NULL, first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL) STRICT;
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO inputs VALUES
  (1, '{DIGEST}', 's', 10, 1, x'01', NULL), (2, 'chat s m', 's', 20, 3, x'02', x'22'),
  (3, NULL, 's', 15, 2, x'03', NULL),
  (4, '{"34" * 16}', 't', 40, NULL, x'04', x'44');
INSERT INTO outbox VALUES
  (1, '{SENT}', '{TRACE}', 's', 10, NULL, NULL), (2, '{SPAN}', '{TRACE}', 's', 11, x'0a', x'0b');
INSERT INTO counts VALUES ('events_lost', 2, 3, 4);
INSERT INTO notes VALUES ('agent',
  '{{"pid": 7, "version": "0.1.0", "endpoint": "e", "content": "c", "started_ns": 1}}');
PRAGMA user_version = 1;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal of version 1."""
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(VERSION_1)
    return tmp_path / "journal.db"


def seen(journal: Journal) -> list[object]:
    """Return what a reader asks for."""
    status = journal.status.load()
    return [
        list(journal.inputs.told("s")),
        journal.inputs.pending(100, 9),
        journal.inputs.live_sessions(),
        journal.inputs.live(),
        journal.inputs.contents([1, 2, 4]),
        journal.inputs.last_events(0, 9),
        journal.inputs.heard_since(19),
        journal.backlog(),
        journal.counters.all(),
        status.agent and status.agent.version,
    ]


SEEN = [
    [
        JournalInput(InputKind.EVENT, "s", 10, b"\x01", 1),
        JournalInput(InputKind.OBSERVATION, "s", 15, b"\x03", 3),
        JournalInput(InputKind.MODEL_CALL, "s", 20, b"\x02", 2),
    ],
    [JournalInput(InputKind.EVENT, "t", 40, b"\x04", 4, content=b"\x44")],
    ["s"],
    [JournalInput(InputKind.MODEL_CALL, "s", 20, b"\x02", 2)],
    {2: b"\x22", 4: b"\x44"},
    [JournalInput(InputKind.EVENT, "s", 10, b"\x01", 1)],
    {"s": 20, "t": 40},
    (1, 1),
    {"events_lost": Count(2, 3, 4)},
    "0.1.0",
]


def version(path: Path) -> int:
    """Return the version of a journal's tables."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("read_only", [True, False])
def test_version_1_is_read_as_it_is(path: Path, read_only: bool) -> None:
    """Whoever is not its owner reads version 1, and leaves it."""
    with closing(Journal(path, read_only=read_only)) as journal:
        assert seen(journal) == SEEN
        assert (journal.open_spans.kept, journal.open_spans.all()) == (False, [])
    assert version(path) == 1


def test_its_owner_migrates_version_1(path: Path) -> None:
    """After the migration everything is as it was, what was sent and taken in is known, and the order goes on."""
    with closing(Journal(path, owner=True)) as journal:
        assert seen(journal) == SEEN
        assert set(journal.inputs.known([DIGEST, "chat s m", "56" * 16])) == {DIGEST, "chat s m"}
        journal.commit([], [EncodedSpan(TRACE, SENT, b"r", b"again", "s", 10)], [])
        assert journal.outbox.waiting(9, 99) == [EncodedSpan(TRACE, SPAN, b"\x0a", b"\x0b")]
        journal.commit([JournalInput(InputKind.OBSERVATION, "s", 50, b"\x05")], [], [])
        assert [item.fields for item in journal.inputs.told("s")] == [b"\x01", b"\x03", b"\x02", b"\x05"]
    assert version(path) == VERSION


def test_a_migration_happens_whole_or_not_at_all(path: Path) -> None:
    """Where it fails in the middle the journal is of version 1, as it was, and the next start tries again."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE resources (in_the_way)")
    with pytest.raises(JournalUnavailable, match="resources"):
        Journal(path, owner=True)
    with closing(Journal(path, read_only=True)) as journal:
        assert seen(journal) == SEEN
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE resources")
    with closing(Journal(path, owner=True)) as journal:
        assert seen(journal) == SEEN


def test_a_journal_cut_to_nothing_beside_its_log_is_set_aside(tmp_path: Path) -> None:
    """An empty file beside a log that holds something is damage, counted, not a journal to begin with."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.commit([], [EncodedSpan(TRACE, SPAN, b"r", b"s", "s", 1)], [])
    with path.open("r+b") as file:
        file.truncate(0)
    with closing(Journal(path, owner=True)) as anew:
        assert set(anew.counters.all()) == {"journals_set_aside"}
    assert {file.name.partition(".broken-")[2][-4:] for file in tmp_path.glob("*broken*")} >= {"-wal"}
