"""
Events to spans: a pure fold over what happened, in the order it is given.

`Assembler.add` takes one input and returns the spans it finished. The same inputs in the same order give the same
spans, so the journal keeps nothing but the inputs (docs/decisions/0001-journal-of-inputs.md). No file, clock or
socket is touched here: time arrives in events and observations. The rules are those of docs/spans.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from cc_otel.agent import launching
from cc_otel.agent.placement import ModelCallPlace, parent_of, place_of_model_call, scope, turn_links
from cc_otel.agent.tree import Closing, Draft, Held, Node, Process, Role, Session, Step
from cc_otel.event import Call, Cause, Handler, HookEvent, ModelCall, Observation, Occurrence
from cc_otel.span import INSTANT_NS, span_id_of, trace_id_of

SESSION_START_WAIT_NS: Final = 2_000_000_000
"""How long an event waits for its process's SessionStart, which may come after it."""

NOBODY_WAITS: Final = "sdk-cli"
"""The entrypoint of ``claude -p``: a call that would prompt is refused at once."""


_Handle = Callable[[Session, HookEvent, Node | None, str], None]


class Assembler:
    """Folds the hook events of any number of sessions into finished spans."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._step = Step()
        self._handlers: dict[Handler, _Handle] = {
            Handler.INSTANT: self._instant,
            Handler.PROMPT: self._prompt,
            Handler.CALL: self._tool,
            Handler.CALL_RESULT: self._tool_result,
            Handler.BATCH: self._batch,
            Handler.PERMISSION: self._permission,
            Handler.STOP: self._stop,
            Handler.AGENT: self._subagent,
            Handler.AGENT_STOP: self._subagent_stop,
            Handler.COMPACT: self._compact,
            Handler.COMPACTED: self._compacted,
            Handler.SESSION_START: self._session_start,
            Handler.SESSION_END: self._session_end,
        }

    # What the agent calls

    def add(self, told: Occurrence) -> Step:
        """Take one input. Return what it finished."""
        self._step = Step()
        session = self._sessions.setdefault(told.session_id, Session(told.session_id))
        session.note(told)
        process = session.process(told.pid, told.clock_ns)
        for subagent in launching.overdue(session, told.clock_ns):
            self._release(launching.give_up(session, subagent))
        if isinstance(told, Observation):
            self._notice(session, process, told)
        elif span_id := _chat_id(told) if isinstance(told, ModelCall) else session.span_id_if_new(told):
            if told.clock_ns > process.first_ns + SESSION_START_WAIT_NS:
                self._stop_waiting(session, process)
            process.note(told)
            self._place(session, process, told, span_id)
        else:
            self._step.duplicates.append(told.id)
        return self._step

    def knows(self, session_id: str) -> bool:
        """Whether the session is in memory."""
        return session_id in self._sessions

    def forget(self, session_id: str) -> None:
        """Drop a session from memory; adding its inputs again brings it back."""
        self._sessions.pop(session_id, None)

    def quiet_sessions(self, before_ns: int) -> list[str]:
        """Return the sessions with nothing open whose last event is older than that."""
        return [
            session.session_id
            for session in self._sessions.values()
            if not session.busy and all(p.last_event_ns < before_ns for p in session.processes.values())
        ]

    def open_processes(self, session_id: str | None = None) -> list[tuple[str, int, int]]:
        """Return session id, pid and last event (ns) of each process with something open, of one session or all."""
        found = self._sessions.values() if session_id is None else filter(None, [self._sessions.get(session_id)])
        return [
            (session.session_id, process.pid, process.last_event_ns)
            for session in found
            for process in session.processes.values()
            if process.open or process.waiting
        ]

    def open_spans(self, session_id: str) -> list[tuple[Draft, bool]]:
        """
        Return a session's open spans as if they ended now, the earliest first, and whether each is undecided.

        An agent whose launching call is not proven yet stands at its caller.
        """
        session = self._sessions.get(session_id)
        nodes = [node for process in session.processes.values() for node in process.open] if session else []
        return [
            (node.draft_so_far(), node.undecided() is not None)
            for node in sorted(nodes, key=lambda node: node.start_ns)
        ]

    def awaits_proof(self, session_id: str, agent_id: str) -> bool:
        """Whether it is not known which call launched a subagent: it is held, or hangs from no call."""
        session = self._sessions.get(session_id)
        subagent = session.subagents.get(agent_id) if session else None
        return subagent is not None and subagent.may_be_in_background

    def transcript_path(self, session_id: str) -> str:
        """Return where a session's transcript is, as its events say; empty if none has."""
        session = self._sessions.get(session_id)
        paths = [process.transcript_path for process in session.processes.values()] if session else []
        return next(filter(None, reversed(paths)), "")

    def overdue(self, now_ns: int) -> list[Observation]:
        """Return the observations that something waited for long enough: a SessionStart, or a subagent's proof."""
        return [
            Observation(Cause.WAITED, session.session_id, process.pid, now_ns)
            for session in self._sessions.values()
            for process in session.processes.values()
            if (process.waiting and now_ns > process.first_ns + SESSION_START_WAIT_NS)
            or any(subagent.process is process for subagent in launching.overdue(session, now_ns))
        ]

    # Where an event goes

    def _place(self, session: Session, process: Process, event: HookEvent | ModelCall, span_id: str) -> None:
        if isinstance(event, HookEvent) and (subagent := session.subagents.get(event.agent_id)):
            self._release(launching.told_of(session, subagent, event))
        parent = parent_of(session, process, event)
        rootless = parent is None and process.start is None and not process.start_missing
        if not _is_root(event) and (rootless or process.waits_for(event)):
            process.waiting.append((event, span_id))
            return
        if parent is not None:
            parent.touch(event.clock_ns)
        if isinstance(event, ModelCall):
            self._chat(session, event, parent, span_id)
            return
        if session.was_known(event):
            self._again(session, event, parent, span_id)
            return
        self._handlers[event.handler](session, event, parent, span_id)
        if process.over:
            # It came after its process's end: nothing will come to close what it opened.
            over = replace(process.over, clock_ns=event.clock_ns, end_ns=None, alive_ns=0)
            self._close_process(session, process, over)

    def _stop_waiting(self, session: Session, process: Process) -> None:
        process.start_missing = process.start is None
        waiting, process.waiting = process.waiting, []
        for event, span_id in waiting:
            self._place(session, process, event, span_id)

    def _notice(self, session: Session, process: Process, observation: Observation) -> None:
        self._stop_waiting(session, process)
        if observation.cause is Cause.PROCESS_GONE:
            process.over = Closing.on(observation)
        if observation.cause is not Cause.WAITED:
            self._close_process(session, process, Closing.on(observation))

    # What each event does; `parent` is where it hangs

    def _again(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        """Note an event that may have been sent before its session was forgotten: no id is used again."""
        self._instant(session, event, parent, span_id_of("again", span_id), late=True)

    def _instant(
        self, session: Session, event: HookEvent, parent: Node | None, span_id: str, *, late: bool = False
    ) -> None:
        end_ns = event.clock_ns + INSTANT_NS
        self._emit_below(parent, Draft(Role.HOOK, event, "", span_id, None, event.clock_ns, end_ns, late=late))

    def _chat(self, session: Session, call: ModelCall, parent: Node | None, span_id: str) -> None:
        place = place_of_model_call(session, call)
        if place is ModelCallPlace.COPIED:
            self._step.copied.append(call.id)
            return
        if place is ModelCallPlace.OLDER or session.was_known(call):
            self._step.older.append(call.id)
            return
        asked = (session.tools.get(tool_use_id) for tool_use_id in call.asked_for)
        links = tuple(tool.reference("asked_for") for tool in asked if tool and not tool.undecided())
        end_ns = max(call.ended_ns, call.clock_ns + INSTANT_NS)
        start = session.process(call.pid, call.clock_ns).start
        compacted = not call.agent_id and 0 < session.compacted_ns <= call.clock_ns
        chat = Draft(Role.CHAT, call, "", span_id, None, call.clock_ns, end_ns, error_type=call.error_type, links=links)
        around = parent or start
        self._emit_below(parent, replace(chat, context=around.event if around else None, compacted=compacted))

    def _prompt(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        if parent is not None:
            self._instant(session, event, parent, span_id)
            return
        process = session.process(event.pid, event.clock_ns)
        session.end_run(event.notified_by)
        if process.turn:
            self._close_turn(session, process.turn, Closing.by(event))
        # Clients before 2.1.196 give prompts no id; the event's own id then sets its turn apart.
        key = event.prompt_id or span_id
        turn = self._open(Role.TURN, event, None, span_id_of("turn", session.session_id, key))
        turn.root_trace_id = trace_id_of("turn", session.session_id, key)
        turn.links = tuple(turn_links(session, process, event))
        turn.model = process.model
        session.turns[key] = session.last_turn = process.turn = turn

    def _tool(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        if not event.tool_use_id:
            self._instant(session, event, parent, span_id)
        elif known := session.tools.get(event.tool_use_id):
            self._instant(session, event, parent, span_id, late=known.event.handler is not Handler.CALL)
        else:
            self._open_tool(session, event, parent)

    def _open_tool(self, session: Session, event: HookEvent, parent: Node | None) -> Node:
        tool_id = span_id_of("tool", session.session_id, event.tool_use_id)
        tool = session.tools[event.tool_use_id] = self._open(Role.TOOL, event, parent, tool_id)
        return tool

    def _tool_result(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        tool = session.tools.get(event.tool_use_id)
        late = tool is not None and (_is_late(tool, event) or tool.event.handler is not Handler.CALL)
        if tool is None and event.tool_use_id:
            # Its opener was lost, or never came: the result stands for the call, too.
            tool = self._open_tool(session, event, parent)
            tool.start_ns = event.clock_ns - int(max(event.duration_ms, 0) * 1e6)
        if tool is None:
            self._instant(session, event, parent, span_id)
            return
        self._instant(session, event, tool, span_id, late=late)
        if event.launched_agent_id:
            self._release(launching.named(session, tool, event.launched_agent_id))
        if tool.event.launches_many and not event.error_type:
            self._release(launching.goes_on(session, tool, event.transcript_folder))
        if tool.is_open:
            if tool.wait and tool.wait.is_open and event.duration_ms >= 0:
                granted_ns = event.clock_ns - int(event.duration_ms * 1e6)
                self._end(tool.wait, tool.wait.end_within(granted_ns, event.clock_ns), event.name)
            error_type = "" if event.interrupted else event.error_type
            self._end(tool, event.clock_ns, event.name, event, error_type, interrupted=event.interrupted)

    def _permission(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        tool = parent if parent and parent.role is Role.TOOL else None
        if tool:
            tool.asked = True
        if tool is None or event.entrypoint == NOBODY_WAITS:
            self._instant(session, event, parent, span_id)
            return
        tool.wait = self._open(Role.WAIT, event, tool, span_id)
        tool.wait.start_ns = max(tool.start_ns, event.clock_ns)

    def _batch(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        self._instant(session, event, parent, span_id)
        known = [session.tools[call.tool_use_id] for call in event.calls if call.tool_use_id in session.tools]
        start_ns = min((tool.start_ns for tool in known), default=event.clock_ns)
        for call in event.calls:
            tool = session.tools.get(call.tool_use_id)
            if tool is None and not session.forgotten_ns:
                tool = self._only_in_batch(session, event, call, parent, start_ns)
            if tool and tool.is_open:
                tool.refused = bool(call.refused)
                self._end(tool, event.clock_ns, event.name, event, call.error_type)

    def _only_in_batch(
        self, session: Session, event: HookEvent, call: Call, parent: Node | None, start_ns: int
    ) -> Node:
        """Open a call that no other event reports: the client refused to make it, or its events were lost."""
        of_call = replace(event, tool_use_id=call.tool_use_id, tool_name=call.tool_name)
        tool = self._open_tool(session, of_call, parent)
        tool.start_ns = min(start_ns, event.clock_ns)
        return tool

    def _subagent(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        if not event.agent_id or event.agent_id in session.subagents:
            self._instant(session, event, parent, span_id)
            return
        if session.forgotten_ns and not launching.may_start(session, event):
            # It may have started before the session was forgotten, and go on now.
            self._again(session, event, parent, span_id)
            return
        subagent = self._open(Role.SUBAGENT, event, parent, span_id_of("subagent", session.session_id, event.agent_id))
        session.subagents[event.agent_id] = subagent
        self._release(launching.started(session, subagent))

    def _subagent_stop(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        subagent = session.subagents.get(event.agent_id)
        if subagent is None:
            self._instant(session, event, parent, span_id)
            return
        self._instant(session, event, subagent, span_id, late=_is_late(subagent, event))
        if subagent.is_open:
            closing = Closing.by(event)
            self._decide_below(session, subagent, closing)
            self._close_below(subagent, closing)
            self._end(subagent, event.clock_ns, event.name, event)

    def _compact(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        process = session.process(event.pid, event.clock_ns)
        if process.compact and process.compact.is_open:
            self._close(process.compact, Closing(event.clock_ns, event.name))
        process.compact = self._open(Role.COMPACT, event, parent, span_id)

    def _compacted(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        compact = session.process(event.pid, event.clock_ns).compact
        self._instant(session, event, parent, span_id, late=compact is not None and _is_late(compact, event))
        if compact and compact.is_open:
            self._end(compact, event.clock_ns, event.name, event)

    def _stop(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        turn = parent if parent and parent.role is Role.TURN else None
        self._instant(session, event, parent, span_id, late=turn is not None and _is_late(turn, event))
        if not event.tasks_running:
            session.runs.clear()
        if turn:
            closing = Closing.by(event)
            self._decide_below(session, turn, closing)
            self._close_below(turn, closing)
            if turn.is_open:
                self._end(turn, event.clock_ns, event.name, event, event.error_type)

    def _session_start(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        process = session.process(event.pid, event.clock_ns)
        self._close_earlier(session, process, event)
        if process.start or process.over:
            process = session.next_process(event.pid, event.clock_ns)
            process.model = event.model
        start = self._open(Role.SESSION, event, None, span_id)
        if session.last_start:
            start.links = (session.last_start.reference("resumed_from"),)
        process.start = session.last_start = start
        self._end(start, event.clock_ns, "")
        self._stop_waiting(session, process)

    def _close_earlier(self, session: Session, starting: Process, event: HookEvent) -> None:
        """Close what earlier processes of the session left open; the pid that starts may have been one of them."""
        for process in list(session.processes.values()):
            if process.pid in event.gone_pids:
                gone = _found_gone(event, process.pid)
                closing = process.over = Closing.on(gone)
            elif process.pid == 0 or (process is starting and process.start):
                closing = Closing.by(event)
            else:
                continue
            self._close_process(session, process, closing)

    def _session_end(self, session: Session, event: HookEvent, parent: Node | None, span_id: str) -> None:
        process = session.process(event.pid, event.clock_ns)
        # The bar of the whole session: two instants would show nothing of it.
        began_ns = process.start.start_ns if process.start and parent is process.start else 0
        end = Draft(Role.HOOK, event, "", span_id, None, event.clock_ns, event.clock_ns + INSTANT_NS, began_ns=began_ns)
        self._emit_below(parent, end)
        closing = process.over = replace(Closing.by(event), end_ns=event.clock_ns)
        self._close_process(session, process, closing)

    # Opening, closing, ending

    def _open(self, role: Role, event: HookEvent, parent: Node | None, span_id: str) -> Node:
        process = self._sessions[event.session_id].process(event.pid, event.clock_ns)
        node = Node(role, event, process, span_id, parent, event.clock_ns, last_event_ns=event.clock_ns)
        if parent is None:
            node.root_trace_id = trace_id_of("root", span_id)
        else:
            parent.open_children[node] = None
        process.open[node] = None
        return node

    def _close_process(self, session: Session, process: Process, closing: Closing) -> None:
        for subagent in list(session.undecided):
            if subagent.process is process:
                self._release(launching.give_up(session, subagent))
        for node in _failing_first(process, closing):
            self._close(node, closing)
            if node.error_type:
                # One end of a client is one error, however much it had open.
                closing = replace(closing, error_type="")
                if process.over:
                    process.over = replace(process.over, error_type="")

    def _close_turn(self, session: Session, turn: Node, closing: Closing) -> None:
        """End a turn by rule. One that has ended may have gone on under the same prompt: that is closed, too."""
        self._decide_below(session, turn, closing)
        if turn.is_open:
            self._close(turn, closing)
        else:
            self._close_below(turn, closing)

    def _decide_below(self, session: Session, node: Node, closing: Closing) -> None:
        """Hold subagents no longer for proof that what launched them ends, unless they may be in the background."""
        if closing.tasks_running:
            return
        for subagent in list(session.undecided):
            if node in subagent.lineage():
                self._release(launching.give_up(session, subagent))

    def _close(self, node: Node, closing: Closing) -> None:
        """End a span by rule, and all open spans below it first."""
        if not node.is_open:
            return
        self._close_below(node, replace(closing, error_type=""))
        background = node.background()
        interrupted_ns = None if background else closing.interruption_of(node.event.prompt_id)
        if interrupted_ns is not None:
            end_ns = interrupted_ns
        elif closing.end_ns is not None:
            end_ns = closing.end_ns
        else:
            last_ns = scope(node).last_event_ns
            end_ns = max(last_ns, closing.alive_ns)
            node.last_seen = end_ns > last_ns
        end_ns = node.end_within(end_ns, closing.clock_ns)
        error_type = "" if interrupted_ns is not None else closing.error_type
        self._end(node, end_ns, closing.closed_by, None, error_type, interrupted=interrupted_ns is not None)

    def _close_below(self, node: Node, closing: Closing) -> None:
        for child in reversed(list(node.open_children)):
            if not (closing.tasks_running and child.may_be_in_background):
                self._close(child, closing)

    def _end(
        self,
        node: Node,
        end_ns: int,
        closed_by: str,
        closer: HookEvent | None = None,
        error_type: str = "",
        *,
        interrupted: bool = False,
    ) -> None:
        end_ns = node.end_within(end_ns, end_ns)
        if node.wait:
            if node.wait.is_open:
                self._end(node.wait, end_ns, closed_by)
            end_ns = max(end_ns, node.wait.end_ns or 0)
        node.end_ns = end_ns
        node.closed_by, node.closer = closed_by, closer
        node.error_type, node.interrupted = error_type, interrupted
        node.process.open.pop(node, None)
        if node.parent:
            node.parent.open_children.pop(node, None)
        self._emit(node)
        if node.event.subagent_type:
            self._release(launching.ended(self._sessions[node.event.session_id], node))

    # Leaving

    def _emit(self, node: Node) -> None:
        undecided = node.undecided()
        if undecided:
            undecided.held.append(node)
            return
        self._step.drafts.append(node.draft())

    def _emit_below(self, parent: Node | None, draft: Draft) -> None:
        if parent is None:
            self._step.drafts.append(replace(draft, trace_id=trace_id_of("root", draft.span_id)))
        elif undecided := parent.undecided():
            undecided.held.append((parent, draft))
        else:
            self._step.drafts.append(replace(draft, trace_id=parent.trace_id(), parent_id=parent.span_id))

    def _release(self, held: Iterable[Held]) -> None:
        for item in held:
            if isinstance(item, Node):
                self._emit(item)
            else:
                self._emit_below(*item)


def _failing_first(process: Process, closing: Closing) -> list[Node]:
    """Return what a process has open, the span that fails with its client first: the turn, else what is uppermost."""
    nodes = list(process.open)
    if closing.error_type:
        turn = process.turn
        nodes.sort(key=lambda node: (node is not turn, node.parent is not None and node.parent.is_open))
    return nodes


def _found_gone(event: HookEvent, pid: int) -> Observation:
    """Return what a starting client's event says of an earlier one that is gone."""
    alive_ns = dict(zip(event.gone_pids, event.gone_alive_ns, strict=False)).get(pid, 0)
    return Observation(Cause.PROCESS_GONE, event.session_id, pid, event.clock_ns, event.interruptions, alive_ns)


def _chat_id(call: ModelCall) -> str:
    return span_id_of("chat", call.digest)


def _is_root(event: HookEvent | ModelCall) -> bool:
    return isinstance(event, HookEvent) and event.handler in {Handler.PROMPT, Handler.SESSION_START}


def _is_late(node: Node, event: HookEvent) -> bool:
    return not node.is_open and node.closed_by != event.name
