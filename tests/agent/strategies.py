"""What the property tests draw: JSON of any kind, payloads gone wrong, and histories that no client would tell."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from hypothesis import strategies as st

from cc_otel.event import HookEvent, ModelCall, Occurrence
from tests.agent.script import NOT_IN_PAYLOAD, tell
from tests.sessions.loader import NAMES, load, records

Inputs = Sequence[Occurrence]

PLUGIN_ROOT = "/home/dev/.claude/plugins/cache/market/cc-otel/0.1.0"

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("x" * 5000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@functools.cache
def samples() -> list[dict[str, Any]]:
    """Return one recorded line for each kind of event and the fields it came with."""
    found = {
        (record["payload"]["hook_event_name"], *record["payload"]): record for name in NAMES for record in records(name)
    }
    return list(found.values())


@st.composite
def spoiled_payloads(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a real payload with some of its fields of any type, missing, or never heard of."""
    payload = dict(draw(st.sampled_from(samples()))["payload"])
    for key in draw(st.lists(st.sampled_from(sorted(payload)), max_size=3)):
        payload.pop(key, None)
    keys = st.sampled_from(sorted({*payload, "tool_calls", "tool_response", "duration_ms", "error"})) | st.text()
    return payload | draw(st.dictionaries(keys, json_values, max_size=4))


# Recorded sessions, told otherwise

sessions = st.sampled_from(NAMES).map(load)


@st.composite
def retold_sessions(draw: st.DrawFn) -> Inputs:
    """Draw one or two sessions, interleaved, with events lost, told again, told by two wirings, or out of order."""
    told = [*draw(sessions), *draw(sessions | st.just([]))]
    kept = draw(st.lists(st.booleans(), min_size=len(told), max_size=len(told))) if draw(st.booleans()) else []
    told = [event for event, keep in zip(told, kept, strict=True) if keep] if kept else told
    again = draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    roots = st.sampled_from([PLUGIN_ROOT, "", "-"])
    later_ns = st.integers(-1_000_000_000, 3_000_000_000)
    told += [replace(event, clock_ns=event.clock_ns + draw(later_ns), plugin_root=draw(roots)) for event in again]
    told = draw(st.permutations(told)) if draw(st.booleans()) else sorted(told, key=lambda event: event.clock_ns)
    return [replace(event, id=number) for number, event in enumerate(told, 1)]


# Histories of few names, so that everything meets everything


_MOVES = tell("""
    0 SessionStart startup
    0 SessionStart startup pid=0
    0 SessionStart resume gone=1
    0 SessionStart resume pid=2 gone=1
    0 SessionStart resume pid=2 stopped=p@900
    0 SessionStart compact prompt=p
    0 SessionStart startup session=z
    0 UserPromptSubmit prompt=p
    0 UserPromptSubmit prompt=q stopped=p@20
    0 UserPromptSubmit prompt=q by=A
    0 UserPromptSubmit
    0 PreToolUse Bash tool=t prompt=p input=i
    0 PreToolUse Bash tool=u prompt=p input=i
    0 PreToolUse Bash tool=v prompt=p input=i agent=a
    0 PreToolUse Bash tool=w prompt=q agent=b
    0 PreToolUse Bash prompt=p
    0 PreToolUse Agent tool=A prompt=p for=scout
    0 PreToolUse Agent tool=B prompt=p for=scout
    0 PreToolUse Agent tool=C prompt=p for=scout agent=a
    0 PreToolUse Agent tool=D prompt=q for=scout agent=b
    0 PreToolUse Skill tool=S prompt=p for=*
    0 PreToolUse Workflow tool=W prompt=p for=scout many=1
    0 PreToolUse Workflow tool=X prompt=p for=scout many=1 agent=a
    0 PostToolUse Workflow tool=W prompt=p transcripts=/w took=10
    0 PostToolUse Workflow tool=X prompt=q transcripts=/x
    0 PostToolUse Other tool=o prompt=p launched=b took=900
    0 PostToolUse SendMessage tool=m prompt=q launched=a
    0 PermissionRequest Bash prompt=p input=i
    0 PermissionRequest Bash prompt=p input=i agent=a
    0 PermissionRequest Bash prompt=p input=i entrypoint=sdk-cli
    0 PermissionDenied Agent tool=A prompt=p error=denied
    0 PostToolUse Bash tool=t prompt=p took=2
    0 PostToolUse Bash tool=u prompt=q took=5000
    0 PostToolUseFailure Bash tool=v prompt=p error=exit_code agent=a
    0 PostToolUseFailure Bash tool=t prompt=p error=tool_error interrupted=1
    0 PostToolUse Agent tool=A prompt=p launched=a
    0 PostToolUse Agent tool=A prompt=p launched=b
    0 PostToolUse Agent tool=B prompt=p launched=c
    0 PostToolUse Agent tool=B prompt=p
    0 PostToolUse Agent tool=C prompt=p launched=c agent=a
    0 PostToolBatch prompt=p calls=t,u!
    0 PostToolBatch prompt=p calls=A!,B
    0 PostToolBatch prompt=p calls=t,e:Edit:no_match,f:Bash
    0 PostToolBatch prompt=q calls=W,X,S:Skill:blocked agent=b
    0 PostToolBatch prompt=q calls=C,D agent=a
    0 SubagentStart scout agent=a prompt=p
    0 SubagentStart scout agent=b prompt=p
    0 SubagentStart scout agent=c prompt=q
    0 SubagentStart scout prompt=q
    0 SubagentStop scout agent=a prompt=p
    0 SubagentStop scout agent=a prompt=p proof=B
    0 SubagentStop scout agent=b prompt=p proof=C
    0 SubagentStop scout agent=c prompt=p folder=/w
    0 SubagentStop scout agent=a prompt=p folder=/x running=1
    0 PreToolUse Bash tool=y prompt=p agent=c folder=/x
    0 SubagentStop scout agent=c prompt=q proof=D
    0 SubagentStop agent=d prompt=p
    0 PreCompact prompt=p
    0 PostCompact prompt=p
    0 MessageDisplay prompt=p
    0 Notification prompt=p
    0 InstructionsLoaded
    0 Setup
    0 SomethingNew agent=a
    0 Stop prompt=p
    0 Stop prompt=q
    0 Stop prompt=p running=1
    0 UserPromptSubmit prompt=r by=W
    0 Stop
    0 StopFailure prompt=p error=rate_limit
    0 ModelCall prompt=p ended=1200 asked=t,A
    0 ModelCall prompt=q ended=4000 asked=B
    0 ModelCall prompt=p ended=900 agent=a asked=C
    0 !waited
""")
"""What clients do, and what they should not: a history is any of these, in any order."""

_ENDS = tell("""
    0 SessionEnd prompt=p
    0 SessionEnd stopped=p@50,q@3000
    0 !process_gone stopped=q@40
    0 !process_gone pid=2
    0 !process_gone alive=2000
    0 !idle
    0 !idle pid=0
""")

_FIELDS = {
    "pid": (0, 1, 2),
    "session_id": ("s", "z"),
    "prompt_id": ("", "p", "q"),
    "agent_id": ("", "a", "b", "c"),
    "tool_use_id": ("", "t", "u", "A", "B", "C", "D"),
    "plugin_root": ("-", "", PLUGIN_ROOT),
    "agent_tool_use_id": ("", "A", "B", "C", "D"),
    "gone_pids": ((), (1,), (1, 2)),
    "forgotten_ns": (0, 0, 1_100_000_000),
    "agent_folder": ("", "/w", "/x"),
}
_TWISTS = [{}, {}, {}, {}, *({name: value} for name, values in _FIELDS.items() for value in values)]

_OF_A_MODEL_CALL = frozenset({"pid", "session_id", "prompt_id", "agent_id"})

# How far the clock goes on, ms: hooks that run at once, quick ones, a model's answer, the wait for a SessionStart.
_GAPS = [0, 1, 1, 5, 40, 700, 2500, -20]


@st.composite
def histories(draw: st.DrawFn) -> Inputs:
    """Draw events and signals, most as a client would tell them, some with a field of another event."""
    moves = st.tuples(st.sampled_from([*_MOVES * 4, *_ENDS]), st.sampled_from(_TWISTS), st.sampled_from(_GAPS))
    told: list[Occurrence] = []
    clock_ms = 1000
    length = draw(st.sampled_from([0, 20, 40]))
    for number, (move, twist, gap) in enumerate(draw(st.lists(moves, min_size=length, max_size=length + 20)), 1):
        clock_ms += gap
        if isinstance(move, HookEvent):
            told.append(_twisted(replace(move, clock_ns=clock_ms * 1_000_000, id=number), twist))
        elif isinstance(move, ModelCall):
            named: dict[str, Any] = {name: value for name, value in twist.items() if name in _OF_A_MODEL_CALL}
            # A model call is known by its identity, and is taken in once.
            placed = replace(move, clock_ns=clock_ms * 1_000_000, id=number, digest=f"m{number}")
            told.append(replace(placed, **named))
        else:
            told.append(replace(move, clock_ns=clock_ms * 1_000_000))
    return told


def _twisted(event: HookEvent, twist: dict[str, Any]) -> HookEvent:
    # Only what stands in the payload makes it another payload.
    said = {name: value for name, value in twist.items() if name not in NOT_IN_PAYLOAD}
    digest = blake2b(f"{event.digest} {said}".encode(), digest_size=16).hexdigest()
    return replace(event, **{"digest": digest, **twist})
