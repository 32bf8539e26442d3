-- The subagents, the one that began last first: their task, how it ended, and what they cost.
--
-- Used by: `cc-otel query agents`
-- :session_id text  of this session
-- :since_ms real  that began then or later, ms since the epoch
-- :until_ms real  that began before then, ms since the epoch
-- :limit integer = 20  how many at most
-- => start_ms, session_id, trace_id, span_id, agent, outcome, duration_ms, calls, errors, own_usd, cost_usd,
--    unpriced_calls, label, task
--
-- task is the label of the call that launched it, where that was seen. calls and errors count tool calls; own_usd is
-- what its own model calls cost, cost_usd those of its descendants too. outcome is `failed` where its span failed, else
-- `ok`. Ordered by start_ms descending, trace_id, span_id. A span has one parent, which the walk confirms.
WITH RECURSIVE
  agent AS (
    SELECT key, trace_id, span_id
    FROM (
      SELECT * FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
      UNION ALL
      SELECT * FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
    )
    WHERE kind = 'subagent' AND (:since_ms IS NULL OR start_ms >= :since_ms)
      AND (:until_ms IS NULL OR start_ms < :until_ms)
    ORDER BY start_ms DESC, trace_id, span_id
    LIMIT coalesce(:limit, -1)
  ),
  below (agent_key, key) AS (
    SELECT key, key FROM agent
    UNION
    SELECT below.agent_key, parent_of.key
    FROM below JOIN parent_of ON parent_of.source = 'spans/' || below.key
  ),
  counted AS (
    SELECT
      below.agent_key, sum(spans.kind = 'tool') AS calls,
      sum(spans.kind = 'tool' AND spans.status = 'ERROR') AS errors,
      sum(spans.cost_usd) FILTER (WHERE spans.kind = 'chat' AND spans.parent_id = agent.span_id) AS own_usd,
      sum(spans.cost_usd) FILTER (WHERE spans.kind = 'chat') AS cost_usd,
      sum(
        spans.kind = 'chat' AND spans.cost_usd IS NULL AND (spans.status <> 'ERROR' OR spans.input_tokens IS NOT NULL)
      ) AS unpriced_calls
    FROM below JOIN agent ON agent.key = below.agent_key JOIN spans ON spans.key = below.key
    GROUP BY below.agent_key
  )
SELECT
  spans.start_ms, spans.session_id, spans.trace_id, spans.span_id, spans.name AS agent,
  CASE WHEN spans.status = 'ERROR' THEN 'failed' ELSE 'ok' END AS outcome, spans.duration_ms, counted.calls,
  counted.errors, counted.own_usd, counted.cost_usd, counted.unpriced_calls, spans.label,
  (
    SELECT call.label FROM launched JOIN spans AS call ON call.key = substr(launched.source, 7)
    WHERE launched.target = 'spans/' || spans.key ORDER BY call.key LIMIT 1
  ) AS task
FROM counted JOIN spans ON spans.key = counted.agent_key
ORDER BY spans.start_ms DESC, spans.trace_id, spans.span_id
