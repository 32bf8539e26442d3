-- The sessions, the one that was active last first.
--
-- Used by: `cc-otel query sessions`
-- :since_ms real  only those that were active then or later
-- :until_ms real  only those that were active last before then
-- :limit integer = 20  how many at most
-- => session_id, start_ms, end_ms, turns, tools, errors, spans, active_ms, prompt, folder, model, turn_status,
--    model_calls, unpriced_calls, cost_usd
--
-- start_ms and end_ms are the first start and the last end of the session's spans, active_ms is their last start.
-- prompt is the label of the first turn and turn_status the status of the last, folder is where the client was started,
-- model is that of the last model call. model_calls, unpriced_calls and cost_usd are as in cost.sql.
-- Where the client's own tracing tells of a session that cc_otel records too, its turns, calls and errors count once.
-- Ordered by active_ms descending, session_id. The newest are found with two steps into an index for each session, so
-- only those of the answer are counted through.
WITH
  newest AS (
    SELECT
      session_id,
      (SELECT min(start_ms) FROM spans WHERE spans.session_id = sessions.session_id) AS start_ms,
      (SELECT max(start_ms) FROM spans WHERE spans.session_id = sessions.session_id) AS active_ms,
      NOT EXISTS (SELECT 1 FROM spans WHERE spans.session_id = sessions.session_id AND spans.dialect IS NULL) AS alone
    FROM sessions
    WHERE active_ms IS NOT NULL
      AND (:since_ms IS NULL OR active_ms >= :since_ms) AND (:until_ms IS NULL OR active_ms < :until_ms)
    ORDER BY active_ms DESC, session_id
    LIMIT coalesce(:limit, -1)
  ),
  counted AS (
    SELECT
      newest.session_id, newest.start_ms, max(spans.end_ms) AS end_ms,
      sum(spans.kind = 'turn' AND (spans.dialect IS NOT 'claude_code' OR newest.alone)) AS turns,
      sum(spans.kind = 'tool' AND (spans.dialect IS NOT 'claude_code' OR newest.alone)) AS tools,
      sum(spans.status = 'ERROR' AND (spans.dialect IS NOT 'claude_code' OR newest.alone)) AS errors,
      count(*) AS spans, newest.active_ms
    FROM newest JOIN spans ON spans.session_id = newest.session_id
    GROUP BY newest.session_id
  ),
  chats AS (
    SELECT newest.session_id, spans.cost_usd
    FROM newest JOIN spans ON spans.session_id = newest.session_id AND spans.kind = 'chat'
    WHERE (spans.status <> 'ERROR' OR spans.input_tokens IS NOT NULL)
      AND (spans.dialect IS NOT 'claude_code' OR newest.alone)
  ),
  costs AS (
    SELECT session_id, count(*) AS calls, count(*) - count(cost_usd) AS unpriced, sum(cost_usd) AS cost_usd
    FROM chats
    GROUP BY session_id
  )
SELECT
  counted.*,
  (
    SELECT label FROM spans
    WHERE spans.session_id = counted.session_id AND kind = 'turn'
    ORDER BY start_ms, trace_id, span_id LIMIT 1
  ) AS prompt,
  (
    SELECT json_extract(document, '$.attributes.process_working_directory') FROM spans
    WHERE spans.session_id = counted.session_id AND kind IN ('session', 'turn')
    ORDER BY start_ms, trace_id, span_id LIMIT 1
  ) AS folder,
  (
    SELECT model FROM spans
    WHERE spans.session_id = counted.session_id AND kind = 'chat' AND status <> 'ERROR'
    ORDER BY start_ms DESC, trace_id, span_id LIMIT 1
  ) AS model,
  (
    SELECT status FROM spans
    WHERE spans.session_id = counted.session_id AND kind = 'turn'
    ORDER BY start_ms DESC, trace_id, span_id LIMIT 1
  ) AS turn_status,
  coalesce(costs.calls, 0) AS model_calls, coalesce(costs.unpriced, 0) AS unpriced_calls, costs.cost_usd
FROM counted LEFT JOIN costs ON costs.session_id = counted.session_id
ORDER BY counted.active_ms DESC, counted.session_id
