-- How long calls waited for a person, by tool and program, the longest wait in all first.
--
-- Used by: `cc-otel query waits`
-- :session_id text  in this session
-- :since_ms real  calls that began then or later, ms since the epoch
-- :until_ms real  calls that began before then, ms since the epoch
-- :limit integer = 20  how many at most
-- => tool, program, waits, wait_ms, longest_ms, denied, last_ms
--
-- program is that of a shell command. denied counts the calls that a person said no to. Who waits now is said by
-- `sessions`. Ordered by wait_ms descending, tool, program.
SELECT
  tool, program, count(*) AS waits, sum(wait_ms) AS wait_ms, max(wait_ms) AS longest_ms,
  sum(outcome IS 'denied') AS denied, max(start_ms) AS last_ms
FROM (
  SELECT * FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
  UNION ALL
  SELECT * FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
)
WHERE wait_ms IS NOT NULL AND kind = 'tool'
  AND (:since_ms IS NULL OR start_ms >= :since_ms) AND (:until_ms IS NULL OR start_ms < :until_ms)
GROUP BY tool, program
ORDER BY sum(wait_ms) DESC, tool, program
LIMIT coalesce(:limit, -1)
