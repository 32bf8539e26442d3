"""
Records the sessions of ``tests/sessions`` that are named ``story_*``, with the real client and a scripted model.

``python -m tests.client.recording [NAME ...]`` writes each again: its events as ``<name>.jsonl``, the client's
transcripts, and what they say of subagents. Ids, times and seconds are then those of the new run; the tree and the
answers counted by hand have to be looked at again.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.client.loopback import loopback
from tests.client.stories import STORIES
from tests.client.world import World
from tests.sessions.loader import FOLDER, PROJECTS
from tests.stack.programs import ROOT

VARIABLES: Final = ("CLAUDE_PID", "CLAUDE_CODE_ENTRYPOINT", "AI_AGENT")
TRANSCRIPTS: Final = FOLDER / "transcripts"
PROJECT: Final = "-home-dev-project"

SAID: Final = ("user", "assistant", "summary")
PLACE: Final = ("type", "uuid", "parentUuid", "timestamp", "sessionId")

# The events in the order in which their hooks began: the clock first, then the variables, then what the client says.
NOTE: Final = (
    "it=$(mktemp FOLDER/XXXXXXXX) && { date +%s%N; "
    + " ".join(f'echo "${{{name}-}}";' for name in VARIABLES)
    + ' cat; } >"$it" && mv "$it" "$it.event"'
)


def main(names: list[str]) -> None:
    """Record the stories of these names, or all."""
    client = subprocess.run(
        ["sh", str(ROOT / "stack" / "build.sh"), "where", "claude"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with loopback() as enter:
        for name in names or STORIES:
            with tempfile.TemporaryDirectory() as folder, World(Path(folder) / "world", Path(client), enter) as world:
                record(name, world, STORIES[name])


def record(name: str, world: World, story: Callable[[World], None]) -> None:
    """Let a story happen, and keep what the client did."""
    note(world)
    story(world)
    # What the client starts at its end comes after it has gone.
    events = sorted((read(path) for path in world.fired_folder.glob("*.event")), key=lambda it: int(it["t_ns"]))
    text = "".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n" for event in events)
    (FOLDER / f"{name}.jsonl").write_text(anonymous(text, world), "utf-8")
    for folder in sorted((world.home / ".claude" / "projects").iterdir()):
        for path in sorted(folder.rglob("*.json*")):
            keep(path, path.relative_to(folder), world)


def note(world: World) -> None:
    """Let the other hook note when each event happened, and in what client."""
    command = NOTE.replace("FOLDER", str(world.fired_folder))
    settings = json.loads(world.settings.read_text())
    for handlers in settings["hooks"].values():
        handlers[0]["hooks"] = [{"type": "command", "command": command}]
    world.configure(settings)


def read(path: Path) -> Mapping[str, Any]:
    """Return an event as the recordings have it."""
    clock, *values, payload = path.read_text("utf-8").split("\n", len(VARIABLES) + 1)
    env = {name: value for name, value in zip(VARIABLES, values, strict=True) if value}
    return {"t_ns": int(clock), "env": env, "payload": json.loads(payload)}


def keep(path: Path, name: Path, world: World) -> None:
    """Keep a transcript; what stands beside a subagent's proves which call launched it."""
    for kept in (TRANSCRIPTS, PROJECTS) if name.suffix == ".json" else (TRANSCRIPTS,):
        target = kept / PROJECT / name
        target.parent.mkdir(parents=True, exist_ok=True)
        whole = path.read_text("utf-8")
        text = whole if name.suffix == ".json" else "".join(map(shortened, whole.splitlines()))
        target.write_text(anonymous(text, world), "utf-8")


def shortened(line: str) -> str:
    """Return a transcript's record without what only the client reads of it: its own prompts and requests."""
    record = json.loads(line)
    if record["type"] not in SAID:
        record = {key: record[key] for key in PLACE if key in record}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def anonymous(text: str, world: World) -> str:
    """Return a text with the places of a developer's machine instead of those of this run."""
    below = re.sub(r"[^A-Za-z0-9]", "-", str(world.folder))
    # The folders of the client are named after the project's, linked worktrees included.
    text = re.sub(rf"{re.escape(below)}-(project)[\w-]*", r"-home-dev-\1", text)
    text = text.replace(str(world.home), "/home/dev").replace(str(world.folder), "/home/dev")
    return text.replace(below, "-home-dev")


if __name__ == "__main__":
    shutil.which("git") or sys.exit("the stories need git")
    main(sys.argv[1:])
