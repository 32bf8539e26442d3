"""
Claude Code's hook events: one row each, with all that is decided by an event's name.

A new event is a row here; it needs a handler in the assembler only if it opens or ends something. An event without a
row is accepted all the same: it becomes an instant span named after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cc_otel.event import Anchor, Handler


class Wired(StrEnum):
    """When `install` wires an event."""

    ALWAYS = "always"
    MESSAGES = "with --messages"
    COMPACTIONS = "with --compactions"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class EventRow:
    """
    What is known of an event by its name.

    ``anchor`` says what its span hangs from, ``handler`` what it does to the tree. ``words`` are the fields that hold
    an enumeration, a number or a name of the client's own, which may leave where content must not. ``since`` is the
    first client version that knows it, where that is later than 2.1.197: the plugin leaves those out, because an
    older client drops all hooks of a plugin over one name that it does not know. Clients before 2.1.101 do so with a
    settings file, too: for them only events that are ``early`` are wired, which 2.1.76 knows.
    """

    name: str
    anchor: Anchor = Anchor.CURRENT
    handler: Handler = Handler.INSTANT
    words: frozenset[str] = frozenset()
    wired: Wired = Wired.ALWAYS
    since: str = ""
    starts_agent: bool = False
    early: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are wired: without or with those that have to be asked for, or only those that are ``early``."""

    messages: bool = False
    compactions: bool = False
    early: bool = False


USUAL: Final = Choice()
"""What is wired where nothing else is asked for."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ROWS: Final = (
    EventRow("SessionStart", Anchor.NONE, Handler.SESSION_START, _words("source model"), starts_agent=True, early=True),
    EventRow("SessionEnd", Anchor.SESSION, Handler.SESSION_END, _words("reason"), early=True),
    EventRow("Setup", Anchor.SESSION, words=_words("trigger"), early=True),
    EventRow("UserPromptSubmit", Anchor.TURN, Handler.PROMPT, _words("source"), starts_agent=True, early=True),
    EventRow("UserPromptExpansion", Anchor.ENDED_TOO, words=_words("expansion_type")),
    EventRow("PreToolUse", Anchor.CALL, Handler.CALL, early=True),
    EventRow("PostToolUse", Anchor.CALL, Handler.CALL_RESULT, early=True),
    EventRow("PostToolUseFailure", Anchor.CALL, Handler.CALL_RESULT, _words("is_interrupt"), early=True),
    EventRow("PostToolBatch", Anchor.ENDED_TOO, Handler.BATCH),
    EventRow("PermissionRequest", Anchor.ASKING_CALL, Handler.PERMISSION, early=True),
    EventRow("PermissionDenied", Anchor.CALL, Handler.CALL_RESULT),
    EventRow("Notification", words=_words("notification_type"), early=True),
    EventRow("Stop", Anchor.ENDED_TOO, Handler.STOP, _words("stop_hook_active"), early=True),
    EventRow("StopFailure", Anchor.ENDED_TOO, Handler.STOP, _words("error")),
    EventRow("SubagentStart", Anchor.AGENT, Handler.AGENT, early=True),
    EventRow("SubagentStop", Anchor.STOPPING_AGENT, Handler.AGENT_STOP, _words("stop_hook_active"), early=True),
    # The client lists the hooks of these two after `/compact`, for the user and for the model.
    EventRow("PreCompact", Anchor.OPEN_TURN, Handler.COMPACT, _words("trigger"), Wired.COMPACTIONS, early=True),
    EventRow("PostCompact", Anchor.COMPACTION, Handler.COMPACTED, _words("trigger"), Wired.COMPACTIONS, early=True),
    EventRow("PreModelSwitch", words=_words("source from_model to_model"), since="2.1.241"),
    EventRow("PostModelSwitch", words=_words("source from_model to_model"), since="2.1.241"),
    EventRow("TaskCreated", Anchor.ENDED_TOO, words=_words("task_id")),
    EventRow("TaskCompleted", Anchor.ENDED_TOO, words=_words("task_id"), early=True),
    EventRow("TeammateIdle", Anchor.ENDED_TOO, early=True),
    EventRow("ConfigChange", words=_words("source"), early=True),
    EventRow("InstructionsLoaded", words=_words("memory_type load_reason"), early=True),
    EventRow("CwdChanged"),
    EventRow("FileChanged", words=_words("event")),
    EventRow("DirectoryAdded", words=_words("source"), since="2.1.219"),
    # Wired, the client asks the hook to make the worktree, and none is made.
    EventRow("WorktreeCreate", wired=Wired.NEVER, early=True),
    EventRow("WorktreeRemove", early=True),
    EventRow("Elicitation", Anchor.ENDED_TOO, words=_words("mcp_server_name mode"), early=True),
    EventRow("ElicitationResult", Anchor.ENDED_TOO, words=_words("mcp_server_name mode action"), early=True),
    # It holds back what the user reads until the hook has run.
    EventRow("MessageDisplay", Anchor.ENDED_TOO, words=_words("index final"), wired=Wired.MESSAGES),
)
"""The 33 events of Claude Code 2.1.330, in the order in which docs and settings list them."""

EVENTS: Final[Mapping[str, EventRow]] = {row.name: row for row in _ROWS}

_AFTER_COMPACTION: Final = EventRow("SessionStart", Anchor.COMPACTION, words=_words("source model"))
"""A `SessionStart` with source ``compact``: the session goes on, nothing begins."""


def wired_rows(choice: Choice = USUAL) -> list[EventRow]:
    """Return the rows of the events that settings wire."""
    wanted = {
        Wired.ALWAYS: True,
        Wired.MESSAGES: choice.messages,
        Wired.COMPACTIONS: choice.compactions,
        Wired.NEVER: False,
    }
    return [row for row in EVENTS.values() if wanted[row.wired] and (row.early or not choice.early)]


def row_of(name: str, source: str = "") -> EventRow:
    """Return the row of an event; one that is not in the table is an instant where the session is."""
    if name == "SessionStart" and source == "compact":
        return _AFTER_COMPACTION
    return EVENTS.get(name) or EventRow(name)
