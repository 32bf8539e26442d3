-- What went wrong, the error seen most often first: how often, in how many sessions, and how often it was resolved.
--
-- Used by: `cc-otel query errors`
-- :session_id text  in this session
-- :repository text  in this repository
-- :tool text  of this program or tool
-- :since_ms real  then or later, ms since the epoch
-- :until_ms real  before then, ms since the epoch
-- :limit integer = 20  how many at most
-- => error_key, times, sessions, resolved, fix_ms, class, tool, sample, last_ms
--
-- resolved counts the failures that a later success resolved (docs/graph.md), fix_ms is how long that took on average.
-- Ordered by times descending, last_ms descending, error_key. One branch for each way in, of which SQLite runs one.
WITH failure AS (
  SELECT failed_with.source, failed_with.target, failed_with.session_id, failed_with.start_ms
  FROM spans CROSS JOIN failed_with ON failed_with.key = spans.key
  WHERE :session_id IS NOT NULL AND spans.session_id = :session_id
  UNION ALL
  SELECT source, target, session_id, start_ms
  FROM failed_with
  WHERE :session_id IS NULL
)
SELECT
  errors.key AS error_key, count(*) AS times, count(DISTINCT failure.session_id) AS sessions,
  count(fix.source) AS resolved, avg(fix.gap_ms) AS fix_ms, errors.class, errors.tool, errors.sample,
  max(failure.start_ms) AS last_ms
FROM failure
JOIN errors ON errors.key = substr(failure.target, 8)
LEFT JOIN resolved_by AS fix ON fix.source = failure.source
WHERE (:since_ms IS NULL OR failure.start_ms >= :since_ms) AND (:until_ms IS NULL OR failure.start_ms < :until_ms)
  AND (:tool IS NULL OR errors.tool = :tool)
  AND (:repository IS NULL OR EXISTS (
    SELECT 1 FROM spans WHERE spans.key = substr(failure.source, 7) AND spans.repository = :repository
  ))
GROUP BY errors.key
ORDER BY times DESC, last_ms DESC, error_key
LIMIT coalesce(:limit, -1)
