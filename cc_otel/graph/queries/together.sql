-- Sessions that wrote the same file while both were going on.
--
-- Used by: `cc-otel query together`
-- :since_ms real  written then or later, ms since the epoch
-- :until_ms real  written before then, ms since the epoch
-- :limit integer = 50  how many at most
-- => path, repository, session_id, other_session_id, writes, other_writes, first_ms, last_ms
--
-- Each pair of sessions once for each file, the lesser id first. Two sessions go on at the same time where each began
-- before the other was last active. first_ms and last_ms are the first and the last of their writes to that file.
-- Ordered by last_ms descending, path, session_id, other_session_id.
WITH
  writers AS (
    SELECT target, session_id, count(*) AS writes, min(start_ms) AS first_ms, max(start_ms) AS last_ms
    FROM touched
    WHERE op IN ('edit', 'write', 'create', 'delete', 'rename') AND status <> 'ERROR' AND session_id IS NOT NULL
      AND start_ms >= coalesce(:since_ms, 0) AND (:until_ms IS NULL OR start_ms < :until_ms)
    GROUP BY target, session_id
  ),
  going AS (
    SELECT
      session_id,
      (SELECT min(start_ms) FROM spans WHERE spans.session_id = writers.session_id) AS began_ms,
      (SELECT max(start_ms) FROM spans WHERE spans.session_id = writers.session_id) AS active_ms
    FROM writers
    GROUP BY session_id
  )
SELECT
  files.path, files.repository, one.session_id, other.session_id AS other_session_id, one.writes,
  other.writes AS other_writes, min(one.first_ms, other.first_ms) AS first_ms, max(one.last_ms, other.last_ms) AS last_ms
FROM writers AS one
JOIN writers AS other ON other.target = one.target AND one.session_id < other.session_id
JOIN going AS one_going ON one_going.session_id = one.session_id
JOIN going AS other_going ON other_going.session_id = other.session_id
JOIN files ON files.key = substr(one.target, 7)
WHERE one_going.began_ms <= other_going.active_ms AND other_going.began_ms <= one_going.active_ms
ORDER BY max(one.last_ms, other.last_ms) DESC, files.path, one.session_id, other.session_id
LIMIT coalesce(:limit, -1)
