-- The traces of one session, in the order they began.
--
-- Used by: `cc-otel query tree`
-- :session_id text required  as the client names it
-- => trace_id, start_ms, end_ms, errors, spans
--
-- Only spans that name the session are counted. Ordered by start_ms, trace_id.
SELECT
  trace_id, min(start_ms) AS start_ms, max(end_ms) AS end_ms, sum(status = 'ERROR') AS errors, count(*) AS spans
FROM spans
WHERE session_id = :session_id
GROUP BY trace_id
ORDER BY min(start_ms), trace_id
