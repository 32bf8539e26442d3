"""
The sessions kept here, as inputs of the assembler, with the evidence that the agent would have gathered.

``<name>.jsonl`` is what the hook recorded: one ``{t_ns, env, payload}`` a line, ``env`` being the recorded variables.
``<name>.tree`` is the tree it must become. ``made_*`` were written by hand from what is known of the client, the others
were recorded from Claude Code 2.1.330; ``tests/client/stories.py`` says what happens in ``story_*``. ``projects/``
holds what their transcripts prove.

``python -m tests.sessions.loader NAME`` draws a session's tree, to be checked by hand before it is kept.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.tree import Draft, Step
from cc_otel.claude_code.payload import read
from cc_otel.event import Cause, HookEvent, Interruption, Observation, Occurrence
from tests.tree_text import render

FOLDER = Path(__file__).parent
PROJECTS = FOLDER / "projects"
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))

GRACE_NS = 10_000_000_000
"""How long after its last event a client is found gone, or a session idle."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What became of a session."""

    drafts: list[Draft] = field(default_factory=list)
    without_span: list[int] = field(default_factory=list)

    def take(self, step: Step) -> None:
        """Add what one input led to."""
        self.drafts.extend(step.drafts)
        self.without_span.extend(step.without_span)


def records(name: str) -> list[dict[str, Any]]:
    """Return the lines of a session as they were recorded."""
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def load(name: str) -> list[HookEvent]:
    """Return the events of a session in the order of their clocks, each with its evidence."""
    told = [_event(record, number) for number, record in enumerate(records(name), 1)]
    told.sort(key=lambda event: event.clock_ns)
    return [_with_evidence(event, told) for event in told]


def expected_tree(name: str) -> str:
    """Return the tree that the session must become."""
    return (FOLDER / f"{name}.tree").read_text("utf-8")


def assemble(told: Iterable[Occurrence], assembler: Assembler | None = None) -> Assembled:
    """Fold inputs in the order given, then close what is left open as the agent would."""
    assembler = assembler or Assembler()
    assembled = Assembled()
    clock_ns = 0
    for item in told:
        assembled.take(assembler.add(item))
        clock_ns = max(clock_ns, item.clock_ns)
    for signal in closing_signals(assembler, clock_ns + GRACE_NS):
        assembled.take(assembler.add(signal))
    return assembled


def closing_signals(assembler: Assembler, clock_ns: int) -> list[Observation]:
    """Give what the agent notices in the end: a client that can be watched is gone, another session is idle."""
    return [
        Observation(Cause.PROCESS_GONE if pid else Cause.IDLE, session_id, pid, clock_ns)
        for session_id, pid, _ in assembler.open_processes()
    ]


def _event(record: dict[str, Any], number: int) -> HookEvent:
    data = json.dumps(record["payload"], ensure_ascii=False, separators=(",", ":")).encode()
    digest = blake2b(data, digest_size=16).hexdigest()
    return replace(read(record["payload"], record["env"], clock_ns=record["t_ns"], digest=digest), id=number)


def _with_evidence(event: HookEvent, told: list[HookEvent]) -> HookEvent:
    match event.name:
        case "SubagentStop":
            return replace(event, agent_tool_use_id=_launching_call(event))
        case "UserPromptSubmit" | "SessionEnd":
            return replace(event, interruptions=tuple(_interruptions(event)))
        case "SessionStart" if event.source != "compact":
            return replace(event, interruptions=tuple(_interruptions(event)), gone_pids=_gone_pids(event, told))
        case _:
            return event


def _gone_pids(start: HookEvent, told: list[HookEvent]) -> tuple[int, ...]:
    """Give the clients that tell no more; a pid that starts again is another client's now."""
    session = [event for event in told if event.session_id == start.session_id and event.pid]
    earlier = [event for event in session if event.clock_ns < start.clock_ns]
    still_there = {event.pid for event in session if event.clock_ns > start.clock_ns} - {start.pid}
    return tuple(sorted({event.pid for event in earlier} - still_there))


def _interruptions(event: HookEvent) -> Iterator[Interruption]:
    """Give what the transcript said by then."""
    transcript = PROJECTS / "-home-dev-project" / f"{event.session_id}.jsonl"
    for line in transcript.read_text("utf-8").splitlines() if transcript.exists() else ():
        record = json.loads(line)
        if "[Request interrupted by user" not in line:
            continue
        clock_ns = int(datetime.fromisoformat(record["timestamp"]).timestamp() * 1000) * 1_000_000
        if clock_ns <= event.clock_ns:
            yield Interruption(record["promptId"], clock_ns)


def _launching_call(event: HookEvent) -> str:
    agents = PROJECTS / "-home-dev-project" / event.session_id / "subagents"
    meta = agents / f"agent-{event.agent_id}.meta.json"
    return str(json.loads(meta.read_text("utf-8"))["toolUseId"]) if meta.exists() else ""


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        session = load(asked)
        sys.stdout.write(render(assemble(session).drafts, session[0].clock_ns))
