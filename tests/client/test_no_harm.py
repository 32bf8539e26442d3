"""Whoever uses the real client cannot tell whether we are there: not by its output, nor by what the model is told."""

import shutil
import sys
from collections.abc import Callable
from difflib import unified_diff
from typing import Final

import pytest

from tests.client.comparing import kept, same
from tests.client.script import agent, bash, calls, says, tool
from tests.client.world import Done, MakeWorld, World

pytestmark = pytest.mark.stack

SCRIPT: Final = {
    "the errand": [
        calls(bash("one", "echo hello; env | grep -i otel"), first="let me see"),
        calls(bash("bad", "exit 3"), tool("Read", "gone", file_path="/nonexistent")),
        calls(agent("sub", "SUBTASK-A")),
        calls(bash("asks", "touch here", dangerouslyDisableSandbox=False)),
        says("done"),
    ],
    "SUBTASK-A": [calls(bash("deep", "pwd")), says("did A")],
}


def outcome(world: World, prepare: Callable[[World], object]) -> list[str]:
    """Run the session in one of the ways to have us, or not; return all that anybody can see of it, as lines."""
    world.scripted(SCRIPT)
    prepare(world)
    done = world.asks("run the errand", "--disallowedTools", "Bash(touch:*)")
    assert done == Done(0, "done\n", "")
    requests = [f"{it['method']} {it['path']} {it['body']}" for it in world.requests()]
    assert len(requests) == 7
    return [part for line in requests + kept(world.transcripts()[0]) for part in same(line).split("\\n")]


def without_script(world: World) -> None:
    """Take away what the hook runs."""
    world.installed()
    (world.ours / "record.sh").unlink()


def without_home(world: World) -> None:
    """Take away everything of ours but the wiring."""
    world.installed()
    shutil.rmtree(world.ours)


def without_program(world: World) -> None:
    """Take away the program: the agent cannot be started any more."""
    world.installed()
    start = world.ours / "start"
    start.write_text(start.read_text().replace(sys.executable, "/gone/python"))


def without_receiver(world: World) -> None:
    """Send to where nobody listens."""
    world.installed()
    (world.ours / "config.toml").write_text('exporter_otlp_endpoint = "http://127.0.0.1:9"\n')


def without_room(world: World) -> None:
    """Fill the spool."""
    world.installed()
    (world.ours / "spool" / "full").touch()


WAYS: Final[dict[str, Callable[[World], object]]] = {
    "at work": World.installed,
    "script gone": without_script,
    "home gone": without_home,
    "program gone": without_program,
    "receiver down": without_receiver,
    "spool full": without_room,
}


def test_the_client_does_what_it_does_without_us(make_world: MakeWorld) -> None:
    """Output, exit code, what is sent to the model and the transcript are as without us, in whatever state we are."""
    without_us = outcome(make_world(), lambda world: world)
    differences = {
        way: list(unified_diff(without_us, outcome(make_world(), prepare), n=0)) for way, prepare in WAYS.items()
    }

    assert {way: [] for way in WAYS} == differences
