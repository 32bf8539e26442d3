"""Tools that the real client runs: at once, in vain, too long, not allowed, and somebody else's."""

import json
import sys
from pathlib import Path

import pytest

from tests.client.script import bash, calls, says, tool
from tests.client.world import World

pytestmark = pytest.mark.stack


def test_tools_that_run_at_once_are_siblings(world: World) -> None:
    """Calls of one message are siblings below the turn, each with its own result, and asked for by one model call."""
    at_once = calls(bash("a", "sleep 0.3; echo a"), bash("b", "sleep 0.1; echo b"), bash("c", "echo c"))
    world.scripted({"the errand": [at_once, says("done")]}).installed()

    assert 0 == world.asks("run the errand").code
    assert (
        world.tree(in_order=False)
        == """\
session startup
  hook SessionEnd

invoke_agent claude-code, closed by Stop, links session
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for asked_for asked_for
  execute_tool Bash a, closed by PostToolUse
    hook PostToolUse
  execute_tool Bash b, closed by PostToolUse
    hook PostToolUse
  execute_tool Bash c, closed by PostToolUse
    hook PostToolUse
  hook PostToolBatch
  hook Stop
"""
    )


def test_tools_that_fail_are_errors(world: World) -> None:
    """An exit code, a timeout and a file that is missing are errors of their calls, not of the turn."""
    script = [
        calls(bash("bad", "exit 3")),
        calls(bash("slow", "sleep 20", timeout=1000)),
        calls(tool("Read", "gone", file_path=str(world.project / "gone.txt"))),
        says("done"),
    ]
    world.scripted({"the errand": script}).installed()

    assert 0 == world.asks("run the errand").code
    assert (
        world.tree()
        == """\
session startup
  hook SessionEnd

invoke_agent claude-code, closed by Stop, links session
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool Bash bad, closed by PostToolUseFailure, ERROR exit_code
    hook PostToolUseFailure
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool Bash slow, closed by PostToolUseFailure, ERROR timeout
    hook PostToolUseFailure
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool Read gone, closed by PostToolUseFailure, ERROR tool_error
    hook PostToolUseFailure
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $
  hook Stop
"""
    )


def test_tools_that_are_not_allowed_are_denied(world: World) -> None:
    """A call that would need a person is denied, with the request in it; one that a rule forbids, without."""
    script = [
        calls(bash("asks", "touch here")),
        calls(tool("Write", "writes", file_path=str(world.project / "b"), content="")),
        calls(bash("never", "rm here")),
        says("done"),
    ]
    world.scripted({"the errand": script}).installed()

    assert 0 == world.claude("-p", "run the errand", "--disallowedTools", "Bash(rm:*)").code
    assert (
        world.tree()
        == """\
session startup
  hook SessionEnd

invoke_agent claude-code, closed by Stop, links session
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool Bash asks, closed by PostToolBatch, ERROR denied
    hook PermissionRequest
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool Write writes, closed by PostToolBatch, ERROR denied
    hook PermissionRequest
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool Bash never, closed by PostToolBatch, ERROR denied
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $
  hook Stop
"""
    )


def test_mcp_tools_are_tools(world: World) -> None:
    """Calls of an MCP server's tools are calls like any other, and say the protocol's method."""
    server = {"command": sys.executable, "args": [str(Path(__file__).with_name("calculator.py"))]}
    servers = world.folder / "mcp.json"
    servers.write_text(json.dumps({"mcpServers": {"calc": server}}))
    script = [calls(tool("mcp__calc__add", "sum", a=2, b=3)), calls(tool("mcp__calc__break", "bad")), says("done")]
    world.scripted({"the errand": script}).installed()
    done = world.claude("-p", "run the errand", "--mcp-config", str(servers), "--allowedTools", "mcp__calc")

    assert 0 == done.code
    assert (
        world.tree()
        == """\
session startup
  hook SessionEnd

invoke_agent claude-code, closed by Stop, links session
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool mcp__calc__add sum, closed by PostToolUse
    hook PostToolUse
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  execute_tool mcp__calc__break bad, closed by PostToolUseFailure, ERROR tool_error
    hook PostToolUseFailure
  hook PostToolBatch
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $
  hook Stop
"""
    )
    methods = {it["attributes"].get("mcp_method_name") for it in world.spans() if it["kind"] == "tool"}
    assert {"tools/call"} == methods


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
    assert (
        world.tree(in_order=False)
        == """\
session startup
  hook SessionEnd

invoke_agent claude-code, closed by Stop, links session
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for
  chat claude-opus-5-5 1030 -> 50 tokens, 0.005054 $, links asked_for asked_for
  execute_tool Bash runs, closed by PostToolUse
    hook PostToolUse
  execute_tool Bash waits, closed by PostToolBatch, ERROR blocked
  execute_tool Edit changes-nothing, closed by PostToolBatch, ERROR no_change
  execute_tool Edit misses, closed by PostToolBatch, ERROR string_not_found
  execute_tool Edit repeats, closed by PostToolBatch, ERROR ambiguous_match
  execute_tool Read nonsense, closed by PostToolBatch, ERROR invalid_input
  execute_tool Read reads, closed by PostToolUse
    hook PostToolUse
  execute_tool Teleport unknown, closed by PostToolBatch, ERROR unknown_tool
  hook PostToolBatch
  hook PostToolBatch
  hook PostToolBatch
  hook PostToolBatch
  hook PostToolBatch
  hook PostToolBatch
  hook PostToolBatch
  hook Stop
"""
    )
