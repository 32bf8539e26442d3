-- What tools were used: how often, with what success, how long they took, and what the model calls that asked cost.
--
-- Used by: `cc-otel query tools`
-- :session_id text  in this session
-- :since_ms real  then or later, ms since the epoch
-- :until_ms real  before then, ms since the epoch
-- :limit integer = 50  how many at most
-- => tool, class, calls, ok, failed, refused, denied, other, sessions, mean_ms, max_ms, wait_ms, cost_usd
--
-- One row for each tool and, of a shell, class of its main command (test, build, search …). other are calls that were
-- interrupted or launched, or whose outcome is not known. Times are without the time that a person was waited for.
-- cost_usd is the price of the model calls that asked for the calls, shared evenly among the calls that one of them
-- asked for; null where none has a price. Ordered by calls descending, tool, class. One branch for each way in, of which
-- SQLite runs one.
WITH call AS (
  SELECT
    span.tool, span.command_class AS class, coalesce(span.outcome, '') AS outcome, span.session_id,
    max(span.duration_ms - coalesce(span.wait_ms, 0), 0) AS took_ms, coalesce(span.wait_ms, 0) AS wait_ms,
    span.status,
    (
      SELECT chat.cost_usd / (
        SELECT count(*) FROM asked_for AS share WHERE share.key >= chat.key AND share.key < chat.key || '/'
      )
      FROM asked_for JOIN spans AS chat ON chat.key = substr(asked_for.source, 7)
      WHERE asked_for.target = 'spans/' || span.key
      ORDER BY chat.key LIMIT 1
    ) AS cost_usd
  FROM (
    SELECT key FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
    UNION ALL
    SELECT key FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
  ) AS found
  JOIN spans AS span ON span.key = found.key
  WHERE span.kind = 'tool' AND span.start_ms >= coalesce(:since_ms, 0)
    AND (:until_ms IS NULL OR span.start_ms < :until_ms)
)
SELECT
  tool, class, count(*) AS calls, sum(outcome = 'ok') AS ok,
  sum(outcome = 'failed' OR (outcome = '' AND status = 'ERROR')) AS failed, sum(outcome = 'refused') AS refused,
  sum(outcome = 'denied') AS denied,
  sum(outcome IN ('interrupted', 'launched', 'unknown') OR (outcome = '' AND status <> 'ERROR')) AS other,
  count(DISTINCT session_id) AS sessions, avg(took_ms) AS mean_ms, max(took_ms) AS max_ms, total(wait_ms) AS wait_ms,
  sum(cost_usd) AS cost_usd
FROM call
GROUP BY tool, class
ORDER BY count(*) DESC, tool, class
LIMIT coalesce(:limit, -1)
