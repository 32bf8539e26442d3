-- What was in the model's context, call by call: how large it was, how much it grew, and when it was compacted.
--
-- Used by: `cc-otel query context`
-- :session_id text required  of this session
-- :limit integer = 200  how many at most
-- => start_ms, trace_id, span_id, agent_id, model, context_tokens, cache_read_tokens, output_tokens, grew_tokens, calls,
--    last_call, compacted
--
-- One row for each model call that took tokens, in the order they began. grew_tokens is what its context has more than
-- that of the same agent's call before it (null for the first); calls are the tool calls of the session that ended
-- between the two, last_call the label of the last of them. compacted is 1 where a compaction lies between.
WITH chats AS (
  SELECT
    chat.start_ms, chat.trace_id, chat.span_id, chat.session_id, chat.agent_id, chat.model, chat.input_tokens,
    chat.cache_read_tokens, chat.output_tokens,
    (
      SELECT before.key FROM spans AS before
      WHERE before.session_id = chat.session_id AND before.kind = 'chat' AND before.agent_id IS chat.agent_id
        AND before.input_tokens IS NOT NULL AND before.start_ms < chat.start_ms
      ORDER BY before.start_ms DESC, before.key LIMIT 1
    ) AS before_key
  FROM spans AS chat
  WHERE chat.session_id = :session_id AND chat.kind = 'chat' AND chat.input_tokens IS NOT NULL
  ORDER BY chat.start_ms, chat.trace_id, chat.span_id
  LIMIT coalesce(:limit, -1)
)
SELECT
  chats.start_ms, chats.trace_id, chats.span_id, chats.agent_id, chats.model, chats.input_tokens AS context_tokens,
  chats.cache_read_tokens, chats.output_tokens, chats.input_tokens - before.input_tokens AS grew_tokens,
  (
    SELECT count(*) FROM spans AS call
    WHERE call.session_id = chats.session_id AND call.kind = 'tool' AND call.agent_id IS chats.agent_id
      AND call.end_ms > coalesce(before.start_ms, 0) AND call.end_ms <= chats.start_ms
  ) AS calls,
  (
    SELECT call.label FROM spans AS call
    WHERE call.session_id = chats.session_id AND call.kind = 'tool' AND call.agent_id IS chats.agent_id
      AND call.end_ms > coalesce(before.start_ms, 0) AND call.end_ms <= chats.start_ms
    ORDER BY call.end_ms DESC, call.key LIMIT 1
  ) AS last_call,
  EXISTS (
    SELECT 1 FROM spans AS compact
    WHERE compact.session_id = chats.session_id AND compact.kind = 'compact'
      AND compact.start_ms > coalesce(before.start_ms, 0) AND compact.start_ms <= chats.start_ms
  ) AS compacted
FROM chats LEFT JOIN spans AS before ON before.key = chats.before_key
ORDER BY chats.start_ms, chats.trace_id, chats.span_id
