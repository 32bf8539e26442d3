-- Spans by what they say, the newest first.
--
-- Used by: `cc-otel query spans`
-- :session_id text  of this session
-- :trace_id text  of this trace
-- :name text  with this name
-- :kind text of turn|subagent|tool|chat|session|compact|hook|span  of this kind
-- :tool text  of this tool
-- :status text of ERROR|UNSET|OK  with this status
-- :text text  with this in the summary or the command, in whatever case (of A to Z)
-- :limit integer = 20  how many at most
-- => trace_id, span_id, parent_id, kind, name, tool, label, summary, command, status, error_type, session_id, service,
--    start_ms, end_ms, duration_ms
--
-- Ordered by start_ms descending, trace_id, span_id. One branch for each way in, of which SQLite runs one: the
-- session's index, the trace's, or the newest of all.
SELECT
  trace_id, span_id, parent_id, kind, name, tool, label, summary, command, status, error_type, session_id, service,
  start_ms, end_ms, duration_ms
FROM (
  SELECT * FROM spans
  WHERE :session_id IS NOT NULL AND session_id = :session_id AND (:trace_id IS NULL OR trace_id = :trace_id)
  UNION ALL
  SELECT * FROM spans
  WHERE :session_id IS NULL AND :trace_id IS NOT NULL AND key >= :trace_id || '-' AND key < :trace_id || '.'
  UNION ALL
  SELECT * FROM spans
  WHERE :session_id IS NULL AND :trace_id IS NULL
)
WHERE (:name IS NULL OR name = :name)
  AND (:kind IS NULL OR kind = :kind)
  AND (:tool IS NULL OR tool = :tool)
  AND (:status IS NULL OR status = :status)
  AND (:text IS NULL OR instr(lower(summary), lower(:text)) OR instr(lower(command), lower(:text)))
ORDER BY start_ms DESC, trace_id, span_id
LIMIT coalesce(:limit, -1)
