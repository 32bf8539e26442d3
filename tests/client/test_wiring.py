"""The ways to be wired to the real client, and what a project that somebody cloned can do about it."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.client.script import bash, calls, says
from tests.client.trees import golden
from tests.client.world import World
from tests.stack.programs import ROOT

pytestmark = pytest.mark.stack

SCRIPT = {"the errand": [calls(bash("one", "echo hello")), says("done")]}


@pytest.mark.parametrize("options", [["--plugin"], []], ids=["plugin", "plugin and settings"])
def test_events_count_once_however_they_are_wired(world: World, options: list[str]) -> None:
    """The plugin records what the settings do, and wired in both an event is one span."""
    world.scripted(SCRIPT).installed(*options)

    assert world.asks("run the errand", "--plugin-dir", str(ROOT)).stdout == "done\n"
    assert world.tree() == golden("a_turn_at_a_terminal_is_one_trace")


def test_a_cloned_project_moves_nothing(world: World) -> None:
    """What a project's settings set for its sessions reaches neither the agent nor where events are recorded."""
    evil = world.folder / "evil"
    evil.mkdir()
    (evil / "sitecustomize.py").write_text(f"open({str(evil / 'ran')!r}, 'w')\n")
    variables = {
        "CC_OTEL_HOME": str(evil / "home"),
        "CC_OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "CC_OTEL_STORE": f"sqlite://{evil}/graph.db",
        "CC_OTEL_CONTENT": "none",
        "CC_OTEL_AUTOSTART": "off",
        "PYTHONPATH": str(evil),
        "PYTHONHOME": str(evil),
        "HOME": str(evil),
        "h": str(evil),
        "s": "0",
    }
    (world.project / ".claude").mkdir()
    (world.project / ".claude" / "settings.json").write_text(json.dumps({"env": variables}))
    world.scripted(SCRIPT).installed()

    assert world.asks("run the errand").stdout == "done\n"
    assert world.tree() == golden("a_turn_at_a_terminal_is_one_trace")
    # The client itself may believe the HOME.
    shutil.rmtree(evil / ".claude", ignore_errors=True)
    assert [path.name for path in evil.iterdir()] == ["sitecustomize.py"]


@pytest.mark.parametrize(("place", "calls_shown"), [("home/.claude/projects/p", 2), ("elsewhere", 0)])
def test_only_the_clients_own_transcripts_are_read(world: World, place: str, calls_shown: int) -> None:
    """A payload that names a file elsewhere adds nothing to the graph; where the client keeps its own, it does."""
    world.scripted(SCRIPT).installed("--plugin").asks("run the errand")
    # Its calls are those of the turn that is told of now.
    now = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    text = re.sub(r'"timestamp":"[^"]*"', f'"timestamp":"{now}"', world.transcripts()[0].read_text())
    path = world.folder / place / "told.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    told = sorted(world.fired(), key=lambda it: str(it["hook_event_name"]), reverse=True)
    for payload in told:
        if payload["hook_event_name"] in {"SessionStart", "UserPromptSubmit"}:
            world.cc_otel("send", stdin=json.dumps(payload | {"transcript_path": str(path)}))
    world.cc_otel("flush", "--timeout", "60")

    assert calls_shown == len([span for span in world.spans() if span["kind"] == "chat"])
