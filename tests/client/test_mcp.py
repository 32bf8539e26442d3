"""The agent's own door, with the real client: it is told of the server, asks, and the question is a call like any."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.client.script import bash, calls, says, tool
from tests.client.world import World

pytestmark = pytest.mark.stack

SERVER = "past"


def results(world: World) -> list[dict[str, Any]]:
    """Return what the client's transcripts hold of tool results, each with its text."""
    found = []
    for path in sorted((world.home / ".claude" / "projects").rglob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            content = json.loads(line).get("message", {}).get("content")
            found += [it for it in content if it.get("type") == "tool_result"] if isinstance(content, list) else []
    return found


def text_of(result: dict[str, Any]) -> str:
    """Return the text of a tool result."""
    content = result["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def test_an_agent_asks_what_was_done_before(world: World) -> None:
    """`claude mcp add`, a session that fails, and a second one that finds it; both are recorded with their calls."""
    world.scripted(
        {
            "break it": [calls(bash("one", "echo the-zebra-is-missing >&2; exit 3")), says("it broke")],
            "look back": [
                calls(tool(f"mcp__{SERVER}__find", "find", words="zebra")),
                calls(tool(f"mcp__{SERVER}__sessions", "list", limit=5)),
                calls(tool(f"mcp__{SERVER}__outline", "tree", session_id="last")),
                says("seen"),
            ],
        }
    ).installed()
    server = [sys.executable, "-P", "-m", "cc_otel", "mcp", "--home", str(world.ours)]
    added = world.claude("mcp", "add", SERVER, "--", *server)
    world.claude("-p", "break it", "--allowedTools", "Bash")
    world.cc_otel("flush", "--timeout", "60")
    done = world.claude("-p", "look back", "--allowedTools", f"mcp__{SERVER}")
    world.cc_otel("flush", "--timeout", "60")

    assert added.code == 0, added.stderr
    assert (done.code, done.stdout) == (0, "seen\n")
    answers = [json.loads(text_of(it)) for it in results(world) if '"left_out"' in text_of(it)]
    found, sessions, outline = answers
    assert any("zebra" in str(row) for row in found["rows"])
    assert any(row.get("prompt", "").startswith("break it") for row in sessions["rows"])
    assert {"note", "rows", "left_out"} <= outline.keys()
    asked = [it for it in world.spans() if it["kind"] == "tool" and str(it["tool"]).startswith(f"mcp__{SERVER}")]
    assert [(it["tool"], it["status"]) for it in asked] == [
        (f"mcp__{SERVER}__find", "UNSET"),
        (f"mcp__{SERVER}__sessions", "UNSET"),
        (f"mcp__{SERVER}__outline", "UNSET"),
    ]


def test_the_plugin_brings_server_and_skill() -> None:
    """The plugin's manifest names the server, and its skill says when to ask."""
    root = Path(__file__).parents[2]
    manifest = json.loads((root / ".claude-plugin" / "plugin.json").read_text("utf-8"))

    assert manifest["mcpServers"] == {"cc-otel": {"command": "cc-otel", "args": ["mcp"]}}
    assert (root / "skills" / "past-work" / "SKILL.md").read_text("utf-8").startswith("---\nname: past-work\n")
