"""Transcripts: read for old events too, never after `uninstall`, and named with what mends it where they are not."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.person import Person

DAY_NS = 86_400_000_000_000


def recording(person: Person, projects: Path, *, age_ns: int) -> Path:
    """Make a session that was recorded a while ago, with one model call in its transcript; return its events' file."""
    began_ns = time.time_ns() - age_ns
    transcript = projects / "-project" / "5e55.jsonl"
    transcript.parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%FT%T.500Z", time.gmtime(began_ns / 1e9 + 1))
    usage = {"input_tokens": 100, "output_tokens": 10}
    message = {"id": "msg_1", "model": "claude-opus-5", "role": "assistant", "usage": usage, "stop_reason": "end_turn"}
    answer = {"type": "assistant", "timestamp": stamp, "uuid": "u1", "requestId": "r1", "sessionId": "5e55"}
    content = {"message": message | {"type": "message", "content": [{"type": "text", "text": "done"}]}}
    transcript.write_text(json.dumps(answer | content) + "\n")
    common = {"session_id": "5e55", "transcript_path": str(transcript), "cwd": "/", "prompt_id": "p1"}
    events: list[dict[str, Any]] = [
        {"hook_event_name": "UserPromptSubmit", "prompt": "do it"},
        {"hook_event_name": "Stop", "stop_hook_active": False},
    ]
    lines = [
        {"t_ns": began_ns + number * 3_000_000_000, "env": {}, "payload": common | event}
        for number, event in enumerate(events)
    ]
    file = person.folder / "recording.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def calls(person: Person) -> int:
    """Replay the recording, deliver it, and return how many model calls the graph has."""
    person.done("replay", str(person.folder / "recording.jsonl"))
    person.done("flush")
    done = person.run("query", "spans", "--kind", "chat", "--json")
    return len(done.stdout.splitlines())


@pytest.mark.parametrize("age_ns", [0, 3600 * 10**9, 3 * DAY_NS], ids=["now", "an hour ago", "days ago"])
def test_read_without_an_agent(person: Person, age_ns: int) -> None:
    """What is replayed and delivered without an agent has the model calls of its transcript, however old it is."""
    recording(person, person.user / ".claude" / "projects", age_ns=age_ns)

    assert calls(person) == 1


def test_not_read_after_uninstall(person: Person) -> None:
    """After `uninstall` no command reads Claude Code's files any more; after `install`, they do."""
    recording(person, person.user / ".claude" / "projects", age_ns=0)
    person.done("install")
    person.done("uninstall")
    without = calls(person)
    person.done("install")

    assert without == 0
    assert not (person.home / "spool" / "uninstalled").exists()


def test_outside_is_told_and_mended(person: Person) -> None:
    """Transcripts of another config folder are found by `doctor`, and the command beside them mends it."""
    person.done("install")
    other = person.folder / "work" / "projects"
    recording(person, other, age_ns=0)
    without = calls(person)
    found = [json.loads(line) for line in person.run("doctor", "--json").stdout.splitlines()]
    [fix] = [it["fix"] for it in found if it["what"] == "transcripts"]

    assert without == 0
    assert fix == f"cc-otel install --projects {other}"
    person.done(*fix.split()[1:])
    mended = [json.loads(line) for line in person.run("doctor", "--json").stdout.splitlines()]
    assert [it["state"] for it in mended if it["what"] == "transcripts"] == ["ok"]
