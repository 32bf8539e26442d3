-- The commits that were seen being made, the last first: what each cost, and the prompts and files behind it.
--
-- Used by: `cc-otel query commits`
-- :session_id text  by this session
-- :repository text  in this repository
-- :since_ms real  made then or later, ms since the epoch
-- :until_ms real  made before then, ms since the epoch
-- :limit integer = 20  how many at most
-- => start_ms, sha, subject, branch, calls, cost_usd, unpriced_calls, prompts, files, amended, pushed, session_id,
--    trace_id, span_id, repository, certainty
--
-- A commit has the model calls, prompts and edited files of its session since the commit before it in that repository:
-- each call counts once, for the first commit after it. What two sessions did for one commit is counted for the one that
-- made it. Ordered by start_ms descending, then by the key of the edge.
WITH
  made AS (
    SELECT
      committed.key, committed.start_ms, committed.session_id, committed.source, committed.amended, committed.pushed,
      committed.certainty, commits.sha, commits.subject, commits.branch, commits.repository,
      (
        SELECT max(earlier.start_ms)
        FROM spans INDEXED BY spans_sessions
        JOIN committed AS earlier ON earlier.key >= spans.key AND earlier.key < spans.key || '/'
        JOIN commits AS other ON other.key = substr(earlier.target, 9)
        WHERE spans.session_id = committed.session_id AND spans.start_ms < committed.start_ms
          AND other.repository IS commits.repository
      ) AS after_ms
    FROM (
      SELECT committed.*
      FROM spans INDEXED BY spans_sessions
      CROSS JOIN committed ON committed.key >= spans.key AND committed.key < spans.key || '/'
      WHERE :session_id IS NOT NULL AND spans.session_id = :session_id
      UNION ALL
      SELECT * FROM committed WHERE :session_id IS NULL
    ) AS committed
    CROSS JOIN commits ON commits.key = substr(committed.target, 9)
    WHERE (:repository IS NULL OR commits.repository = :repository)
      AND (:since_ms IS NULL OR committed.start_ms >= :since_ms)
      AND (:until_ms IS NULL OR committed.start_ms < :until_ms)
    ORDER BY committed.start_ms DESC, committed.key
    LIMIT coalesce(:limit, -1)
  )
SELECT
  made.start_ms, made.sha, made.subject, made.branch,
  coalesce(sum(spans.kind = 'chat' AND (spans.status <> 'ERROR' OR spans.input_tokens IS NOT NULL)), 0) AS calls,
  sum(spans.cost_usd) FILTER (WHERE spans.kind = 'chat') AS cost_usd,
  coalesce(sum(
    spans.kind = 'chat' AND spans.cost_usd IS NULL AND (spans.status <> 'ERROR' OR spans.input_tokens IS NOT NULL)
  ), 0) AS unpriced_calls,
  coalesce(sum(spans.kind = 'turn'), 0) AS prompts,
  (
    SELECT count(DISTINCT touched.target)
    FROM spans AS edit INDEXED BY spans_sessions
    JOIN touched ON touched.key >= edit.key AND touched.key < edit.key || '/'
    WHERE edit.session_id = made.session_id AND edit.start_ms <= made.start_ms AND touched.op <> 'read'
      AND (made.after_ms IS NULL OR edit.start_ms > made.after_ms)
  ) AS files,
  made.amended, made.pushed, made.session_id, substr(made.source, 7, 32) AS trace_id,
  substr(made.source, 40) AS span_id, made.repository, made.certainty
FROM made
LEFT JOIN spans INDEXED BY spans_sessions ON spans.session_id = made.session_id AND spans.start_ms <= made.start_ms
  AND (made.after_ms IS NULL OR spans.start_ms > made.after_ms)
GROUP BY made.key
ORDER BY made.start_ms DESC, made.key
