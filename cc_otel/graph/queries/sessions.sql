-- The sessions, the newest first.
--
-- :limit  how many at most; all where it is null
--
-- start_ms and end_ms are the first start and the last end of the session's spans. Ordered by start_ms descending,
-- session_id. The newest are found with one step into an index for each session, so only those of the answer are
-- counted through.
WITH newest AS (
  SELECT session_id, (SELECT min(start_ms) FROM spans WHERE spans.session_id = sessions.session_id) AS start_ms
  FROM sessions
  ORDER BY start_ms DESC, session_id
  LIMIT coalesce(:limit, -1)
)
SELECT
  newest.session_id, newest.start_ms, max(spans.end_ms) AS end_ms,
  sum(spans.kind = 'turn') AS turns, sum(spans.kind = 'tool') AS tools, sum(spans.status = 'ERROR') AS errors,
  count(*) AS spans
FROM newest JOIN spans ON spans.session_id = newest.session_id
GROUP BY newest.session_id
ORDER BY newest.start_ms DESC, newest.session_id
