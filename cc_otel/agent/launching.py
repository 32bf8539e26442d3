"""
Which Agent call launched a subagent.

`SubagentStart` names neither its call nor its parent. What proves the call comes later, or never, so where several
may have launched it a subagent is undecided, and what hangs from it is held: a span leaves with its trace and its
parent, and those are decided once. Each function gives what a decision sets free, to be emitted.
"""

from cc_otel.agent.tree import Held, Node, Session


def started(session: Session, subagent: Node) -> list[Held]:
    """Look for the call of a subagent that has just started; it may have answered already."""
    call = session.launched.pop(subagent.event.agent_id, None)
    candidates = [call] if call else _open_calls(session, subagent)
    if not candidates:
        return []
    subagent.candidates = candidates
    session.undecided[subagent] = None
    return _settle(session)


def answered(session: Session, call: Node, agent_id: str) -> list[Held]:
    """Take a call's own word for which subagent it launched, if that has started or when it will."""
    if not agent_id:
        return []
    if subagent := session.subagents.get(agent_id):
        return proven(session, subagent, call)
    session.launched[agent_id] = call
    return _settle(session)


def proven(session: Session, subagent: Node, call: Node) -> list[Held]:
    """Hang a subagent from the call that is known to have launched it, unless that was decided before."""
    return [*_decide(session, subagent, call), *_settle(session)]


def ended(session: Session, call: Node) -> list[Held]:
    """Wait no longer for proof of what may have come from a call that is over."""
    if call.denied:
        return _settle(session)
    held: list[Held] = []
    for subagent in list(session.undecided):
        if call in (subagent.candidates or ()):
            held += give_up(session, subagent)
    return held


def give_up(session: Session, subagent: Node) -> list[Held]:
    """Hang a subagent from the earliest call that may have launched it."""
    return [*_decide(session, subagent, next(iter(_free(session, subagent)), None)), *_settle(session)]


def _open_calls(session: Session, subagent: Node) -> list[Node]:
    return [
        tool
        for tool in session.open_tools()
        if tool.event.subagent_type and tool.event.subagent_type == subagent.event.agent_type and tool.launched is None
    ]


def _free(session: Session, subagent: Node) -> list[Node]:
    """Give the calls, the earliest first, that may have launched it and are not known to have launched another."""
    spoken_for = set(session.launched.values())
    return [
        call
        for call in subagent.candidates or ()
        if call.launched is None and not call.denied and call not in spoken_for
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


def _decide(session: Session, subagent: Node, call: Node | None) -> list[Held]:
    if subagent.candidates is None:
        return []
    # Evidence may be wrong, and a call inside the subagent cannot have launched it.
    if call and subagent not in call.lineage():
        call.launched = subagent
        if subagent.parent:
            subagent.parent.open_children.pop(subagent, None)
        subagent.parent, subagent.root_trace_id = call, ""
        if subagent.is_open:
            call.open_children[subagent] = None
        if call.is_open:
            call.touch(subagent.last_event_ns)
    session.undecided.pop(subagent, None)
    subagent.candidates = None
    held, subagent.held = subagent.held, []
    return held
