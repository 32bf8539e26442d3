"""
The tables of the journal, version 2, and how version 1 becomes or is read as them.

Only the holder of the home's lock migrates. Others read version 1 through views that have the shape of version 2, so
that one set of queries is enough.
"""

import sqlite3
from typing import Final

VERSION: Final = 2

SCHEMA: Final = """
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  heard_ns INTEGER NOT NULL,
  forgotten_ns INTEGER
) STRICT;
CREATE INDEX sessions_heard ON sessions (heard_ns);
CREATE TABLE inputs (
  id INTEGER PRIMARY KEY,
  digest BLOB UNIQUE,
  session INTEGER NOT NULL,
  clock_ns INTEGER NOT NULL,
  seq INTEGER,
  kind TEXT NOT NULL,
  fields BLOB NOT NULL
) STRICT;
CREATE INDEX inputs_pending ON inputs (clock_ns, id) WHERE seq IS NULL;
CREATE INDEX inputs_of_session ON inputs (session, seq);
CREATE TABLE contents (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE spans (span_id BLOB PRIMARY KEY, session INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX spans_of_session ON spans (session);
CREATE TABLE resources (id INTEGER PRIMARY KEY, resource BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY,
  span_id BLOB NOT NULL UNIQUE,
  trace_id BLOB NOT NULL,
  session INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  span BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_of_session ON outbox (session);
CREATE TABLE open_spans (
  span_id TEXT PRIMARY KEY,
  session INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,
  state TEXT NOT NULL,
  event_id INTEGER NOT NULL,
  closer_id INTEGER,
  draft BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX open_spans_of_session ON open_spans (session, start_ns);
CREATE TABLE counts (
  what TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
"""
``inputs`` holds what the assembler is given: ``kind`` is event, model_call or observation, ``seq`` the place in the
order, NULL until it is assembled. ``contents`` holds what an event said until every span that needs it is encoded, and
``spans`` the id of every span that was, so that none is encoded twice. A session is forgotten by its ``forgotten_ns``.
"""

_KIND: Final = """CASE WHEN digest IS NULL THEN 'observation' WHEN digest LIKE 'chat %' THEN 'model_call'
  ELSE 'event' END"""

# Version 1 had everything of an event in one row, sessions by their names, and ids as hexadecimal text.
_MIGRATE: Final = f"""
ALTER TABLE inputs RENAME TO inputs_1;
ALTER TABLE outbox RENAME TO outbox_1;
DROP INDEX inputs_pending; DROP INDEX inputs_of_session; DROP INDEX inputs_clock; DROP INDEX inputs_live;
DROP INDEX outbox_waiting; DROP INDEX outbox_of_session;
ALTER TABLE counts RENAME TO counts_1;
ALTER TABLE notes RENAME TO notes_1;
{SCHEMA}
INSERT INTO sessions (name, heard_ns) SELECT session, max(clock_ns) FROM inputs_1 GROUP BY session ORDER BY min(id);
INSERT OR IGNORE INTO sessions (name, heard_ns) SELECT session, max(start_ns) FROM outbox_1 GROUP BY session;
INSERT INTO inputs SELECT i.id, key_of(i.digest), s.id, i.clock_ns, i.seq, {_KIND}, i.fields
  FROM inputs_1 AS i JOIN sessions AS s ON s.name = i.session ORDER BY i.id;
INSERT INTO contents SELECT id, content FROM inputs_1 WHERE content IS NOT NULL ORDER BY id;
INSERT INTO spans SELECT key_of(o.span_id), s.id FROM outbox_1 AS o JOIN sessions AS s ON s.name = o.session;
INSERT OR IGNORE INTO resources (resource) SELECT DISTINCT resource FROM outbox_1 WHERE span IS NOT NULL;
INSERT INTO outbox
  SELECT o.number, key_of(o.span_id), key_of(o.trace_id), s.id, o.start_ns, r.id, length(o.span), o.span
  FROM outbox_1 AS o JOIN sessions AS s ON s.name = o.session JOIN resources AS r ON r.resource = o.resource
  WHERE o.span IS NOT NULL ORDER BY o.number;
INSERT INTO counts SELECT * FROM counts_1;
INSERT INTO notes SELECT * FROM notes_1;
DROP TABLE inputs_1; DROP TABLE outbox_1; DROP TABLE counts_1; DROP TABLE notes_1;
PRAGMA user_version = {VERSION};
"""  # noqa: S608 - our own texts

_VIEWS: Final = f"""
CREATE TEMP VIEW sessions AS SELECT min(id) AS id, session AS name, max(clock_ns) AS heard_ns, NULL AS forgotten_ns
  FROM main.inputs GROUP BY session;
CREATE TEMP VIEW contents AS SELECT id, content FROM main.inputs WHERE content IS NOT NULL;
CREATE TEMP VIEW outbox AS SELECT number, span_id, trace_id, session, start_ns, 0 AS resource,
  length(span) AS size_bytes, span FROM main.outbox WHERE span IS NOT NULL;
CREATE TEMP VIEW open_spans AS SELECT '' AS span_id, 0 AS session, 0 AS start_ns, '' AS state, 0 AS event_id,
  NULL AS closer_id, x'' AS draft WHERE false;
CREATE TEMP VIEW inputs AS SELECT i.id, i.digest, s.id AS session, i.clock_ns, i.seq, {_KIND} AS kind, i.fields
  FROM main.inputs AS i JOIN temp.sessions AS s ON s.name = i.session;
"""  # noqa: S608 - our own texts


def key_of(identity: str | None) -> bytes | None:
    """Return an id or a digest as the journal keeps it: hexadecimal digits as bytes of half the length."""
    if identity is None:
        return None
    try:
        return bytes.fromhex(identity)
    except ValueError:
        return identity.encode()


def version_of(db: sqlite3.Connection) -> int:
    """
    Return the version of a journal's tables, 0 where there are none.

    Raises:
        sqlite3.NotSupportedError: a newer version of cc-otel made them.

    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.NotSupportedError(f"written by a newer cc-otel (journal version {version}): upgrade cc-otel")
    return version


def create(db: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables of version 1 to today's in one transaction: a kill leaves one version or the other."""
    db.create_function("key_of", 1, key_of, deterministic=True)
    try:
        db.executescript(f"BEGIN IMMEDIATE; {_MIGRATE} COMMIT;")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def show_as_current(db: sqlite3.Connection) -> None:
    """Let a connection that reads version 1 see the tables of today's version."""
    db.executescript(_VIEWS)
