"""
What happened, as every stage of the agent speaks of it: hook events, and what the agent noticed itself.

A `HookEvent` is identity alone: which client, when, which call, under which prompt. It never holds content, so that the
assembler stays small and the journal may keep events long after their content has left. It is read from the redacted
payload (`claude_code.payload`), so nothing that was a secret can become a name or an id.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Final

import orjson

PROMPT_EVENT: Final = "UserPromptSubmit"
DENIED: Final = "denied"
"""The ``error_type`` of a call that was not allowed."""

ANY_AGENT: Final = "*"
"""``subagent_type`` of a call that may launch a subagent of any type."""

NO_PLUGIN: Final = "-"
"""``plugin_root`` of an event that settings wired; an empty root is another wiring than none."""


class Anchor(StrEnum):
    """What an event's span hangs from; each falls back on ``CURRENT`` where what it names is not known."""

    NONE = "none"
    """Nothing: the span is a root."""
    CURRENT = "current"
    """The subagent, else the turn unless it had ended, else the client's SessionStart."""
    ENDED_TOO = "ended too"
    """As ``CURRENT``, but a turn that had ended counts, too."""
    TURN = "turn"
    """The turn of its prompt, if there is one; else nothing."""
    OPEN_TURN = "open turn"
    """The client's open turn, else its SessionStart."""
    SESSION = "session"
    """The client's SessionStart."""
    CALL = "call"
    """The tool call of its id."""
    ASKING_CALL = "asking call"
    """The tool call that a permission request is about."""
    AGENT = "agent"
    """The subagent of its id."""
    STOPPING_AGENT = "stopping agent"
    """The subagent of its id; without a type, the open compaction."""
    COMPACTION = "compaction"
    """The client's last compaction."""


class Handler(StrEnum):
    """What an event does to the tree."""

    INSTANT = "instant"
    PROMPT = "prompt"
    CALL = "call"
    CALL_RESULT = "call result"
    BATCH = "batch"
    PERMISSION = "permission"
    STOP = "stop"
    AGENT = "agent"
    AGENT_STOP = "agent stop"
    COMPACT = "compact"
    COMPACTED = "compacted"
    SESSION_START = "session start"
    SESSION_END = "session end"


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call as a `PostToolBatch` names it.

    ``denied``: its response says that it was not allowed. ``refused`` is the class of the client's reason for not
    making it, for example ``invalid_input``; empty where there was none.
    """

    tool_use_id: str
    denied: bool = False
    tool_name: str = ""
    refused: str = ""

    @property
    def error_type(self) -> str:
        """The class of failure, empty where its response names none."""
        return DENIED if self.denied else self.refused


@dataclass(frozen=True, slots=True)
class Interruption:
    """The user stopped what a prompt had started: a record of the transcript."""

    prompt_id: str
    clock_ns: int


@dataclass(frozen=True, slots=True)
class HookEvent:
    """
    What the assembler knows of one hook event. An absent text is empty; times are ns since the epoch.

    ``anchor`` and ``handler`` follow from the client's table of events. ``id`` is the journal's, ``digest`` the
    payload's. ``subagent_type`` and ``agent_name`` are of the subagent that a call asks for, ``launches_many`` says
    that it may launch several, also after it has ended. ``launched_agent_id`` is the subagent that a result names,
    ``transcript_folder`` where it says that the transcripts of its subagents are. ``tasks_running``: tasks of the
    session go on in the background. ``model`` is the one that the session uses from then on, where the event says so.

    The last fields are evidence that was gathered when the event was taken in, so that assembling it again decides
    the same: clients that are gone and when each was last seen alive (ns), interruptions in the transcript, the call
    that launched the subagent, the folder of the subagent's transcript, and when the session was forgotten (0: never).
    """

    name: str
    clock_ns: int
    session_id: str
    digest: str
    anchor: Anchor = Anchor.CURRENT
    handler: Handler = Handler.INSTANT
    id: int = 0
    pid: int = 0
    plugin_root: str = NO_PLUGIN
    entrypoint: str = ""
    trace_parent: str = ""
    client: str = ""
    source_app: str = ""
    transcript_path: str = ""
    prompt_id: str = ""
    agent_id: str = ""
    agent_type: str = ""
    tool_use_id: str = ""
    tool_name: str = ""
    input_digest: str = ""
    duration_ms: float = -1.0
    source: str = ""
    subagent_type: str = ""
    agent_name: str = ""
    launches_many: bool = False
    launched_agent_id: str = ""
    transcript_folder: str = ""
    tasks_running: bool = False
    calls: tuple[Call, ...] = ()
    error_type: str = ""
    interrupted: bool = False
    notified_by: str = ""
    truncated: bool = False
    gone_pids: tuple[int, ...] = ()
    gone_alive_ns: tuple[int, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    agent_tool_use_id: str = ""
    agent_folder: str = ""
    model: str = ""
    forgotten_ns: int = 0

    def to_json(self) -> bytes:
        """Return the fields that say something as JSON for the journal; `from_stored` is its inverse."""
        return orjson.dumps(
            {name: value for name in _STORED if (value := getattr(self, name)) != _DEFAULTS[name] or name in _ALWAYS}
        )

    @classmethod
    def from_stored(cls, stored: dict[str, Any], event_id: int, anchor: Anchor, handler: Handler) -> "HookEvent":
        """Return the event of the fields that `to_json` wrote, once parsed. Fields of a later version are ignored."""
        stored = {name: value for name, value in stored.items() if name in _DEFAULTS}
        for name, kind in (("calls", Call), ("interruptions", Interruption)):
            if name in stored:
                known = {field.name for field in fields(kind)}
                stored[name] = tuple(
                    kind(**{key: value for key, value in item.items() if key in known}) for item in stored[name]
                )
        for name in ("gone_pids", "gone_alive_ns"):
            if name in stored:
                stored[name] = tuple(stored[name])
        return cls(id=event_id, anchor=anchor, handler=handler, **stored)


_DERIVED: Final = frozenset({"id", "anchor", "handler"})
"""Fields that are not stored: they follow from the row, or from the client's table as it is when it is read."""
_ALWAYS: Final = frozenset({"name", "clock_ns", "session_id", "digest"})
_STORED: Final = tuple(field.name for field in fields(HookEvent) if field.name not in _DERIVED)
_DEFAULTS: Final = {field.name: field.default for field in fields(HookEvent)}


@dataclass(frozen=True, slots=True)
class ModelCall:
    """
    What the assembler knows of a model call of the transcript: no hook event, and a span all the same.

    It began at ``clock_ns`` and ended at ``ended_ns``; ``asked_for`` are the tool calls that its answer asked for.
    """

    clock_ns: int
    session_id: str
    digest: str
    id: int = 0
    pid: int = 0
    prompt_id: str = ""
    agent_id: str = ""
    error_type: str = ""
    model: str = ""
    ended_ns: int = 0
    asked_for: tuple[str, ...] = ()
    forgotten_ns: int = 0

    # What is asked of a hook event, too, whoever asks.
    name: ClassVar[str] = "ModelCall"
    client: ClassVar[str] = ""
    source_app: ClassVar[str] = ""
    truncated: ClassVar[bool] = False

    def to_json(self) -> bytes:
        """Return the fields that say something as JSON for the journal; `from_stored` is its inverse."""
        stored = {name: value for name in _STORED_OF_CALL if (value := getattr(self, name)) or name in _ALWAYS}
        return orjson.dumps({"name": self.name} | stored)

    @classmethod
    def from_stored(cls, stored: dict[str, Any], call_id: int) -> "ModelCall":
        """Return the call of the fields that `to_json` wrote, once parsed. Fields of a later version are ignored."""
        known = {name: value for name, value in stored.items() if name in _STORED_OF_CALL}
        return cls(id=call_id, **{**known, "asked_for": tuple(known.get("asked_for", ()))})


_STORED_OF_CALL: Final = tuple(field.name for field in fields(ModelCall) if field.name != "id")


class Cause(StrEnum):
    """What an agent notices beside the events; ``waited``: no SessionStart came in time."""

    PROCESS_GONE = "process_gone"
    IDLE = "idle"
    WAITED = "waited"


@dataclass(frozen=True, slots=True)
class Observation:
    """
    Something the agent noticed about a client process, with what its transcript says of interruptions.

    ``alive_ns`` is when the client was last seen alive, ns; 0 if it never was.
    """

    cause: Cause
    session_id: str
    pid: int
    clock_ns: int
    interruptions: tuple[Interruption, ...] = ()
    alive_ns: int = 0

    def to_json(self) -> bytes:
        """Return it as JSON for the journal; `from_stored` is its inverse."""
        return orjson.dumps(self)

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> "Observation":
        """Return the observation of the fields that `to_json` wrote, once parsed."""
        stopped = tuple(Interruption(**item) for item in stored["interruptions"])
        cause, alive_ns = Cause(stored["cause"]), stored.get("alive_ns", 0)
        return cls(cause, stored["session_id"], stored["pid"], stored["clock_ns"], stopped, alive_ns)


Occurrence = HookEvent | ModelCall | Observation
"""What the assembler is given."""
