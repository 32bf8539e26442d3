-- The graph in SQLite, version 3: a table or a view for each collection of model.py.
--
-- A document's fields go into the columns of their names, what has no column into `document`, as JSON. A table with
-- `source` and `target` holds edges. Nothing is declared a foreign key: a child often arrives before its parent.
--
-- Every write pays for every index, so each has a query that needs it. The keys of spans and of their edges begin
-- with the trace id: what arrives together lies together, and a write costs the same however large the file is.
--
-- `seq` is the number of the write that changed a span last (`counters`), null for those of version 1: the change feed.

CREATE TABLE IF NOT EXISTS spans (
  key TEXT NOT NULL, start_ms REAL, end_ms REAL, duration_ms REAL, trace_id TEXT, span_id TEXT, parent_id TEXT,
  kind TEXT, status TEXT, error_type TEXT, tool TEXT, name TEXT, label TEXT, summary TEXT, command TEXT,
  session_id TEXT, service TEXT, expire_at INTEGER, document TEXT,
  dialect TEXT, model TEXT, response_id TEXT, input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,
  cache_write_tokens INTEGER, cost_usd REAL, seq INTEGER,
  outcome TEXT, command_class TEXT, program TEXT, error_key TEXT, repository TEXT, agent_id TEXT, wait_ms REAL
);
CREATE UNIQUE INDEX IF NOT EXISTS spans_key ON spans (key);      -- one span; the spans of a trace
CREATE INDEX IF NOT EXISTS spans_sessions ON spans (session_id, start_ms, end_ms, kind, status, dialect);  -- sessions
CREATE INDEX IF NOT EXISTS spans_start ON spans (start_ms);      -- the newest spans
CREATE INDEX IF NOT EXISTS spans_expiry ON spans (expire_at);    -- what to prune
CREATE INDEX IF NOT EXISTS spans_seq ON spans (seq);             -- the change feed
CREATE INDEX IF NOT EXISTS spans_response ON spans (response_id) WHERE response_id IS NOT NULL;  -- cost

CREATE TABLE IF NOT EXISTS sessions (
  key TEXT PRIMARY KEY, session_id TEXT, label TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS files (
  key TEXT PRIMARY KEY, path TEXT, label TEXT, expire_at INTEGER, document TEXT, repository TEXT, extension TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS repositories (
  key TEXT PRIMARY KEY, name TEXT, label TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS commands (
  key TEXT PRIMARY KEY, program TEXT, subcommand TEXT, class TEXT, sample TEXT, label TEXT, expire_at INTEGER,
  document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS errors (
  key TEXT PRIMARY KEY, class TEXT, tool TEXT, sample TEXT, label TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS commits (
  key TEXT PRIMARY KEY, repository TEXT, sha TEXT, subject TEXT, branch TEXT, label TEXT, expire_at INTEGER,
  document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS models (
  key TEXT PRIMARY KEY, name TEXT, provider TEXT, label TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tools (
  key TEXT PRIMARY KEY, name TEXT, server TEXT, class TEXT, label TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;

-- These two say nothing that their span does not: views, with an index on the very expression of the way down.
CREATE VIEW IF NOT EXISTS parent_of AS
SELECT
  key, 'spans/' || trace_id || '-' || parent_id AS source, 'spans/' || key AS target, 'parent of' AS label, start_ms,
  kind, status, trace_id, session_id, expire_at, NULL AS document
FROM spans
WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS spans_parent ON spans ('spans/' || trace_id || '-' || parent_id) WHERE parent_id IS NOT NULL;

CREATE VIEW IF NOT EXISTS part_of AS
SELECT
  spans.key, 'spans/' || spans.key AS source, 'sessions/' || sessions.key AS target, 'part of' AS label,
  spans.start_ms, spans.kind, spans.status, spans.trace_id, spans.session_id, spans.expire_at, NULL AS document
FROM spans JOIN sessions ON sessions.session_id = spans.session_id;
CREATE INDEX IF NOT EXISTS sessions_id ON sessions (session_id);

CREATE TABLE IF NOT EXISTS touched (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, op TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, rule TEXT, certainty TEXT,
  lines_added INTEGER, lines_removed INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS touched_target ON touched (target, start_ms);  -- who touched a file

CREATE TABLE IF NOT EXISTS links_to (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_to_target ON links_to (target);  -- who asked for a call; what to prune

CREATE TABLE IF NOT EXISTS searched (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, count INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS searched_target ON searched (target, start_ms);

CREATE TABLE IF NOT EXISTS ran (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, directory TEXT, position INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ran_target ON ran (target, start_ms);

CREATE TABLE IF NOT EXISTS failed_with (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failed_with_target ON failed_with (target, start_ms);

CREATE TABLE IF NOT EXISTS used (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT,
  input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_target ON used (target, start_ms);

CREATE TABLE IF NOT EXISTS asked_for (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS asked_for_target ON asked_for (target);

CREATE TABLE IF NOT EXISTS launched (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS launched_target ON launched (target);

CREATE TABLE IF NOT EXISTS committed (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, rule TEXT, certainty TEXT,
  amended INTEGER, pushed INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS committed_target ON committed (target);

CREATE TABLE IF NOT EXISTS worked_in (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, worktree TEXT, branch TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS worked_in_target ON worked_in (target, start_ms);
CREATE INDEX IF NOT EXISTS worked_in_source ON worked_in (source, target);
CREATE INDEX IF NOT EXISTS launched_source ON launched (source);

-- What takes two spans, written anew for a whole session.

CREATE TABLE IF NOT EXISTS follows (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, rule TEXT, certainty TEXT,
  level TEXT, gap_ms REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS follows_target ON follows (target);
CREATE INDEX IF NOT EXISTS follows_source ON follows (source);
CREATE INDEX IF NOT EXISTS follows_session ON follows (session_id);

CREATE TABLE IF NOT EXISTS retried (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, rule TEXT, certainty TEXT,
  level TEXT, gap_ms REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS retried_target ON retried (target);
CREATE INDEX IF NOT EXISTS retried_source ON retried (source);
CREATE INDEX IF NOT EXISTS retried_session ON retried (session_id);

CREATE TABLE IF NOT EXISTS resolved_by (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, rule TEXT, certainty TEXT,
  level TEXT, gap_ms REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resolved_by_target ON resolved_by (target);
CREATE INDEX IF NOT EXISTS resolved_by_source ON resolved_by (source);
CREATE INDEX IF NOT EXISTS resolved_by_session ON resolved_by (session_id);

CREATE TABLE IF NOT EXISTS superseded_by (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, label TEXT, start_ms REAL, kind TEXT,
  status TEXT, trace_id TEXT, session_id TEXT, expire_at INTEGER, document TEXT, rule TEXT, certainty TEXT,
  level TEXT, gap_ms REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS superseded_by_target ON superseded_by (target);
CREATE INDEX IF NOT EXISTS superseded_by_source ON superseded_by (source);
CREATE INDEX IF NOT EXISTS superseded_by_session ON superseded_by (session_id);

CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('seq', 0);

-- The text of spans, without a copy of it; sqlite/words.py keeps it right.
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
  text, content = '', tokenize = "unicode61 remove_diacritics 0"
);

CREATE TABLE IF NOT EXISTS probes (number INTEGER PRIMARY KEY, bytes BLOB);  -- what a probe writes, and removes
