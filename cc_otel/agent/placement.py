"""
Where an event belongs: the span it hangs from, found by identity and never by what happens to be open.

Each function only looks. ``None`` means that no such span is known, so that the event waits or becomes a root.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from cc_otel.agent.tree import Node, Process, Reference, Role, Session
from cc_otel.event import Anchor, Handler, HookEvent, ModelCall

CLOCKS_APART_NS: Final = 250_000_000
"""How far the client's clock in a transcript may be before the hook's, which is taken a little later."""

_EVEN_IF_ENDED: Final = frozenset(
    {Anchor.ENDED_TOO, Anchor.CALL, Anchor.ASKING_CALL, Anchor.AGENT, Anchor.STOPPING_AGENT}
)
"""What belongs to its prompt's turn also after that has ended; what is the session's own does not."""


class ModelCallPlace(Enum):
    """Why a model call has no place in this session."""

    COPIED = auto()
    """It is from before its turn: the transcript began with a copy of another session's."""
    OLDER = auto()
    """It is from before anything was recorded of the session, or is still known of it."""


def parent_of(session: Session, process: Process, event: HookEvent | ModelCall) -> Node | None:
    """Return the span that this event hangs from, by the table of docs/spans.md."""
    if isinstance(event, ModelCall):
        place = place_of_model_call(session, event)
        return place if isinstance(place, Node) else process.start or session.last_start
    match event.anchor:
        case Anchor.NONE:
            return None
        case Anchor.TURN:
            return turn_of(session, process, event)
        case Anchor.OPEN_TURN:
            return _open(process.turn) or process.start
        case Anchor.SESSION:
            return process.start
        case _:
            return _named(session, process, event) or current(session, process, event)


def _named(session: Session, process: Process, event: HookEvent) -> Node | None:
    """Return the span that the event names or that it can only be about, if it is known."""
    match event.anchor:
        case Anchor.CALL:
            return session.tools.get(event.tool_use_id)
        case Anchor.ASKING_CALL:
            return asking_tool(session, event)
        case Anchor.AGENT:
            return session.subagents.get(event.agent_id)
        case Anchor.STOPPING_AGENT:
            return session.subagents.get(event.agent_id) or _compaction(process, event)
        case Anchor.COMPACTION:
            return process.compact
        case _:
            return None


def current(session: Session, process: Process, event: HookEvent) -> Node | None:
    """Return the subagent, else the turn unless it had ended, else the process's SessionStart."""
    if event.agent_id and (subagent := session.subagents.get(event.agent_id)):
        return subagent
    turn = turn_of(session, process, event)
    if turn and (_counts_if_ended(event) or not turn.had_ended(event.clock_ns)):
        return turn
    return process.start


def _counts_if_ended(event: HookEvent) -> bool:
    # Without a prompt's id, only what the client records within a turn is known to be of its last one.
    return event.anchor is Anchor.ENDED_TOO or (bool(event.prompt_id) and event.anchor in _EVEN_IF_ENDED)


def place_of_model_call(session: Session, call: ModelCall) -> Node | ModelCallPlace | None:
    """
    Return the subagent or turn of a model call, None for the session's own, or why it has no place.

    It is the turn that the call was made in, whatever is open by the time it is read.
    """
    if call.agent_id and (subagent := session.subagents.get(call.agent_id)):
        return ModelCallPlace.COPIED if _is_before(call, subagent.start_ns) else subagent
    if call.prompt_id and (turn := session.turns.get(call.prompt_id)):
        return ModelCallPlace.COPIED if _is_before(call, turn.start_ns) else turn
    if turn := _turn_at(session, call):
        return turn
    return ModelCallPlace.OLDER if _is_before(call, session.first_ns) else None


def _turn_at(session: Session, call: ModelCall) -> Node | None:
    """
    Return the turn that the call was made in, one of its client's if there is any; of several the latest.

    A turn that held its time beats one that held it but for the two clocks: prompts may follow at once.
    """
    for apart_ns in (0, CLOCKS_APART_NS):
        held = [turn for turn in session.turns.values() if _held(turn, call.clock_ns, apart_ns)]
        own = [turn for turn in held if turn.event.pid == call.pid]
        if turn := max(own or held, key=lambda turn: turn.start_ns, default=None):
            return turn
    return None


def _held(turn: Node, clock_ns: int, apart_ns: int) -> bool:
    return turn.start_ns - apart_ns <= clock_ns and (turn.end_ns is None or clock_ns <= turn.end_ns + apart_ns)


def _is_before(call: ModelCall, clock_ns: int) -> bool:
    return call.clock_ns < clock_ns - CLOCKS_APART_NS


def turn_of(session: Session, process: Process, event: HookEvent) -> Node | None:
    """Return the event's turn, open or ended. Clients before 2.1.196 name no prompt: theirs is the process's own."""
    if event.prompt_id:
        return session.turns.get(event.prompt_id)
    turn = process.turn
    return turn if turn and not turn.event.prompt_id and event.handler is not Handler.PROMPT else None


def asking_tool(session: Session, event: HookEvent) -> Node | None:
    """Return the earliest open tool span that a permission request without a tool_use_id can be about."""
    for tool in session.open_tools():
        asked = tool.event
        same = asked.tool_name == event.tool_name and asked.input_digest == event.input_digest
        if same and not tool.asked and event.agent_id in {"", asked.agent_id}:
            return tool
    return None


def scope(node: Node) -> Node:
    """Return what a span's life is measured by: its background subagent, else its turn, else its root."""
    if background := node.background():
        return background
    lineage = list(node.lineage())
    return next((above for above in lineage if above.role is Role.TURN), lineage[-1])


def turn_links(session: Session, process: Process, event: HookEvent) -> Iterator[Reference]:
    """Return what a new turn continues: session, earlier turn, launching call, native interaction."""
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
