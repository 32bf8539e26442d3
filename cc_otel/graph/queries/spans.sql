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
-- :error text  with this error type, or error key
-- :since_ms real  that began then or later, ms since the epoch
-- :until_ms real  that began before then, ms since the epoch
-- :longer_ms real  that took this long or longer
-- :attribute text  with this attribute
-- :value text  with this value of that attribute
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
  WHERE :session_id IS NULL AND :trace_id IS NULL AND (:since_ms IS NULL OR start_ms >= :since_ms)
)
WHERE (:name IS NULL OR name = :name)
  AND (:kind IS NULL OR kind = :kind)
  AND (:tool IS NULL OR tool = :tool)
  AND (:status IS NULL OR status = :status)
  AND (:text IS NULL OR instr(lower(summary), lower(:text)) OR instr(lower(command), lower(:text)))
  AND (:error IS NULL OR error_type = :error OR error_key = :error)
  AND (:since_ms IS NULL OR start_ms >= :since_ms) AND (:until_ms IS NULL OR start_ms < :until_ms)
  AND (:longer_ms IS NULL OR duration_ms >= :longer_ms)
  AND (:attribute IS NULL OR EXISTS (
    SELECT 1 FROM json_each(document, '$.attributes') AS said
    WHERE said.type <> 'null' AND said.key IN (:attribute, replace(:attribute, '.', '_'))
      AND (:value IS NULL OR CASE WHEN said.type IN ('true', 'false') THEN said.type ELSE CAST(said.atom AS TEXT) END = :value)
  ))
ORDER BY start_ms DESC, trace_id, span_id
LIMIT coalesce(:limit, -1)
