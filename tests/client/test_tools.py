"""Tools that the real client runs: at once, in vain, too long, not allowed, and somebody else's."""

import json
import sys
from pathlib import Path

import pytest

from tests.client.script import bash, calls, says, tool
from tests.client.trees import golden
from tests.client.world import World

pytestmark = pytest.mark.stack


def test_tools_that_run_at_once_are_siblings(world: World) -> None:
    """Calls of one message are siblings below the turn, each with its own result, and asked for by one model call."""
    at_once = calls(bash("a", "sleep 0.3; echo a"), bash("b", "sleep 0.1; echo b"), bash("c", "echo c"))
    world.scripted({"the errand": [at_once, says("done")]}).installed()

    assert world.asks("run the errand").code == 0
    assert world.tree(in_order=False) == golden("tools_that_run_at_once_are_siblings")


def test_tools_that_fail_are_errors(world: World) -> None:
    """An exit code, a timeout and a file that is missing are errors of their calls, not of the turn."""
    script = [
        calls(bash("bad", "exit 3")),
        calls(bash("slow", "sleep 20", timeout=1000)),
        calls(tool("Read", "gone", file_path=str(world.project / "gone.txt"))),
        says("done"),
    ]
    world.scripted({"the errand": script}).installed()

    assert world.asks("run the errand").code == 0
    assert world.tree() == golden("tools_that_fail_are_errors")


def test_tools_that_are_not_allowed_are_denied(world: World) -> None:
    """A call that would need a person is denied, with the request in it; one that a rule forbids, without."""
    script = [
        calls(bash("asks", "touch here")),
        calls(tool("Write", "writes", file_path=str(world.project / "b"), content="")),
        calls(bash("never", "rm here")),
        says("done"),
    ]
    world.scripted({"the errand": script}).installed()

    assert world.claude("-p", "run the errand", "--disallowedTools", "Bash(rm:*)").code == 0
    assert world.tree() == golden("tools_that_are_not_allowed_are_denied")


def test_mcp_tools_are_tools(world: World) -> None:
    """Calls of an MCP server's tools are calls like any other, and say the protocol's method."""
    server = {"command": sys.executable, "args": [str(Path(__file__).with_name("calculator.py"))]}
    servers = world.folder / "mcp.json"
    servers.write_text(json.dumps({"mcpServers": {"calc": server}}))
    script = [calls(tool("mcp__calc__add", "sum", a=2, b=3)), calls(tool("mcp__calc__break", "bad")), says("done")]
    world.scripted({"the errand": script}).installed()
    done = world.claude("-p", "run the errand", "--mcp-config", str(servers), "--allowedTools", "mcp__calc")

    assert done.code == 0
    assert world.tree() == golden("mcp_tools_are_tools")
    methods = {it["attributes"].get("mcp_method_name") for it in world.spans() if it["kind"] == "tool"}
    assert methods == {"tools/call"}


def test_calls_that_the_client_refuses_are_calls(world: World) -> None:
    """What the client refuses before any hook hears of it stands in the tree, with the reason's class."""
    text = world.project / "a.txt"
    text.write_text("one one\n")
    edit = {"file_path": str(text), "new_string": "two"}
    script = [
        calls(tool("Read", "reads", file_path=str(text))),
        calls(tool("Edit", "misses", old_string="three", **edit), bash("runs", "echo here")),
        calls(tool("Edit", "repeats", old_string="one", **edit)),
        calls(tool("Edit", "changes-nothing", old_string="two", **edit)),
        calls(tool("Read", "nonsense", nope=1)),
        calls(tool("Teleport", "unknown", to="moon")),
        calls(bash("waits", "sleep 60")),
        says("done"),
    ]
    world.scripted({"the errand": script}).installed()

    assert world.claude("-p", "run the errand", "--allowedTools", "Bash,Read,Edit").code == 0
    assert world.tree(in_order=False) == golden("calls_that_the_client_refuses_are_calls")
