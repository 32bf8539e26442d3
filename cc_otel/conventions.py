"""
Names that others see: attribute keys, span names, resource keys.

OpenTelemetry's own names come first (semantic-conventions-genai 0.1.0, core conventions 1.45); ours live under
``cc_otel.``. They are kept here rather than taken from the published constants packages, which lag behind both the
conventions and their readers.
"""

from typing import Final

SCOPE_NAME: Final = "cc_otel"
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.45.0"
SERVICE_NAME_VALUE: Final = "claude-code"

# Resource
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
HOST_NAME: Final = "host.name"
PROCESS_PID: Final = "process.pid"
DOCTOR: Final = "cc-otel-doctor"
"""The service, and the session, of doctor's test events."""

# GenAI: open-telemetry/semantic-conventions-genai, model/gen-ai/spans.yaml
OPERATION_NAME: Final = "gen_ai.operation.name"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
CONVERSATION_COMPACTED: Final = "gen_ai.conversation.compacted"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
# The conventions say cache_write since #440; today's readers (Jaeger, Phoenix) know cache_creation. Both are set.
USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"

OPERATION_INVOKE_AGENT: Final = "invoke_agent"
OPERATION_EXECUTE_TOOL: Final = "execute_tool"
OPERATION_CHAT: Final = "chat"

# MCP: open-telemetry/semantic-conventions-genai, model/mcp
MCP_METHOD_NAME: Final = "mcp.method.name"

# Core
ERROR_TYPE: Final = "error.type"
SESSION_ID: Final = "session.id"
FILE_PATH: Final = "file.path"
PROCESS_EXIT_CODE: Final = "process.exit.code"
PROCESS_WORKING_DIRECTORY: Final = "process.working_directory"
VCS_BRANCH: Final = "vcs.ref.head.name"
VCS_REVISION: Final = "vcs.ref.head.revision"
HTTP_STATUS_CODE: Final = "http.response.status_code"
HTTP_RESEND_COUNT: Final = "http.request.resend_count"

# Ours
SOURCE: Final = "cc_otel.source"
SOURCE_TRANSCRIPT: Final = "transcript"
FILE_OPERATION: Final = "cc_otel.file.operation"
HOOK_EVENT: Final = "cc_otel.hook.event"
SUMMARY: Final = "cc_otel.summary"
SUMMARY_SOURCE: Final = "cc_otel.summary.source"
SUMMARY_MODEL: Final = "cc_otel.summary.model"
PROMPT_ID: Final = "cc_otel.prompt.id"
SOURCE_APP: Final = "cc_otel.source_app"
AGENT_ID: Final = "cc_otel.agent.id"
CLOSED_BY: Final = "cc_otel.closed_by"
INTERRUPTED: Final = "cc_otel.interrupted"
LATE: Final = "cc_otel.late"
LAST_SEEN: Final = "cc_otel.last_seen"
LINK: Final = "cc_otel.link"
# The trace that a link of this kind leads to, ``cc_otel.link.session``: Jaeger does not show the kinds of links.
LINK_PREFIX: Final = "cc_otel.link."
LAUNCHED_BY: Final = "cc_otel.launched_by"
SKILL_NAME: Final = "cc_otel.skill.name"
MCP_SERVER: Final = "cc_otel.mcp.server.name"
VCS_REPOSITORY: Final = "cc_otel.vcs.repository"
VCS_ROOT: Final = "cc_otel.vcs.root"
VCS_WORKTREE: Final = "cc_otel.vcs.worktree"
VCS_COMMITS: Final = "cc_otel.vcs.commits"
ERROR_CLASS: Final = "cc_otel.error.class"
ERROR_LINE: Final = "cc_otel.error.line"
ERROR_KEY: Final = "cc_otel.error.key"
FILES: Final = "cc_otel.files"
SEARCHED: Final = "cc_otel.searched"
SEARCHED_COUNT: Final = "cc_otel.searched.count"
TOOL_OUTCOME: Final = "cc_otel.tool.outcome"
TOOL_WAIT_MS: Final = "cc_otel.tool.wait_ms"
TOOL_EXECUTION_MS: Final = "cc_otel.tool.execution_ms"
TRUNCATED: Final = "cc_otel.truncated"
REDACTIONS: Final = "cc_otel.redactions"
COST_USD: Final = "cc_otel.cost_usd"
RETRY_MS: Final = "cc_otel.retry_ms"
REQUEST_ID: Final = "cc_otel.request.id"
PERMISSION_MODE: Final = "cc_otel.permission_mode"
# Fields of a payload that no convention names, each under its own name: ``cc_otel.payload.source``.
PAYLOAD_PREFIX: Final = "cc_otel.payload."
