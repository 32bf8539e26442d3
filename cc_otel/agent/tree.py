"""
The tree while it grows: what the assembler remembers of sessions, processes and open spans.

Plain state and the questions it answers. The rules that change it are in `assembler`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cc_otel.event import (
    ANY_AGENT,
    DENIED,
    Anchor,
    Cause,
    Handler,
    HookEvent,
    Interruption,
    ModelCall,
    Observation,
    Occurrence,
)
from cc_otel.span import INSTANT_NS, span_id_of, trace_id_of

DUPLICATE_WINDOW_NS: Final = 2_000_000_000
"""Within this, byte-equal events of two wirings are one event."""

LAST_WORDS_NS: Final = 5_000_000_000
"""How long a hook may outlive its client: as long as it may run."""

RECENT_EVENTS_MAX: Final = 1024
"""How many different events of a session are remembered to find duplicates."""

EQUAL_EVENTS_MAX: Final = 64
"""How many events that are byte for byte the same are remembered of each."""


class Role(StrEnum):
    """What a span stands for; it decides the span's name and attributes."""

    TURN = "turn"
    TOOL = "tool"
    SUBAGENT = "subagent"
    COMPACT = "compact"
    WAIT = "wait"
    SESSION = "session"
    CHAT = "chat"
    HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Reference:
    """A link to another span; ``kind`` is its `cc_otel.link` (docs/spans.md, "Traces, ids, links")."""

    kind: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Draft:
    """
    A finished span before it has content: where it stands, when it ran, how it ended.

    ``event`` is the one it belongs to, ``closer`` the one that brought its result, if any did. ``last_seen``: its
    client died, and it ends when that was last seen alive. Times are ns. Of a model call, ``context`` is the event of
    what it hangs from, and ``compacted`` says that its conversation had been compacted; of a turn, ``model`` is what
    the session used when it began; of a session's end, ``began_ns`` is when that began, if it is known; of a subagent,
    ``launched_by`` is the span of the call that is proven to have launched it.
    """

    role: Role
    event: HookEvent | ModelCall
    trace_id: str
    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int
    closer: HookEvent | None = None
    closed_by: str = ""
    error_type: str = ""
    interrupted: bool = False
    late: bool = False
    wait_ms: float | None = None
    links: tuple[Reference, ...] = ()
    last_seen: bool = False
    context: HookEvent | None = None
    model: str = ""
    compacted: bool = False
    began_ns: int = 0
    launched_by: str = ""

    @property
    def without_opener(self) -> bool:
        """Whether it is a call that only its result or its batch names: that event has an instant of its own, too."""
        return self.role is Role.TOOL and self.hook_event.handler is not Handler.CALL

    @property
    def hook_event(self) -> HookEvent:
        """Its event, where it does not stand for a model call."""
        if isinstance(self.event, ModelCall):
            raise TypeError("a model call has no hook event")
        return self.event

    @property
    def tool_name(self) -> str:
        """The tool of its event, empty where that names none."""
        return "" if isinstance(self.event, ModelCall) else self.event.tool_name

    @property
    def sources(self) -> tuple[HookEvent | ModelCall, ...]:
        """The events whose content the span is made of: the one it stands for, and the one that ended it."""
        if self.closer is None or self.closer.id == self.event.id:
            return (self.event,)
        return (self.event, self.closer)


def unplaced(event: HookEvent | ModelCall) -> Draft:
    """Return the span of an event that has no place because assembling it failed: an instant, a root of its own."""
    span_id = span_id_of("unplaced", event.digest, str(event.pid), str(event.clock_ns))
    end_ns = event.clock_ns + INSTANT_NS
    return Draft(Role.HOOK, event, trace_id_of("root", span_id), span_id, None, event.clock_ns, end_ns, late=True)


@dataclass(slots=True)
class Step:
    """
    What one input led to: finished spans, and the ids of events that become none.

    ``duplicates`` came by another wiring before. Of the model calls, ``copied`` ones belong to a turn of another
    session, whose history the transcript repeats; ``older`` ones are from before anything was recorded of the session.
    """

    drafts: list[Draft] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    copied: list[int] = field(default_factory=list)
    older: list[int] = field(default_factory=list)

    @property
    def without_span(self) -> list[int]:
        """The ids of all events that become no span."""
        return [*self.duplicates, *self.copied, *self.older]


@dataclass(frozen=True, slots=True)
class Closing:
    """
    Why and when spans are closed by rule.

    ``end_ns`` is set where the closer itself says when they ended, ``alive_ns`` where the client was seen alive after
    its last event. ``tasks_running``: what may be in the background goes on.
    """

    clock_ns: int
    closed_by: str
    end_ns: int | None = None
    error_type: str = ""
    interruptions: tuple[Interruption, ...] = ()
    alive_ns: int = 0
    tasks_running: bool = False

    @classmethod
    def on(cls, observation: Observation) -> "Closing":
        """Close because of an observation; a client that died failed."""
        error_type = str(observation.cause) if observation.cause is Cause.PROCESS_GONE else ""
        return cls(
            observation.clock_ns, observation.cause, None, error_type, observation.interruptions, observation.alive_ns
        )

    @classmethod
    def by(cls, event: HookEvent) -> "Closing":
        """Close because of an event."""
        return cls(event.clock_ns, event.name, interruptions=event.interruptions, tasks_running=event.tasks_running)

    def interruption_of(self, prompt_id: str) -> int | None:
        """Return when the user stopped what this prompt had started, ns."""
        return next((i.clock_ns for i in self.interruptions if prompt_id and i.prompt_id == prompt_id), None)


@dataclass(eq=False, slots=True)
class Node:
    """A span that others may hang from, open until ``end_ns`` is set."""

    role: Role
    event: HookEvent
    process: "Process"
    span_id: str
    parent: "Node | None"
    start_ns: int
    root_trace_id: str = ""
    end_ns: int | None = None
    closer: HookEvent | None = None
    closed_by: str = ""
    error_type: str = ""
    interrupted: bool = False
    links: tuple[Reference, ...] = ()
    open_children: dict["Node", None] = field(default_factory=dict)
    last_event_ns: int = 0
    # A tool: whether permission was asked, the wait for it, and the subagent it launched.
    asked: bool = False
    wait: "Node | None" = None
    refused: bool = False
    launched: "Node | None" = None
    # A subagent: the calls that may have launched it, while none is decided on, and what cannot leave before; whether
    # the one it hangs from is proven; the folder of its transcript.
    candidates: list["Node"] | None = None
    held: list["Held"] = field(default_factory=list)
    proven: bool = False
    folder: str = ""
    last_seen: bool = False
    model: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may still go on."""
        return self.end_ns is None

    def had_ended(self, clock_ns: int) -> bool:
        """Whether it was over at that time."""
        return self.end_ns is not None and self.end_ns <= clock_ns

    def lineage(self) -> Iterator["Node"]:
        """Itself, its parent, and on up to the root."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def undecided(self) -> "Node | None":
        """Return the nearest subagent on the way up whose launching call is not proven yet."""
        return next((node for node in self.lineage() if node.candidates is not None), None)

    def trace_id(self) -> str:
        """Return its root's trace. Only meaningful while nothing on the way up is undecided."""
        if not self.root_trace_id and self.parent is not None:
            self.root_trace_id = self.parent.trace_id()
        return self.root_trace_id

    @property
    def never_ran(self) -> bool:
        """Whether it is a call that was denied or refused."""
        return self.error_type == DENIED or self.refused

    @property
    def may_be_in_background(self) -> bool:
        """Whether it is a subagent of which no launching call is known: that may have ended long ago."""
        if self.role is not Role.SUBAGENT or self.proven:
            return False
        return self.candidates is not None or self.parent is None or self.parent.role is not Role.TOOL

    def may_launch(self, agent_type: str) -> bool:
        """Whether it is a call that asks for a subagent of that type, or for one of that name."""
        asked = self.event.subagent_type
        if not asked or (self.launched is not None and not self.event.launches_many):
            return False
        return asked == ANY_AGENT or agent_type in {asked, self.event.agent_name}

    @property
    def is_launched(self) -> bool:
        """Whether it is a subagent below the call that is proven to have launched it."""
        return self.role is Role.SUBAGENT and self.proven and self.parent is not None and self.parent.role is Role.TOOL

    @property
    def in_background(self) -> bool:
        """Whether it is a subagent that outlives what it hangs from."""
        return self.role is Role.SUBAGENT and self.parent is not None and not self.parent.is_open

    def background(self) -> "Node | None":
        """Return the subagent in the background that it is or belongs to, if there is one."""
        return next((node for node in self.lineage() if node.in_background), None)

    def touch(self, clock_ns: int) -> None:
        """Note that something happened in it, and so in all it is part of; not in what it outlives."""
        for node in self.lineage():
            node.last_event_ns = max(node.last_event_ns, clock_ns)
            if node.in_background:
                return

    def reference(self, kind: str) -> Reference:
        """Return a link to it."""
        return Reference(kind, self.trace_id(), self.span_id)

    def draft(self, trace_id: str | None = None) -> Draft:
        """Return it as it ended, in its root's trace unless one is given."""
        wait = self.wait
        return Draft(
            role=self.role,
            event=self.event,
            trace_id=self.trace_id() if trace_id is None else trace_id,
            span_id=self.span_id,
            parent_id=self.parent.span_id if self.parent else None,
            start_ns=self.start_ns,
            end_ns=self.end_ns or self.start_ns + INSTANT_NS,
            closer=self.closer,
            closed_by=self.closed_by,
            error_type=self.error_type,
            interrupted=self.interrupted,
            wait_ms=(wait.end_ns - wait.start_ns) / 1e6 if wait and wait.end_ns else None,
            links=self.links,
            last_seen=self.last_seen,
            model=self.model,
            launched_by=self.parent.span_id if self.is_launched and self.parent else "",
        )

    def draft_so_far(self) -> Draft:
        """Return it as if it ended now, at its place so far, which a decision may change."""
        return self.draft(next((node.root_trace_id for node in self.lineage() if node.root_trace_id), ""))

    def end_within(self, end_ns: int, latest_ns: int) -> int:
        """Return an end that is after its start and, where that allows, not after ``latest_ns``."""
        return max(min(end_ns, latest_ns), self.start_ns + INSTANT_NS)


Held = Node | tuple[Node, Draft]
"""What waits for a decision: a span that has ended, or an instant one and the span that it hangs from."""


@dataclass(slots=True)
class Recent:
    """A recent event, and the wirings that it came by."""

    clock_ns: int
    wirings: set[str]


@dataclass(eq=False, slots=True)
class Process:
    """One client process in one session: ``pid`` 0 where it is unknown; ``over`` says when and what ended it."""

    pid: int
    first_ns: int
    last_event_ns: int = 0
    start: Node | None = None
    start_missing: bool = False
    turn: Node | None = None
    compact: Node | None = None
    open: dict[Node, None] = field(default_factory=dict)
    waiting: list[tuple[HookEvent | ModelCall, str]] = field(default_factory=list)
    transcript_path: str = ""
    model: str = ""
    over: Closing | None = None

    def was_out_of_sight(self, clock_ns: int) -> bool:
        """Whether it was taken for gone, and recorded something that no hook of a dead client can still record."""
        if self.over is None or self.over.closed_by != Cause.PROCESS_GONE:
            return False
        return clock_ns > self.over.clock_ns + LAST_WORDS_NS

    def note(self, told: HookEvent | ModelCall) -> None:
        """Note that it recorded something."""
        self.last_event_ns = max(self.last_event_ns, told.clock_ns)
        if isinstance(told, HookEvent) and told.transcript_path:
            self.transcript_path = told.transcript_path
        if isinstance(told, HookEvent) and told.model:
            self.model = told.model
        if self.was_out_of_sight(told.clock_ns):
            self.over = None

    def waits_for(self, event: HookEvent | ModelCall) -> bool:
        """Whether an event that this one builds on is itself waiting for the SessionStart."""
        if event.agent_id and any(event.agent_id == earlier.agent_id for earlier, _ in self.waiting):
            return True
        if isinstance(event, ModelCall):
            return False
        named = {event.tool_use_id, *(call.tool_use_id for call in event.calls)} - {""}
        waiting = (earlier for earlier, _ in self.waiting)
        return any(isinstance(earlier, HookEvent) and earlier.tool_use_id in named for earlier in waiting)


@dataclass(eq=False, slots=True)
class Session:
    """One session id: all its processes, and what can be found by identity."""

    session_id: str
    processes: dict[int, Process] = field(default_factory=dict)
    turns: dict[str, Node] = field(default_factory=dict)
    tools: dict[str, Node] = field(default_factory=dict)
    subagents: dict[str, Node] = field(default_factory=dict)
    # The earliest call that named a subagent before that started, by the subagent's id.
    launched: dict[str, Node] = field(default_factory=dict)
    undecided: dict[Node, None] = field(default_factory=dict)
    # Calls that have ended and go on to launch subagents, and calls by the folder of their subagents' transcripts.
    runs: dict[Node, None] = field(default_factory=dict)
    folders: dict[str, Node] = field(default_factory=dict)
    # Tools that were seen to launch a subagent although nothing in their calls says so.
    launching: set[str] = field(default_factory=set)
    first_ns: int = 0
    compacted_ns: int = 0
    forgotten_ns: int = 0
    last_turn: Node | None = None
    last_start: Node | None = None
    recent: dict[tuple[int, str], list[Recent]] = field(default_factory=dict)

    def note(self, told: Occurrence) -> None:
        """Note when it was first recorded and compacted, and up to when it was known before it was forgotten."""
        if isinstance(told, Observation):
            return
        self.forgotten_ns = max(self.forgotten_ns, told.forgotten_ns)
        if isinstance(told, HookEvent):
            self.first_ns = min(self.first_ns or told.clock_ns, told.clock_ns)
            if told.anchor is Anchor.COMPACTION:
                self.compacted_ns = min(self.compacted_ns or told.clock_ns, told.clock_ns)

    def was_known(self, event: HookEvent | ModelCall) -> bool:
        """Whether the event may have been sent already, by an agent that has forgotten the session since."""
        if not self.forgotten_ns:
            return False
        if event.clock_ns <= self.forgotten_ns:
            return True
        if isinstance(event, ModelCall) or event.handler is not Handler.CALL_RESULT:
            return False
        return event.tool_use_id not in self.tools

    def end_run(self, tool_use_id: str) -> None:
        """Note that what a call had launched in the background is over."""
        if call := self.tools.get(tool_use_id):
            self.runs.pop(call, None)

    def process(self, pid: int, clock_ns: int) -> Process:
        """Return the process of that pid; the first event seen of it makes it."""
        if pid not in self.processes:
            self.processes[pid] = Process(pid, clock_ns)
        return self.processes[pid]

    def next_process(self, pid: int, clock_ns: int) -> Process:
        """Return a new process the pid of an earlier one, with the events that waited for its SessionStart."""
        waiting = self.processes[pid].waiting
        self.processes[pid] = Process(pid, clock_ns, last_event_ns=clock_ns, waiting=waiting)
        return self.processes[pid]

    @property
    def busy(self) -> bool:
        """Whether anything in it is open or waits."""
        return bool(self.undecided) or any(p.open or p.waiting for p in self.processes.values())

    def is_launching(self, call: HookEvent) -> bool:
        """Whether a call is of a tool that launches subagents without a word of it."""
        return not call.subagent_type and call.tool_name in self.launching

    def open_tools(self) -> list[Node]:
        """Return its open tool spans, the earliest first."""
        tools = [node for process in self.processes.values() for node in process.open if node.role is Role.TOOL]
        return sorted(tools, key=lambda node: node.start_ns)

    def span_id_if_new(self, event: HookEvent) -> str:
        """
        Return the event's span id, or nothing where the same event has come by another wiring already.

        Wired in a plugin and in settings, both handlers fire: the n-th event of one wiring and the n-th byte-equal
        event of the same process under another are one. Equal events of one wiring are two, also at one instant.
        """
        key = (event.pid, event.digest)
        # To the end: what stands first is the oldest, and is evicted first.
        known = self.recent[key] = self.recent.pop(key, [])
        for earlier in known:
            near = abs(earlier.clock_ns - event.clock_ns) <= DUPLICATE_WINDOW_NS
            if near and event.plugin_root not in earlier.wirings:
                earlier.wirings.add(event.plugin_root)
                return ""
        same_instant = sum(earlier.clock_ns == event.clock_ns for earlier in known)
        known.append(Recent(event.clock_ns, {event.plugin_root}))
        del known[:-EQUAL_EVENTS_MAX]
        if len(self.recent) > RECENT_EVENTS_MAX:
            del self.recent[next(iter(self.recent))]
        return span_id_of("event", event.digest, str(event.pid), str(event.clock_ns), str(same_instant))
