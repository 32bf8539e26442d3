"""
Which call launched a subagent.

`SubagentStart` names neither its call nor its parent. What proves the call comes later, or never, so where several
may have launched it a subagent is undecided, and what hangs from it is held: a span leaves with its trace and its
parent, and those are decided once. Each function returns what a decision releases, to be emitted.

Proof is, in this order: the earliest call whose result names the subagent and that began before it; the call that the
subagent's ``meta.json`` names; the call whose result names the folder that the subagent's transcript is in.
"""

from typing import Final

from cc_otel.agent.tree import Held, Node, Role, Session
from cc_otel.event import HookEvent

UNDECIDED_NS_MAX: Final = 60_000_000_000
"""How long a subagent is held for proof."""


def started(session: Session, subagent: Node) -> list[Held]:
    """Find the call of a subagent that has just started; it may have ended already."""
    event = subagent.event
    subagent.folder = event.agent_folder
    if call := _proof(session, subagent, session.launched.pop(event.agent_id, None)):
        subagent.candidates = []
        return proven(session, subagent, call)
    candidates = _candidates(session, event.agent_type)
    if not candidates:
        return []
    subagent.candidates = candidates
    session.undecided[subagent] = None
    return _settle(session)


def may_start(session: Session, event: HookEvent) -> bool:
    """Whether a call is known that may have launched a subagent."""
    proof = event.agent_id in session.launched or event.agent_tool_use_id in session.tools
    return proof or event.agent_folder in session.folders or bool(_candidates(session, event.agent_type))


def named(session: Session, call: Node, agent_id: str) -> list[Held]:
    """Take a result's word for a subagent. A call that began after it did not launch it, but sent it a message, say."""
    if subagent := session.subagents.get(agent_id):
        return proven(session, subagent, call) if call.start_ns <= subagent.start_ns else []
    earlier = session.launched.get(agent_id)
    if earlier is None or call.start_ns < earlier.start_ns:
        session.launched[agent_id] = call
    return _settle(session)


def goes_on(session: Session, call: Node, folder: str) -> list[Held]:
    """Note that a call has ended that goes on to launch subagents, and the folder that their transcripts are in."""
    session.runs[call] = None
    if not folder:
        return []
    session.folders[folder] = call
    known = [subagent for subagent in session.undecided if subagent.folder == folder]
    return [held for subagent in known for held in proven(session, subagent, call)]


def told_of(session: Session, subagent: Node, event: HookEvent) -> list[Held]:
    """Take the evidence that came with an event of a subagent."""
    subagent.folder = event.agent_folder or subagent.folder
    call = session.tools.get(event.agent_tool_use_id) or session.folders.get(subagent.folder)
    return proven(session, subagent, call) if call else []


def proven(session: Session, subagent: Node, call: Node) -> list[Held]:
    """Hang a subagent from the call that is known to have launched it, unless it was sent before from another."""
    if subagent.proven:
        return []
    # It hangs from that call already, because no other was left: now it is known, too.
    subagent.proven = subagent.candidates is None and subagent.parent is call
    if subagent.candidates is None and not _may_move(subagent, call):
        return []
    subagent.proven = True
    if not call.event.subagent_type:
        session.launching.add(call.event.tool_name)
    return [*_decide(session, subagent, call), *_settle(session)]


def ended(session: Session, call: Node) -> list[Held]:
    """Strike a call that never ran from the candidates."""
    return _settle(session) if call.never_ran else []


def give_up(session: Session, subagent: Node) -> list[Held]:
    """Hang a subagent from the earliest call that may have launched it."""
    return [*_decide(session, subagent, next(iter(_free(session, subagent)), None)), *_settle(session)]


def overdue(session: Session, clock_ns: int) -> list[Node]:
    """Return the subagents that have been held for too long."""
    return [subagent for subagent in session.undecided if clock_ns > subagent.start_ns + UNDECIDED_NS_MAX]


def _proof(session: Session, subagent: Node, named_by: Node | None) -> Node | None:
    if named_by and named_by.start_ns <= subagent.start_ns:
        return named_by
    return session.tools.get(subagent.event.agent_tool_use_id) or session.folders.get(subagent.folder)


def _candidates(session: Session, agent_type: str) -> list[Node]:
    calls = [*session.runs, *session.open_tools()]
    found = [
        call for call in calls if call.may_launch(agent_type) or (call.is_open and session.is_launching(call.event))
    ]
    return sorted(found, key=lambda call: call.start_ns)


def _free(session: Session, subagent: Node) -> list[Node]:
    """Return the calls, the earliest first, that may have launched it and are not known to have launched another."""
    spoken_for = set(session.launched.values())
    return [
        call
        for call in subagent.candidates or ()
        if not call.never_ran and (call.event.launches_many or (call.launched is None and call not in spoken_for))
    ]


def _settle(session: Session) -> list[Held]:
    """Decide wherever no two calls are left."""
    held: list[Held] = []
    # Once over is enough: what an earlier one may still hang from, a later one of its type may hang from too.
    for subagent in list(session.undecided):
        free = _free(session, subagent)
        if len(free) <= 1:
            held += _decide(session, subagent, free[0] if free else None)
    return held


def _may_move(subagent: Node, call: Node) -> bool:
    """Whether a subagent for which no call was known can still move to one: it has not left, and its trace stays."""
    if subagent.parent is None or subagent.parent.role is Role.TOOL or not subagent.is_open:
        return False
    if subagent in call.lineage() or call.undecided() or subagent.undecided():
        return False
    return call.trace_id() == subagent.trace_id()


def _decide(session: Session, subagent: Node, call: Node | None) -> list[Held]:
    # Evidence may be wrong, and a call inside the subagent cannot have launched it.
    if call and subagent not in call.lineage():
        if subagent.parent:
            subagent.parent.open_children.pop(subagent, None)
        call.launched = subagent
        subagent.parent, subagent.root_trace_id = call, ""
        if subagent.is_open:
            call.open_children[subagent] = None
        if call.is_open:
            call.touch(subagent.last_event_ns)
    session.undecided.pop(subagent, None)
    subagent.candidates = None
    held, subagent.held = subagent.held, []
    return held
