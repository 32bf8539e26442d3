-- What model calls took: one row for each agent (turn or subagent) and model, in the order they began.
--
-- :session_id, :trace_id  equal to the field; null takes any
-- :since_ms               only calls that began then or later, ms since the epoch; null takes any
--
-- Each call is counted once: it is one span, and a span has one parent. A request that failed took nothing, and is
-- none. input_tokens hold the cached ones too.
-- cost_usd is null where the price of none of the calls is known; unpriced_calls are those that are not in it. Ordered by start_ms, trace_id, agent_id, model.
SELECT
  chat.session_id, chat.trace_id, chat.parent_id AS agent_id, agent.name AS agent, agent.kind AS agent_kind,
  agent.label AS label, json_extract(chat.document, '$.attributes.gen_ai_response_model') AS model,
  min(chat.start_ms) AS start_ms, count(*) AS calls, sum(chat.duration_ms) AS duration_ms,
  total(json_extract(chat.document, '$.attributes.gen_ai_usage_input_tokens')) AS input_tokens,
  total(json_extract(chat.document, '$.attributes.gen_ai_usage_output_tokens')) AS output_tokens,
  total(json_extract(chat.document, '$.attributes.gen_ai_usage_cache_read_input_tokens')) AS cache_read_tokens,
  total(json_extract(chat.document, '$.attributes.gen_ai_usage_cache_creation_input_tokens')) AS cache_write_tokens,
  sum(json_extract(chat.document, '$.attributes.cc_otel_cost_usd')) AS cost_usd,
  count(*) - count(json_extract(chat.document, '$.attributes.cc_otel_cost_usd')) AS unpriced_calls
FROM spans AS chat INDEXED BY spans_start
LEFT JOIN spans AS agent ON agent.key = chat.trace_id || '-' || chat.parent_id
WHERE chat.start_ms >= coalesce(:since_ms, 0) AND chat.kind = 'chat'
  AND (chat.status <> 'ERROR' OR json_extract(chat.document, '$.attributes.gen_ai_usage_input_tokens') IS NOT NULL)
  AND (:session_id IS NULL OR chat.session_id = :session_id)
  AND (:trace_id IS NULL OR chat.trace_id = :trace_id)
GROUP BY chat.session_id, chat.trace_id, chat.parent_id, model
ORDER BY min(chat.start_ms), chat.trace_id, chat.parent_id, model
