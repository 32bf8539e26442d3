-- What was read or done twice for nothing: files read again as they were, commands run again, edits taken back.
--
-- Used by: `cc-otel query rework`
-- :session_id text  in this session
-- :since_ms real  then or later, ms since the epoch
-- :limit integer = 50  how many at most
-- => start_ms, session_id, trace_id, span_id, what, path, label, before_span_id, gap_ms
--
-- what is read, command or reverted; before_span_id is the call before that it repeats or takes back. A read repeats the
-- one before it of the same file and ranges by the same agent, unless anything changed the file or a compaction took the
-- text away in between; a command the same one before it, unless its session changed a file or was compacted in
-- between. An edit is taken back by one of the same file that puts the old text where it put the new one. Calls that
-- failed are no reads and no edits. Ordered by start_ms descending, span_id, what. One branch for each way in, of which
-- SQLite runs one.
WITH
  found AS (
    SELECT key FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
    UNION ALL
    SELECT key FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
  ),
  calls AS (
    SELECT spans.* FROM found JOIN spans ON spans.key = found.key
    WHERE spans.kind = 'tool' AND spans.session_id IS NOT NULL AND spans.start_ms >= coalesce(:since_ms, 0)
  ),
  reads AS (
    SELECT
      calls.start_ms, calls.session_id, calls.trace_id, calls.span_id, calls.label, touched.target,
      lag(calls.span_id) OVER same AS before_span_id, lag(calls.end_ms) OVER same AS before_ms
    FROM calls JOIN touched ON touched.key >= calls.key AND touched.key < calls.key || '/'
    WHERE touched.op = 'read' AND calls.status <> 'ERROR'
    WINDOW same AS (
      PARTITION BY calls.session_id, calls.agent_id, touched.target, json_extract(touched.document, '$.ranges')
      ORDER BY calls.start_ms, calls.trace_id, calls.span_id
    )
  ),
  commands AS (
    SELECT
      start_ms, session_id, trace_id, span_id, label,
      lag(span_id) OVER same AS before_span_id, lag(end_ms) OVER same AS before_ms
    FROM calls
    WHERE command IS NOT NULL
    WINDOW same AS (PARTITION BY session_id, agent_id, command ORDER BY start_ms, trace_id, span_id)
  ),
  edits AS (
    SELECT
      calls.start_ms, calls.end_ms, calls.session_id, calls.trace_id, calls.span_id, calls.label, touched.target,
      json_extract(calls.document, '$.attributes.gen_ai_tool_call_arguments.old_string') AS old,
      json_extract(calls.document, '$.attributes.gen_ai_tool_call_arguments.new_string') AS new
    FROM calls JOIN touched ON touched.key >= calls.key AND touched.key < calls.key || '/'
    WHERE touched.op = 'edit' AND calls.status <> 'ERROR'
  ),
  twice AS (
    SELECT
      reads.start_ms, reads.session_id, reads.trace_id, reads.span_id, 'read' AS what, reads.target, reads.label,
      reads.before_span_id, reads.before_ms
    FROM reads
    WHERE reads.before_span_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM touched
      WHERE touched.target = reads.target AND touched.op <> 'read'
        AND touched.start_ms >= reads.before_ms AND touched.start_ms < reads.start_ms
    )
    UNION ALL
    SELECT
      commands.start_ms, commands.session_id, commands.trace_id, commands.span_id, 'command', NULL, commands.label,
      commands.before_span_id, commands.before_ms
    FROM commands
    WHERE commands.before_span_id IS NOT NULL AND NOT EXISTS (
      SELECT 1
      FROM spans JOIN touched ON touched.key >= spans.key AND touched.key < spans.key || '/'
      WHERE spans.session_id = commands.session_id AND touched.op <> 'read'
        AND spans.start_ms >= commands.before_ms AND spans.start_ms < commands.start_ms
    )
    UNION ALL
    SELECT
      edits.start_ms, edits.session_id, edits.trace_id, edits.span_id, 'reverted', edits.target, edits.label,
      before.span_id, before.end_ms
    FROM edits JOIN edits AS before
      ON before.session_id = edits.session_id AND before.target = edits.target
      AND before.old = edits.new AND before.new = edits.old
    WHERE before.start_ms = (
      SELECT max(start_ms) FROM edits AS other
      WHERE other.session_id = edits.session_id AND other.target = edits.target
        AND other.old = edits.new AND other.new = edits.old AND other.start_ms < edits.start_ms
    )
  )
SELECT
  twice.start_ms, twice.session_id, twice.trace_id, twice.span_id, twice.what, files.path, twice.label,
  twice.before_span_id, twice.start_ms - twice.before_ms AS gap_ms
FROM twice LEFT JOIN files ON files.key = substr(twice.target, 7)
WHERE twice.what = 'reverted' OR NOT EXISTS (
  SELECT 1 FROM spans
  WHERE spans.session_id = twice.session_id AND spans.kind = 'compact'
    AND spans.start_ms >= twice.before_ms AND spans.start_ms < twice.start_ms
)
ORDER BY twice.start_ms DESC, twice.span_id, twice.what, files.path
LIMIT coalesce(:limit, -1)
