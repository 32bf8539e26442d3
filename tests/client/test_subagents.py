"""Subagents of the real client: in the foreground, in each other, and in the background."""

import pytest

from tests.client.script import agent, bash, calls, says
from tests.client.trees import golden
from tests.client.world import World

pytestmark = pytest.mark.stack


def test_a_subagent_is_in_its_call(world: World) -> None:
    """A subagent hangs from the call that launched it, with all its own, and one that it launches from its call."""
    script = {
        "the errand": [calls(agent("outer", "SUBTASK-A")), says("done")],
        "SUBTASK-A": [calls(agent("inner", "SUBTASK-B")), says("did A")],
        "SUBTASK-B": [calls(bash("deep", "echo deep")), says("did B")],
    }
    world.scripted(script).installed()

    assert world.asks("run the errand").code == 0
    assert world.tree() == golden("a_subagent_is_in_its_call")


def test_a_subagent_in_the_background_stays_in_its_trace(world: World) -> None:
    """A subagent that goes on after its turn hangs from its call; the turn that its end begins links to that call."""
    script = {
        "the errand": [calls(agent("away", "SUBTASK-A", background=True)), says("launched")],
        "SUBTASK-A": [calls(bash("deep", "sleep 1; echo deep")), says("did A")],
        "<task-notification>": [says("noted")],
    }
    world.scripted(script).installed()

    assert world.asks("run the errand").code == 0
    assert world.tree(in_order=False) == golden("a_subagent_in_the_background_stays_in_its_trace")
