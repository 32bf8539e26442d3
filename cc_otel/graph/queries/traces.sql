-- The traces, the one that was active last first.
--
-- Used by: `cc-otel query traces`
-- :since_ms real  only those of which a span began then or later, ms since the epoch; null takes any
-- :limit integer = 20  how many at most; all where it is null
-- => trace_id, start_ms, end_ms, errors, spans, active_ms, session_id, name, label
--
-- active_ms is the last start of a span, name and label are those of the first. Ordered by active_ms descending,
-- trace_id. Only the traces of the answer are counted through.
WITH newest AS (
  SELECT trace_id, max(start_ms) AS active_ms
  FROM spans INDEXED BY spans_start
  WHERE start_ms >= coalesce(:since_ms, 0)
  GROUP BY trace_id
  ORDER BY active_ms DESC, trace_id
  LIMIT coalesce(:limit, -1)
)
SELECT
  newest.trace_id, min(spans.start_ms) AS start_ms, max(spans.end_ms) AS end_ms,
  sum(spans.status = 'ERROR') AS errors, count(*) AS spans, newest.active_ms, max(spans.session_id) AS session_id,
  (
    SELECT name FROM spans AS one
    WHERE one.key >= newest.trace_id || '-' AND one.key < newest.trace_id || '.'
    ORDER BY one.start_ms, one.span_id LIMIT 1
  ) AS name,
  (
    SELECT label FROM spans AS one
    WHERE one.key >= newest.trace_id || '-' AND one.key < newest.trace_id || '.'
    ORDER BY one.start_ms, one.span_id LIMIT 1
  ) AS label
FROM newest JOIN spans ON spans.key >= newest.trace_id || '-' AND spans.key < newest.trace_id || '.'
GROUP BY newest.trace_id
ORDER BY newest.active_ms DESC, newest.trace_id
