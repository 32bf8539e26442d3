-- The tool calls of one session, with what the derived edges are made of.
--
-- Used by: the derived edges of a session
-- :session_id text  as the client names it
-- => trace_id, span_id, session_id, agent_id, kind, tool, status, start_ms, end_ms, expire_at, outcome, error_key, root,
--    parts, program, subcommand, command, files, path, operation, server_method, arguments, result, message
--
-- Ordered by start_ms, trace_id, span_id. What agents say of a call is read from its attributes: `outcome` is null for
-- spans of those that say none.
SELECT
  trace_id, span_id, session_id, document ->> '$.attributes.cc_otel_agent_id' AS agent_id, kind, tool, status, start_ms,
  end_ms, expire_at, document ->> '$.attributes.cc_otel_tool_outcome' AS outcome,
  document ->> '$.attributes.cc_otel_error_key' AS error_key, document ->> '$.attributes.cc_otel_vcs_root' AS root,
  document ->> '$.attributes.cc_otel_command_parts' AS parts,
  document ->> '$.attributes.cc_otel_command_program' AS program,
  document ->> '$.attributes.cc_otel_command_subcommand' AS subcommand, command,
  document ->> '$.attributes.cc_otel_files' AS files, document ->> '$.attributes.file_path' AS path,
  document ->> '$.attributes.cc_otel_file_operation' AS operation,
  document ->> '$.attributes.mcp_method_name' AS server_method,
  document ->> '$.attributes.gen_ai_tool_call_arguments' AS arguments,
  document ->> '$.attributes.gen_ai_tool_call_result' AS result, document ->> '$.status_message' AS message
FROM spans
WHERE session_id = :session_id AND kind = 'tool'
ORDER BY start_ms, trace_id, span_id
