-- The same call over and over with the same result, the one made most often first.
--
-- Used by: `cc-otel query loops`
-- :session_id text  in this session
-- :since_ms real  of which a call began then or later, ms since the epoch
-- :until_ms real  that began before then, ms since the epoch
-- :least integer = 3  how many calls at least
-- :limit integer = 20  how many at most
-- => times, session_id, trace_id, span_id, tool, outcome, label, first_ms, last_ms
--
-- A row is the first call of a run: of the edges `retried`, those that say of their two calls that the result was the
-- same. Calls whose result changes, as in polling, are no loop. Ordered by times descending, last_ms descending,
-- trace_id, span_id.
WITH run AS (
  SELECT
    json_extract(retried.document, '$.run') AS key, max(json_extract(retried.document, '$.attempt')) AS times,
    max(spans.start_ms) AS last_ms
  FROM (
    SELECT target, document FROM retried WHERE :session_id IS NOT NULL AND session_id = :session_id
    UNION ALL
    SELECT target, document FROM retried WHERE :session_id IS NULL
  ) AS retried
  CROSS JOIN spans ON spans.key = substr(retried.target, 7)
  WHERE json_extract(retried.document, '$.same_result')
  GROUP BY json_extract(retried.document, '$.run')
)
SELECT
  run.times, spans.session_id, spans.trace_id, spans.span_id, spans.tool, spans.outcome, spans.label,
  spans.start_ms AS first_ms, run.last_ms
FROM run JOIN spans ON spans.key = run.key
WHERE run.times >= coalesce(:least, 3)
  AND (:since_ms IS NULL OR run.last_ms >= :since_ms) AND (:until_ms IS NULL OR spans.start_ms < :until_ms)
ORDER BY run.times DESC, run.last_ms DESC, spans.trace_id, spans.span_id
LIMIT coalesce(:limit, -1)
