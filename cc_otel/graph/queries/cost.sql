-- What model calls took: one row for each agent (turn or subagent) and model, in the order they began.
--
-- Used by: `cc-otel query cost`
-- :session_id text  of this session
-- :trace_id text  of this trace
-- :since_ms real  only calls that began then or later, ms since the epoch
-- :until_ms real  only calls that began before then, ms since the epoch
-- => session_id, trace_id, agent_id, agent, agent_kind, label, model, start_ms, calls, duration_ms, input_tokens,
--    output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, unpriced_calls, project
--
-- project is the agent's repository, or the folder that its client was started in where it is in none.
-- A request that failed took nothing, and is none. A call that two libraries tell of counts once: the outer of two
-- calls with nothing but plain spans between them, and of the spans of one session that name one response, ours.
-- input_tokens hold the cached ones too. cost_usd is null where the price of none of the calls is known;
-- unpriced_calls are those that are not in it. Ordered by start_ms, trace_id, agent_id, model.
SELECT
  chat.session_id, chat.trace_id, chat.parent_id AS agent_id, agent.name AS agent, agent.kind AS agent_kind,
  agent.label AS label, chat.model, min(chat.start_ms) AS start_ms, count(*) AS calls,
  sum(chat.duration_ms) AS duration_ms, total(chat.input_tokens) AS input_tokens,
  total(chat.output_tokens) AS output_tokens, total(chat.cache_read_tokens) AS cache_read_tokens,
  total(chat.cache_write_tokens) AS cache_write_tokens, sum(chat.cost_usd) AS cost_usd,
  count(*) - count(chat.cost_usd) AS unpriced_calls,
  coalesce(
    json_extract(agent.document, '$.attributes.cc_otel_vcs_repository'),
    json_extract(agent.document, '$.attributes.process_working_directory')
  ) AS project
FROM spans AS chat INDEXED BY spans_start
LEFT JOIN spans AS agent ON agent.key = chat.trace_id || '-' || chat.parent_id
WHERE chat.start_ms >= coalesce(:since_ms, 0) AND chat.kind = 'chat'
  AND (chat.status <> 'ERROR' OR chat.input_tokens IS NOT NULL)
  AND (:until_ms IS NULL OR chat.start_ms < :until_ms)
  AND (:session_id IS NULL OR chat.session_id = :session_id)
  AND (:trace_id IS NULL OR chat.trace_id = :trace_id)
  AND NOT (agent.kind IN ('chat', 'span') AND EXISTS (
    WITH RECURSIVE above (key, kind, input_tokens, level) AS (
      SELECT agent.key, agent.kind, agent.input_tokens, 1
      UNION ALL
      SELECT parent.key, parent.kind, parent.input_tokens, above.level + 1
      FROM above
      JOIN spans AS child ON child.key = above.key
      JOIN spans AS parent ON parent.key = child.trace_id || '-' || child.parent_id
      WHERE above.kind = 'span' AND above.level < 32
    )
    SELECT 1 FROM above
    WHERE above.kind = 'chat' AND above.key <> chat.key
      AND (above.input_tokens IS NOT NULL OR chat.input_tokens IS NULL)
  ))
  AND NOT (chat.dialect IS NOT NULL AND EXISTS (
    SELECT 1 FROM spans AS own
    WHERE own.response_id = chat.response_id AND own.session_id IS chat.session_id AND own.kind = 'chat'
      AND own.dialect IS NULL
  ))
GROUP BY chat.session_id, chat.trace_id, chat.parent_id, chat.model
ORDER BY min(chat.start_ms), chat.trace_id, chat.parent_id, chat.model
