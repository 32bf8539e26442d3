"""Older clients, which tell less: the same turns, with their model calls in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_otel.claude_code.event_table import Choice
from tests.client.script import bash, calls, says
from tests.client.trees import golden
from tests.client.world import World
from tests.stack.programs import Built

pytestmark = pytest.mark.stack


@pytest.fixture(params=["claude_2_1_76", "claude_2_1_191"])
def client(request: pytest.FixtureRequest) -> str:
    """Return the name of an older client."""
    return str(request.param)


@pytest.fixture
def world(client: str, built: Built, enter: tuple[str, ...], tmp_path: Path) -> Iterator[World]:
    """Return a person with that client."""
    choice = Choice(compactions=True, early=client == "claude_2_1_76")
    with World(tmp_path / "world", built(client), enter, choice=choice) as person:
        yield person


def test_each_model_call_is_in_its_turn(world: World, client: str) -> None:
    """Hooks name no prompt, transcripts may: each model call belongs to the turn that was going on when it was made."""
    world.scripted({"the errand": [calls(bash("one", "echo hello")), says("done")], "more": [says("more")]}).installed()
    with world.talk("--allowedTools", "Bash") as say:
        say("run the errand")
        world.wait_for("Stop")
        say("and more")
        world.wait_for("Stop", 2)

    assert world.tree() == golden(f"a_turn_of_{client}")
