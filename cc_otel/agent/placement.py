"""
Where an event belongs: the span it hangs from, found by identity and never by what happens to be open.

Each function only looks. ``None`` means that no such span is known, so that the event waits or becomes a root.
"""

from collections.abc import Iterator
from typing import Final

from cc_otel.agent.tree import Node, Process, Reference, Role, Session
from cc_otel.event import PROMPT_EVENT, HookEvent

TOOL_RESULTS: Final = frozenset({"PostToolUse", "PostToolUseFailure", "PermissionDenied"})

_EVEN_IF_ENDED: Final = frozenset({"PostToolBatch", "MessageDisplay", "Stop", "StopFailure"})


def anchor(session: Session, process: Process, event: HookEvent) -> Node | None:
    """Give the span that this event hangs from, by the table of docs/spans.md."""
    match event.name:
        case name if name == PROMPT_EVENT:
            return turn_of(session, process, event)
        case "PreToolUse" | "PostToolUse" | "PostToolUseFailure" | "PermissionDenied":
            return session.tools.get(event.tool_use_id) or home(session, process, event)
        case "PermissionRequest":
            return asking_tool(session, event) or home(session, process, event)
        case "SubagentStart":
            return session.subagents.get(event.agent_id) or home(session, process, event)
        case "SubagentStop":
            return session.subagents.get(event.agent_id) or _compaction(process, event) or home(session, process, event)
        case "PreCompact":
            return _open(process.turn) or process.start
        case "PostCompact":
            return process.compact or home(session, process, event)
        case "SessionStart":
            return (process.compact or home(session, process, event)) if event.source == "compact" else None
        case "SessionEnd" | "Setup":
            return process.start
        case _:
            return home(session, process, event)


def home(session: Session, process: Process, event: HookEvent) -> Node | None:
    """Give the subagent, else the turn unless it had ended, else the process's SessionStart."""
    if event.agent_id and (subagent := session.subagents.get(event.agent_id)):
        return subagent
    turn = turn_of(session, process, event)
    if turn and (event.name in _EVEN_IF_ENDED or not turn.had_ended(event.clock_ns)):
        return turn
    return process.start


def turn_of(session: Session, process: Process, event: HookEvent) -> Node | None:
    """Give the event's turn, open or ended. Clients before 2.1.196 name no prompt: theirs is the process's own."""
    if event.prompt_id:
        return session.turns.get(event.prompt_id)
    turn = process.turn
    return turn if turn and not turn.event.prompt_id and event.name != PROMPT_EVENT else None


def asking_tool(session: Session, event: HookEvent) -> Node | None:
    """Give the earliest open tool span that a permission request without a tool_use_id can be about."""
    for tool in session.open_tools():
        asked = tool.event
        same = asked.tool_name == event.tool_name and asked.input_digest == event.input_digest
        if same and not tool.asked and event.agent_id in {"", asked.agent_id}:
            return tool
    return None


def scope(node: Node) -> Node:
    """Give what a span's life is measured by: its background subagent, else its turn, else its root."""
    if background := node.background():
        return background
    lineage = list(node.lineage())
    return next((above for above in lineage if above.role is Role.TURN), lineage[-1])


def turn_links(session: Session, process: Process, event: HookEvent) -> Iterator[Reference]:
    """Give what a new turn continues: session, earlier turn, launching call, native interaction."""
    if process.start:
        yield process.start.reference("session")
    if session.last_turn:
        same_process = session.last_turn.process is process
        yield session.last_turn.reference("previous_turn" if same_process else "resumed_from")
    launcher = session.tools.get(event.notified_by)
    if launcher and not launcher.undecided():
        yield launcher.reference("launched_by")
    parts = event.trace_parent.split("-")
    if len(parts) == 4 and len(parts[1]) == 32 and len(parts[2]) == 16 and _is_id(parts[1]) and _is_id(parts[2]):
        yield Reference("native", parts[1], parts[2])


def _is_id(text: str) -> bool:
    # W3C trace context 2.2: lower-case hexadecimal, not all zeros.
    return set(text) <= set("0123456789abcdef") and set(text) != {"0"}


def _compaction(process: Process, event: HookEvent) -> Node | None:
    # The summariser of a compaction stops without ever having started, and has no type.
    return _open(process.compact) if not event.agent_type else None


def _open(node: Node | None) -> Node | None:
    return node if node and node.is_open else None
