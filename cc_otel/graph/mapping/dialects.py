"""
What producers call the facts that the graph knows: a table, a row for each dialect.

Fixtures of each were made by its own library (tests/graph/dialects).

The first row whose ``marks`` or ``scopes`` a span has is its dialect. Names are tried in order, those of the GenAI
conventions last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cc_otel import conventions as c

AGENT: Final = "agent"
"""A kind that its place decides: a root is a turn, any other a subagent."""

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    The names that one kind of producer uses.

    ``marks`` are attributes of which each of its spans has one, ``scopes`` how the names of its scopes begin.
    ``kinds`` maps values of an attribute to kinds of the graph, ``names`` a fact to the attributes that may hold it.
    ``input_without_cache`` says that input tokens leave out those read from a cache or written to it, which the
    conventions include. ``operations`` says what its tools do to the file that they name, ``arguments_within`` under
    which names a call's arguments may stand within what is called its input.
    """

    name: str
    marks: Names = ()
    scopes: Names = ()
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Mapping[str, Names] = field(default_factory=dict)
    input_without_cache: bool = False
    operations: Mapping[str, str] = field(default_factory=dict)
    arguments_within: Names = ()


_CLAUDE_CODE_OPERATIONS: Final = {
    "Read": "read",
    "NotebookRead": "read",
    "Write": "write",
    "Edit": "edit",
    "MultiEdit": "edit",
    "NotebookEdit": "edit",
}
_CHAT_OPERATIONS: Final = dict.fromkeys((c.OPERATION_CHAT, "generate_content", "text_completion"), "chat")

CONVENTIONS: Final = Dialect(
    "",
    kinds={
        c.OPERATION_NAME: {c.OPERATION_INVOKE_AGENT: AGENT, c.OPERATION_EXECUTE_TOOL: "tool", **_CHAT_OPERATIONS},
    },
    names={
        "tool": (c.TOOL_NAME,),
        "arguments": (c.TOOL_CALL_ARGUMENTS,),
        "path": (c.FILE_PATH,),
        "model": (c.RESPONSE_MODEL, c.REQUEST_MODEL),
        "response_id": (c.RESPONSE_ID,),
        "session_id": (c.SESSION_ID, c.CONVERSATION_ID),
        # What follows the first were their names once.
        "input_tokens": (c.USAGE_INPUT_TOKENS, "gen_ai.usage.prompt_tokens"),
        "output_tokens": (c.USAGE_OUTPUT_TOKENS, "gen_ai.usage.completion_tokens"),
        "cache_read_tokens": (
            c.USAGE_CACHE_READ_TOKENS,
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
        ),
        "cache_write_tokens": (
            c.USAGE_CACHE_WRITE_TOKENS,
            c.USAGE_CACHE_CREATION_TOKENS,
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
        ),
        "cost_usd": (c.COST_USD, "operation.cost"),
    },
)

DIALECTS: Final = (
    # Spans of ours, those of releases that did not send `cc_otel.file.operation` too.
    Dialect("cc_otel", scopes=(c.SCOPE_NAME,), operations=_CLAUDE_CODE_OPERATIONS),
    Dialect(
        "claude_code",
        scopes=("com.anthropic.claude_code",),
        kinds={
            "span.type": {
                "interaction": "turn",
                "llm_request": "chat",
                "tool": "tool",
                "tool.blocked_on_user": "span",
                "tool.execution": "span",
                "hook": "hook",
            },
        },
        names={
            "tool": ("tool_name",),
            "arguments": ("tool_input",),
            "path": ("file_path",),
            "model": ("model",),
            "input_tokens": ("input_tokens",),
            "output_tokens": ("output_tokens",),
            "cache_read_tokens": ("cache_read_tokens",),
            "cache_write_tokens": ("cache_creation_tokens",),
        },
        input_without_cache=True,
        operations=_CLAUDE_CODE_OPERATIONS,
    ),
    Dialect(
        "openinference",
        marks=("openinference.span.kind",),
        kinds={"openinference.span.kind": {"LLM": "chat", "TOOL": "tool", "AGENT": AGENT}},
        names={
            "tool": ("tool.name",),
            "arguments": ("input.value", "tool.parameters"),
            "model": ("llm.model_name",),
            "input_tokens": ("llm.token_count.prompt",),
            "output_tokens": ("llm.token_count.completion",),
            "cache_read_tokens": ("llm.token_count.prompt_details.cache_read",),
            "cache_write_tokens": ("llm.token_count.prompt_details.cache_write",),
            "cost_usd": ("llm.cost.total",),
        },
    ),
    Dialect(
        "traceloop",
        marks=("traceloop.span.kind", "llm.request.type"),
        scopes=("opentelemetry.instrumentation.",),
        kinds={
            "traceloop.span.kind": {"agent": AGENT, "tool": "tool"},
            "llm.request.type": {"chat": "chat", "completion": "chat"},
        },
        names={
            "tool": ("traceloop.entity.name",),
            "arguments": ("traceloop.entity.input",),
            "session_id": ("traceloop.association.properties.session_id",),
        },
        arguments_within=("kwargs", "inputs"),
    ),
    Dialect(
        "logfire",
        marks=("logfire.msg",),
        names={
            "arguments": ("tool_arguments",),
        },
    ),
)


def _with_conventions(dialect: Dialect) -> Dialect:
    names = {fact: (*dialect.names.get(fact, ()), *others) for fact, others in CONVENTIONS.names.items()}
    return replace(dialect, kinds={**dialect.kinds, **CONVENTIONS.kinds}, names=names)


OURS, *OTHERS = map(_with_conventions, DIALECTS)
