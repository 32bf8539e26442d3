-- What models were asked: how often, how often in vain, how long answers took, tokens and cost.
--
-- Used by: `cc-otel query models`
-- :session_id text  in this session
-- :since_ms real  then or later, ms since the epoch
-- :until_ms real  before then, ms since the epoch
-- :limit integer = 20  how many at most
-- => model, calls, failed, sessions, mean_ms, max_ms, input_tokens, output_tokens, cache_read_tokens,
--    cache_write_tokens, cost_usd, unpriced_calls
--
-- calls are answers, failed are requests without one; which model those were for is mostly not known (model is null).
-- input_tokens hold the cached ones too. What another library tells of a session that is recorded by ours, too, is not
-- counted again. Ordered by calls descending, failed descending, model. One branch for each way in, of which SQLite runs
-- one.
WITH asked AS (
  SELECT span.*, span.status <> 'ERROR' OR span.input_tokens IS NOT NULL AS answered
  FROM (
    SELECT key FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
    UNION ALL
    SELECT key FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
  ) AS found
  JOIN spans AS span ON span.key = found.key
  WHERE span.kind = 'chat' AND span.start_ms >= coalesce(:since_ms, 0)
    AND (:until_ms IS NULL OR span.start_ms < :until_ms)
    AND NOT (span.dialect IS NOT NULL AND EXISTS (
      SELECT 1 FROM spans AS own
      WHERE own.response_id = span.response_id AND own.session_id IS span.session_id AND own.kind = 'chat'
        AND own.dialect IS NULL
    ))
)
SELECT
  model, sum(answered) AS calls, sum(NOT answered) AS failed, count(DISTINCT session_id) AS sessions,
  avg(CASE WHEN answered THEN duration_ms END) AS mean_ms, max(CASE WHEN answered THEN duration_ms END) AS max_ms,
  total(input_tokens) AS input_tokens, total(output_tokens) AS output_tokens,
  total(cache_read_tokens) AS cache_read_tokens, total(cache_write_tokens) AS cache_write_tokens,
  sum(cost_usd) AS cost_usd, sum(answered AND cost_usd IS NULL) AS unpriced_calls
FROM asked
GROUP BY model
ORDER BY sum(answered) DESC, sum(NOT answered) DESC, model
LIMIT coalesce(:limit, -1)
