"""Removing a session for good: nothing of it is left in the home, and nothing of another goes."""

import json
from pathlib import Path

import pytest

from tests.cli.person import Person

SESSIONS = Path(__file__).parents[1] / "sessions"
MINE = "b9dbb40c-0000-4000-8000-000000000001"
MARK = "the-zebra-project"


def event(session_id: str, name: str, **fields: object) -> str:
    """Return a line for `replay`."""
    payload = {"session_id": session_id, "hook_event_name": name, "cwd": "/home/dev/zebra", **fields}
    return json.dumps({"t_ns": 1_790_000_000_000_000_000, "env": {}, "payload": payload}) + "\n"


@pytest.fixture
def recorded(person: Person) -> Person:
    """Return a person with a session in the graph and open, in the spool, in ``failed/`` and ``dead/``; and another."""
    lines = person.folder / "mine.jsonl"
    lines.write_text(
        event(MINE, "SessionStart", source="startup")
        + event(MINE, "UserPromptSubmit", prompt=f"look at {MARK}", prompt_id="p1")
        + event(MINE, "PreToolUse", tool_name="Read", tool_use_id="t1", tool_input={"file_path": f"/{MARK}"})
        + event(MINE, "Stop", prompt_id="p1")
        + event(MINE, "UserPromptSubmit", prompt=f"go on with {MARK}", prompt_id="p2")
    )
    person.home.mkdir(mode=0o700)
    # No agent may take what is counted.
    (person.home / "config.toml").write_text('autostart = "off"\n')
    person.done("replay", str(lines))
    person.done("replay", str(SESSIONS / "basic.jsonl"))
    person.done("flush")
    person.run("send", stdin=json.dumps({"session_id": MINE, "hook_event_name": "Notification", "message": MARK}))
    (person.home / "spool" / "failed" / "odd").write_text(f"{MINE} {MARK}")
    (person.home / "dead").mkdir(exist_ok=True)
    (person.home / "dead" / "graph-2026-11-28.jsonl").write_text(f'{{"s": "{MINE} {MARK}"}}\n{{"s": "other"}}\n')
    return person


def left(person: Person, *texts: str) -> list[str]:
    """Return the files of the home that hold one of the texts."""
    files = [path for path in person.home.rglob("*") if path.is_file()]
    return [path.name for path in files if any(text.encode() in path.read_bytes() for text in texts)]


def test_nothing_is_left_of_a_session(recorded: Person) -> None:
    """A dry run counts what then goes; the home holds neither its id nor its words, and the other session stays."""
    dry = recorded.told("forget", "--session", MINE[:13], "--dry-run")
    before = left(recorded, MINE)
    wet = recorded.told("forget", "--session", MINE, "--yes")
    other = recorded.told("query", "sessions")

    assert dry["removed"] == wet["removed"]
    assert wet["sessions"] == [MINE]
    assert (wet["removed"]["spool"], wet["removed"]["failed"], wet["removed"]["dead"]) == (1, 1, 1)
    assert wet["removed"]["journal inputs"] >= 5
    assert wet["removed"]["spans"] >= 4
    assert "graph.db" in " ".join(before)
    assert left(recorded, MINE, MARK) == []
    assert (recorded.home / "dead" / "graph-2026-11-28.jsonl").read_text() == '{"s": "other"}\n'
    assert (other["session_id"] != MINE, other["tools"] > 0) == (True, True)


def test_a_project_is_its_folder_and_below(recorded: Person) -> None:
    """All sessions that were started there go; elsewhere nothing does."""
    none = recorded.told("forget", "--project", "/home/dev/zeb", "--yes")
    some = recorded.told("forget", "--project", "/home/dev/zebra", "--yes")

    assert (none["sessions"], none["removed"]) == ([], {})
    assert some["sessions"] == [MINE]


def test_says_what_it_needs(recorded: Person) -> None:
    """Without a name it is wrong usage; a session that nobody knows is an error."""
    bare, unknown = recorded.run("forget"), recorded.run("forget", "--session", "nobody", "--yes")

    assert (bare.returncode, unknown.returncode) == (2, 1)
    assert "say what to forget" in bare.stderr
    assert "cc-otel query sessions" in unknown.stderr
