-- What led to a span: the prompt, the model call that asked for it, and the results that this call had, by their order.
--
-- Used by: `cc-otel query why`
-- :trace_id text required  32 hexadecimal digits
-- :span_id text required  16 hexadecimal digits
-- => step, start_ms, trace_id, span_id, name, outcome, label, paths
--
-- step is `prompt` (the turn or subagent that the span is part of), `had` (a call that ended before the model was
-- asked, after it was asked the time before), `asked` (the model call) and `did` (the span). paths are those of the
-- files that it touched. Ordered by start_ms, span_id.
WITH
  asking AS (
    SELECT chat.*
    FROM asked_for JOIN spans AS chat ON chat.key = substr(asked_for.source, 7)
    WHERE asked_for.target = 'spans/' || :trace_id || '-' || :span_id
    ORDER BY chat.start_ms, chat.key LIMIT 1
  ),
  since AS (
    SELECT max(before.start_ms) AS start_ms
    FROM asking JOIN spans AS before ON before.key >= :trace_id || '-' AND before.key < :trace_id || '.'
    WHERE before.parent_id = asking.parent_id AND before.kind = 'chat' AND before.start_ms < asking.start_ms
  ),
  step AS (
    SELECT 'did' AS step, key FROM spans WHERE key = :trace_id || '-' || :span_id
    UNION ALL
    SELECT 'asked', key FROM asking
    UNION ALL
    SELECT 'prompt', parent.key
    FROM spans JOIN spans AS parent ON parent.key = spans.trace_id || '-' || spans.parent_id
    WHERE spans.key = :trace_id || '-' || :span_id AND parent.kind IN ('turn', 'subagent')
    UNION ALL
    SELECT 'had', call.key
    FROM asking
    JOIN since
    JOIN spans AS call ON call.key >= :trace_id || '-' AND call.key < :trace_id || '.'
    WHERE call.parent_id = asking.parent_id AND call.kind = 'tool' AND call.end_ms <= asking.start_ms
      AND call.end_ms > coalesce(since.start_ms, 0)
  )
SELECT
  step.step, spans.start_ms, spans.trace_id, spans.span_id, spans.name, spans.outcome, spans.label,
  (
    SELECT json_group_array(path) FROM (
      SELECT DISTINCT files.path
      FROM touched JOIN files ON files.key = substr(touched.target, 7)
      WHERE touched.key >= spans.key AND touched.key < spans.key || '/'
      ORDER BY files.path
    )
  ) AS paths
FROM step JOIN spans ON spans.key = step.key
ORDER BY spans.start_ms, spans.span_id
