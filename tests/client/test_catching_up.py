"""Sessions of the real client while something of ours was down: nothing is lost, and nothing comes twice."""

import pytest

from cc_otel.config import COLLECTOR_PORT
from tests.client.script import bash, calls, says
from tests.client.world import World

pytestmark = pytest.mark.stack

SCRIPT = {"prompt 1": [calls(bash("one", "echo hello")), says("one")], "prompt 2": [says("two")]}
TREE = """\
session startup
  hook SessionEnd

invoke_agent claude-code, closed by Stop, links session
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool Bash one, closed by PostToolUse
    hook PostToolUse
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $
  hook Stop

session resume, links resumed_from
  hook SessionEnd

invoke_agent claude-code, closed by Stop, links resumed_from session
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $
  hook Stop
"""


@pytest.mark.parametrize("agent", ["goes on", "ends"])
def test_what_no_receiver_took_arrives_once_there_is_one(world: World, agent: str) -> None:
    """What happened while nobody listened where spans go is delivered by the agent, or by the next one, once."""
    world.scripted(SCRIPT).installed("--stack")

    assert "one\n" == world.asks("prompt 1").stdout
    world.cc_otel("flush", "--timeout", "3", code=1)
    if agent == "ends":
        world.end_agent()
    assert "two\n" == world.asks("prompt 2", "--continue").stdout
    assert not (world.ours / "graph.db").exists()
    world.serve("graph-exporter", "--graph-listen", f"127.0.0.1:{COLLECTOR_PORT}")
    assert TREE == world.tree()
