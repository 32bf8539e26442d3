"""Whoever sits at a terminal with the real client cannot tell whether we are there, nor can the model."""

import re
import shutil
from collections.abc import Callable, Iterator
from difflib import unified_diff
from typing import Final

import pytest

from tests.client.comparing import kept, said, same
from tests.client.script import bash, calls, says
from tests.client.terminal import ESCAPE, Terminal, at_terminal
from tests.client.world import MakeWorld, World
from tests.stack.process import wait_for

pytestmark = pytest.mark.stack

OURS: Final = ("cc-otel", "cc_otel", "record.sh")
SCRIPT: Final = {
    "prompt 1": [calls(bash("one", "touch here; env | grep -i otel"), first="let me see"), says("one")],
    "prompt 2": [calls(bash("slow", "touch begun; sleep 20"))],
    "<bash-input>echo mine": [says("I see")],
    "prompt 3": [says("three")],
}


def conversation(person: Terminal) -> Iterator[str]:
    """Yield what the screen shows of the conversation: below the client's name, above where one types."""
    for line in person.screen.splitlines()[3:]:
        if line.startswith("\N{BOX DRAWINGS LIGHT HORIZONTAL}"):
            return
        # How long a turn took, said with a word drawn by lot; and a hint that comes and goes.
        if not re.search(r" for \d+s · done |/effort$", line):
            # A dot before it blinks.
            yield line.lstrip("\N{BLACK CIRCLE} ")


def session(world: World) -> Iterator[str]:
    """Be at a terminal for a while; return all that one sees there."""
    with at_terminal(world, "--permission-mode", "default") as person:
        person.says("prompt 1")
        person.is_asked()
        yield from conversation(person)
        person.types("1")
        world.wait_for("Stop")
        person.settles()
        person.says("prompt 2")
        person.is_asked()
        person.types("1")
        wait_for("the tool", (world.project / "begun").exists)
        person.types(ESCAPE)
        person.sees("Interrupted")
        yield from conversation(person)
        person.types("!")
        person.sees("! for shell mode")
        person.says("echo mine")
        world.wait_for("Stop", 2)
        person.settles(2)
        yield from conversation(person)
        person.says("/clear")
        world.wait_for("SessionStart", 2)
        person.says("prompt 3")
        world.wait_for("Stop", 3)
        person.settles()
        yield from conversation(person)
        yield f"exit code {person.leaves()}"
        yield from (f"drawn: {word}" for word in OURS if word in person.drawn)


def outcome(world: World, prepare: Callable[[World], object]) -> list[str]:
    """Run the session in one of the ways to have us, or not; return all that anybody can see of it, as lines."""
    world.scripted(SCRIPT)
    prepare(world)
    seen = list(session(world))
    requests = [f"{it['method']} {it['path']} {it['body']}" for it in world.requests()]
    told = [line for path in sorted(world.transcripts(), key=lambda it: it.stat().st_mtime_ns) for line in said(path)]
    return [part for line in seen + requests + told for part in same(line).split("\\n")]


def without_home(world: World) -> None:
    """Take away everything of ours but the wiring."""
    world.installed()
    shutil.rmtree(world.ours)


WAYS: Final[dict[str, Callable[[World], object]]] = {"at work": World.installed, "home gone": without_home}


def test_a_terminal_shows_what_it_does_without_us(make_world: MakeWorld) -> None:
    """Screen, exit code, what is sent to the model and the transcripts are as without us, at work and half removed."""
    without_us = outcome(make_world(), lambda world: world)
    differences = {
        way: list(unified_diff(without_us, outcome(make_world(), prepare), n=0)) for way, prepare in WAYS.items()
    }

    assert {way: [] for way in WAYS} == differences


def test_a_compaction_tells_nothing_of_us(world: World) -> None:
    """Nothing of ours is on the screen, in the transcript or in what the model is told."""
    summary = says("<summary>a summary</summary>")
    world.scripted({"prompt 1": [says("one")], "summary": [summary], "prompt 2": [says("two")]})
    # The client lists the hooks of PreCompact and PostCompact by their commands, whatever they print.
    world.installed()
    with at_terminal(world, "--permission-mode", "default") as person:
        person.says("prompt 1")
        world.wait_for("Stop")
        person.says("/compact")
        person.sees("Compacted")
        person.says("prompt 2")
        world.wait_for("Stop", 2)
        person.leaves()
    places = {
        "screen": person.drawn,
        "transcript": "".join(line for path in world.transcripts() for line in kept(path)),
        "model": "".join(it["body"] for it in world.requests()),
    }

    assert [(place, word) for place, text in places.items() for word in OURS if word in text] == []
