"""
Small stories of events, told in text: ``<ms> <event> [word] key=value …``, one event a line.

The word is the tool's name, the agent's type or the source, as the event has it. ``!process_gone`` and its like are
signals. Whatever is not said is one client (pid 1) of one session (s).
"""

from hashlib import blake2b
from typing import Any, Final

from cc_otel.agent.assembler import Assembler
from cc_otel.claude_code.event_table import row_of
from cc_otel.event import Call, Cause, HookEvent, Interruption, ModelCall, Observation, Occurrence
from tests.sessions.loader import Assembled
from tests.tree_text import render

_KEYS: Final = {
    "session": "session_id",
    "prompt": "prompt_id",
    "tool": "tool_use_id",
    "agent": "agent_id",
    "input": "input_digest",
    "for": "subagent_type",
    "launched": "launched_agent_id",
    "took": "duration_ms",
    "error": "error_type",
    "by": "notified_by",
    "proof": "agent_tool_use_id",
    "named": "agent_name",
    "transcripts": "transcript_folder",
    "folder": "agent_folder",
    "plugin": "plugin_root",
}
_FLAGS: Final = {"many": "launches_many", "running": "tasks_running"}
_NOT_TEXT: Final = frozenset({"calls", "gone", "stopped", "forgotten", *_FLAGS})
_WORD: Final = {"SessionStart": "source", "SubagentStart": "agent_type", "SubagentStop": "agent_type"}
NOT_IN_PAYLOAD: Final = frozenset(
    {"pid", "plugin_root", "gone_pids", "interruptions", "agent_tool_use_id", "forgotten_ns"}
)
"""Fields of an event that tell its payload from no other: two events may differ in them and be byte-equal."""


def tell(story: str) -> list[Occurrence]:
    """Return the inputs of a story, in the order of its lines."""
    lines = [line.split("#")[0].split() for line in story.splitlines()]
    return [_input(words, number) for number, words in enumerate(lines, 1) if words]


def play(story: str) -> Assembled:
    """Assemble a story, with nothing closed but by the story itself."""
    assembler = Assembler()
    assembled = Assembled()
    for told in tell(story):
        assembled.take(assembler.add(told))
    return assembled


def draw(story: str) -> str:
    """Return the tree of a story, whose every event has to be in it."""
    assembled = play(story)
    tree = render(assembled.drafts, 0).strip()
    events = [told for told in tell(story) if not isinstance(told, Observation)]
    drawn = sum(not draft.without_opener for draft in assembled.drafts)
    assert len(events) == drawn + len(assembled.without_span), f"not all of the story is in the tree:\n{tree}"
    return tree


def _input(words: list[str], number: int) -> Occurrence:
    clock_ns = int(float(words[0]) * 1e6)
    said = dict(word.split("=", 1) for word in words[2:] if "=" in word)
    if words[1].startswith("!"):
        stops = _interruptions(said.get("stopped", ""))
        cause, pid, alive_ns = Cause(words[1][1:]), int(said.get("pid", "1")), int(float(said.get("alive", "0")) * 1e6)
        return Observation(cause, said.get("session", "s"), pid, clock_ns, stops, alive_ns)
    if words[1] == ModelCall.name:
        return _model_call(said, clock_ns, number)
    fields: dict[str, Any] = {"session_id": "s", "pid": 1, "entrypoint": "cli"}
    fields |= {_WORD.get(words[1], "tool_name"): word for word in words[2:] if "=" not in word}
    fields |= {_KEYS.get(key, key): value for key, value in said.items() if key not in _NOT_TEXT}
    fields["pid"] = int(fields["pid"])
    if "duration_ms" in fields:
        fields["duration_ms"] = float(fields["duration_ms"])
    if "calls" in said:
        fields["calls"] = tuple(_call(call) for call in said["calls"].split(","))
    fields |= {name: True for key, name in _FLAGS.items() if key in said}
    content = repr(sorted((key, value) for key, value in fields.items() if key not in NOT_IN_PAYLOAD))
    fields["gone_pids"] = tuple(int(pid) for pid in said.get("gone", "").split(",") if pid)
    fields["interruptions"] = _interruptions(said.get("stopped", ""))
    fields["forgotten_ns"] = int(float(said.get("forgotten", "0")) * 1e6)
    digest = blake2b(f"{words[1]} {content}".encode(), digest_size=16).hexdigest()
    row = row_of(words[1], fields.get("source", ""))
    return HookEvent(words[1], clock_ns, digest=digest, anchor=row.anchor, handler=row.handler, id=number, **fields)


def _model_call(said: dict[str, str], clock_ns: int, number: int) -> ModelCall:
    names = {_KEYS.get(key, key): value for key, value in said.items() if key not in {"ended", "asked", "pid"}}
    return ModelCall(
        clock_ns=clock_ns,
        digest=f"m{number}",
        id=number,
        pid=int(said.get("pid", "1")),
        ended_ns=int(float(said["ended"]) * 1e6),
        asked_for=tuple(filter(None, said.get("asked", "").split(","))),
        **{"session_id": "s", **names},  # type: ignore[arg-type]
    )


def _call(text: str) -> Call:
    """Read ``t``, ``t!`` (denied) or ``t:Edit:no_match`` (its tool, and why the client refused it)."""
    tool_use_id, _, rest = text.rstrip("!").partition(":")
    tool_name, _, refused = rest.partition(":")
    return Call(tool_use_id, text.endswith("!"), tool_name, refused)


def _interruptions(text: str) -> tuple[Interruption, ...]:
    """Read ``p@300``: what prompt p had started was stopped at 300 ms."""
    found = (item.split("@") for item in text.split(",") if item)
    return tuple(Interruption(prompt_id, int(float(at_ms) * 1e6)) for prompt_id, at_ms in found)
