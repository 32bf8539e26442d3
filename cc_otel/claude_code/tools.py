"""
Claude Code's tools, as far as more than their name matters: one row each.

A tool without a row is a tool all the same. What its calls are called in a sentence stands in
`agent.summary.rules.calls`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cc_otel.event import ANY_AGENT
from cc_otel.json_values import object_of, text_in

_MCP: Final = "mcp__"


@dataclass(frozen=True, slots=True)
class ToolRow:
    """
    What is known of a tool by its name.

    ``launches`` is the type of the subagent that a call launches where its input names none; empty for a tool that
    launches none. ``launches_many``: one call may launch several, also after it has ended. ``rule_suffices``: a rule
    describes a call that succeeded as well as a model could. ``file_operation`` is what it does to the file that its
    input names: read, write or edit. ``searches``: its result names the files that it found.
    """

    name: str
    launches: str = ""
    launches_many: bool = False
    rule_suffices: bool = False
    file_operation: str = ""
    searches: bool = False


_ROWS: Final = (
    ToolRow("Agent", launches="general-purpose"),
    # Clients before 2.1 called theirs Task.
    ToolRow("Task", launches="general-purpose"),
    ToolRow("Workflow", launches="workflow-subagent", launches_many=True),
    # Only a skill with `context: fork` launches one; its type is what the skill's file says.
    ToolRow("Skill", launches=ANY_AGENT, rule_suffices=True),
    ToolRow("Read", rule_suffices=True, file_operation="read"),
    ToolRow("NotebookRead", rule_suffices=True, file_operation="read"),
    ToolRow("Write", rule_suffices=True, file_operation="write"),
    *(ToolRow(name, file_operation="edit") for name in ("Edit", "MultiEdit", "NotebookEdit")),
    *(ToolRow(name, rule_suffices=True, searches=True) for name in ("Glob", "Grep")),
    *(
        ToolRow(name, rule_suffices=True)
        for name in (
            "LS TodoWrite TodoRead TaskCreate TaskUpdate TaskList TaskGet TaskOutput "
            "TaskStop BashOutput KillShell KillBash ToolSearch EnterPlanMode ExitPlanMode EnterWorktree ExitWorktree "
            "AskUserQuestion ListMcpResourcesTool ReadMcpResourceTool CronCreate CronDelete CronList Sleep"
        ).split()
    ),
)

TOOLS: Final[Mapping[str, ToolRow]] = {row.name: row for row in _ROWS}


def tool_row(name: str) -> ToolRow:
    """Return the row of a tool; one that is not in the table launches nothing."""
    return TOOLS.get(name) or ToolRow(name)


def mcp_server(tool: str, payload: Mapping[str, Any]) -> str:
    """Return the MCP server of a call: the one that the event names, else that of the tool's name; else empty."""
    named = text_in(object_of(payload.get("mcp_server")).get("name"))
    if named or not tool.startswith(_MCP):
        return named
    server, separator, _ = tool.removeprefix(_MCP).partition("__")
    return server if separator else ""


def skill_of(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return the skill that a call uses; empty where it uses none."""
    if tool != "Skill":
        return ""
    # Clients before 2.1 called it a command.
    return text_in(arguments.get("skill")) or text_in(arguments.get("command"))
