-- The graph in SQLite: one table for each collection of docs/graph.md.
--
-- A document's fields go into the columns of their names, what has no column into `document`, as JSON. A table with
-- `source` and `target` holds edges. Nothing is declared a foreign key: a child often arrives before its parent.
--
-- Every write pays for every index, so each has a query that needs it. The keys of spans and of their edges begin
-- with the trace id: what arrives together lies together, and a write costs the same however large the file is.

CREATE TABLE IF NOT EXISTS spans (
  key TEXT NOT NULL, start_ms REAL, end_ms REAL, duration_ms REAL, trace_id TEXT, span_id TEXT, parent_id TEXT,
  kind TEXT, status TEXT, error_type TEXT, tool TEXT, name TEXT, label TEXT, summary TEXT, command TEXT,
  session_id TEXT, service TEXT, expire_at INTEGER, document TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS spans_key ON spans (key);      -- one span; the spans of a trace
CREATE INDEX IF NOT EXISTS spans_session ON spans (session_id, start_ms, end_ms, kind, status);  -- sessions
CREATE INDEX IF NOT EXISTS spans_start ON spans (start_ms);      -- the newest spans
CREATE INDEX IF NOT EXISTS spans_expiry ON spans (expire_at);    -- what to prune

CREATE TABLE IF NOT EXISTS sessions (
  key TEXT PRIMARY KEY, session_id TEXT, label TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS files (
  key TEXT PRIMARY KEY, path TEXT, label TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS parent_of (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parent_of_source ON parent_of (source, target);  -- down a tree

CREATE TABLE IF NOT EXISTS part_of (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS touched (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, op TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS links_to (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;
