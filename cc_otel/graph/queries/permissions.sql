-- What people were asked to permit, what they said, and how long they were waited for.
--
-- Used by: `cc-otel query permissions`
-- :session_id text  in this session
-- :since_ms real  then or later, ms since the epoch
-- :until_ms real  before then, ms since the epoch
-- :limit integer = 50  how many at most
-- => tool, program, calls, asked, granted, denied, denied_again, wait_ms, last_ms
--
-- One row for each tool and, of a shell, program. calls are those that a person was asked about, and those that were
-- denied without asking; asked are the first of these alone. denied_again are denied calls after which the same agent
-- next called the same tool. wait_ms is all the time that was waited. Ordered by wait_ms descending, calls descending,
-- tool, program. One branch for each way in, of which SQLite runs one.
SELECT
  span.tool, span.program, count(*) AS calls, count(span.wait_ms) AS asked,
  sum(coalesce(span.outcome, '') <> 'denied') AS granted, sum(coalesce(span.outcome, '') = 'denied') AS denied,
  sum(
    coalesce(span.outcome, '') = 'denied' AND EXISTS (
      SELECT 1 FROM follows JOIN spans AS later ON later.key = substr(follows.target, 7)
      WHERE follows.source = 'spans/' || span.key AND later.tool = span.tool
    )
  ) AS denied_again,
  total(span.wait_ms) AS wait_ms, max(span.start_ms) AS last_ms
FROM (
  SELECT key FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
  UNION ALL
  SELECT key FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
) AS found
JOIN spans AS span ON span.key = found.key
WHERE span.kind = 'tool' AND (span.wait_ms IS NOT NULL OR span.outcome = 'denied')
  AND span.start_ms >= coalesce(:since_ms, 0) AND (:until_ms IS NULL OR span.start_ms < :until_ms)
GROUP BY span.tool, span.program
ORDER BY total(span.wait_ms) DESC, count(*) DESC, span.tool, span.program
LIMIT coalesce(:limit, -1)
