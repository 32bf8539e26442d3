"""Sessions of the real client while something of ours was down: nothing is lost, and nothing comes twice."""

import pytest

from cc_otel.config import COLLECTOR_PORT
from tests.client.script import bash, calls, says
from tests.client.trees import golden
from tests.client.world import World

pytestmark = pytest.mark.stack

SCRIPT = {"prompt 1": [calls(bash("one", "echo hello")), says("one")], "prompt 2": [says("two")]}


@pytest.mark.parametrize("agent", ["goes on", "ends"])
def test_what_no_receiver_took_arrives_once_there_is_one(world: World, agent: str) -> None:
    """What happened while nobody listened where spans go is delivered by the agent, or by the next one, once."""
    world.scripted(SCRIPT).installed("--stack")

    assert world.asks("prompt 1").stdout == "one\n"
    world.cc_otel("flush", "--timeout", "3", code=1)
    if agent == "ends":
        world.end_agent()
    assert world.asks("prompt 2", "--continue").stdout == "two\n"
    assert not (world.ours / "graph.db").exists()
    world.serve("graph-exporter", "--graph-listen", f"127.0.0.1:{COLLECTOR_PORT}")
    assert world.tree() == golden("a_turn_that_the_agent_caught_up_with")
