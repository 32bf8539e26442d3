"""What no event says: which clients are gone, what their transcripts say of interruptions and of launching calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cc_otel.agent.processes import Clients, Visibility, alive
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.event import PROMPT_EVENT, Cause, Handler, HookEvent, ModelCall, Observation

GONE_GRACE_S: Final = 2.0
"""A client that was seen alive is gone when its process is, and its last hooks have had this long to arrive."""

UNSEEN_GRACE_S: Final = 60.0
"""A client never seen alive may live where we cannot look, in a container: silence for this long decides."""

_OF_AGENTS: Final = frozenset({Handler.AGENT, Handler.AGENT_STOP})

OpenProcess = tuple[str, int, int]
"""A client process with something open: its session's id, its pid, its last event (ns)."""


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long (s) to wait in silence for a client before what it opened is closed.

    ``keep_s``: any client. ``idle_s``: one that cannot be watched. ``unseen_s``: one that was never seen alive.
    """

    keep_s: float
    idle_s: float
    unseen_s: float


class Evidence:
    """Watches clients and asks their transcripts."""

    def __init__(self, transcripts: Transcripts, patience: Patience) -> None:
        self._transcripts = transcripts
        self._patience = patience
        self._clients = Clients()
        # When each client with something open was last seen alive, ns.
        self._alive_ns: dict[tuple[str, int], int] = {}

    @property
    def hidden(self) -> tuple[str, ...]:
        """The sessions with a client that cannot be watched."""
        return self._clients.hidden

    def note_event(self, event: HookEvent | ModelCall, now_ns: int) -> None:
        """Note that a client recorded an event."""
        self._clients.note_event(event.session_id, event.pid, event.clock_ns, now_ns)

    def forget(self, session_id: str) -> None:
        """Drop what is known of a session's clients."""
        self._clients.forget(session_id)
        self._alive_ns = {client: at_ns for client, at_ns in self._alive_ns.items() if client[0] != session_id}

    def added_to(
        self,
        event: HookEvent,
        open_processes: Callable[[str], Sequence[OpenProcess]],
        awaits_proof: Callable[[str, str], bool],
    ) -> HookEvent:
        """
        Return the event with its evidence, which is recorded with it, so that assembling it again decides the same.

        ``open_processes`` returns the processes of a session that have something open, ``awaits_proof`` whether it is
        not known which call launched the subagent of that session and id.
        """
        if event.agent_id and (event.handler in _OF_AGENTS or awaits_proof(event.session_id, event.agent_id)):
            return self._with_launch(event)
        starts = event.name == "SessionStart" and event.source != "compact"
        if not starts and event.name not in {PROMPT_EVENT, "SessionEnd"}:
            return event
        if not (others := open_processes(event.session_id)):
            return event
        gone = tuple(pid for _, pid, seen_ns in others if starts and pid and not alive(pid, seen_ns))
        alive_ns = tuple(self._alive_ns.get((event.session_id, pid), 0) for pid in gone)
        interruptions = self._transcripts.interruptions(event.transcript_path)
        return replace(event, gone_pids=gone, gone_alive_ns=alive_ns, interruptions=interruptions)

    def _with_launch(self, event: HookEvent) -> HookEvent:
        agent = (event.transcript_path, event.session_id, event.agent_id)
        folder = event.agent_folder or self._transcripts.agent_folder(*agent)
        return replace(event, agent_tool_use_id=self._transcripts.launching_call(*agent), agent_folder=folder)

    def observe(
        self, processes: Sequence[OpenProcess], heard_ns: Mapping[str, int], path_of: Callable[[str], str], now_ns: int
    ) -> list[Observation]:
        """
        Return what is observed of clients now: that some are gone, or silent for too long.

        ``heard_ns`` says when each session was last heard of, ``path_of`` where its transcript is.
        """
        causes = ((it, self._cause(it, abs(now_ns - heard_ns[it[0]]) / 1e9, now_ns)) for it in processes)
        return [
            Observation(
                cause,
                session_id,
                pid,
                now_ns,
                self._transcripts.interruptions(path_of(session_id)) if cause is Cause.PROCESS_GONE else (),
                self._alive_ns.get((session_id, pid), 0) if cause is Cause.PROCESS_GONE else 0,
            )
            for (session_id, pid, _), cause in causes
            if cause
        ]

    def _cause(self, process: OpenProcess, silent_s: float, now_ns: int) -> Cause | None:
        session_id, pid, last_ns = process
        seen = self._clients.check(session_id, pid, last_ns)
        if seen is Visibility.ALIVE:
            self._alive_ns[session_id, pid] = now_ns
        unseen_s = max(silent_s, (now_ns - last_ns) / 1e9)
        if silent_s > self._patience.keep_s or (seen is Visibility.HIDDEN and silent_s > self._patience.idle_s):
            return Cause.IDLE
        unseen = seen is Visibility.UNSEEN and unseen_s > self._patience.unseen_s
        if silent_s > GONE_GRACE_S and (seen is Visibility.GONE or unseen):
            return Cause.PROCESS_GONE
        return None
