"""What is going on shows in the tree before any receiver knows of it."""

import re
from pathlib import Path
from typing import Any, Final

from tests.path.processes import cc_otel, eventually, record, rows, serving, still_open

PROMPT: Final = {"session_id": "5e55", "prompt_id": "p", "hook_event_name": "UserPromptSubmit", "prompt": "tidy up"}
CALL: Final = {"tool_name": "Bash", "tool_input": {"command": "ls"}}


def tell(home: Path, event: str, **fields: Any) -> None:
    """Record an event of the prompt."""
    record(home, PROMPT | {"hook_event_name": event} | fields, {"CLAUDE_CODE_ENTRYPOINT": "cli"})


def begin_in_the_middle(home: Path) -> None:
    """Record a prompt, a call that has ended, and one that waits for a person, in a session that began before."""
    record(home, PROMPT)
    tell(home, "PreToolUse", tool_use_id="one", **CALL)
    tell(home, "PostToolUse", tool_use_id="one", tool_response={"stdout": ""}, duration_ms=1, **CALL)
    tell(home, "PreToolUse", tool_use_id="two", **CALL)
    tell(home, "PermissionRequest", **CALL)
    opened = ["UserPromptSubmit", "PreToolUse", "PermissionRequest"]
    eventually(lambda: still_open(home) == opened, "all is assembled")


def test_the_tree_shows_what_is_going_on(tmp_path: Path) -> None:
    """A running turn, its running call and the wait for a person stand in the tree with what has ended."""
    home = tmp_path / "h"
    with serving("up", "--home", home):
        begin_in_the_middle(home)
        eventually(lambda: len(tree(home, "last")) == 5, "what has ended is in the graph")
        drawn = cc_otel("query", "tree", "5e5", "--home", home).stdout.decode()
        by_session = tree(home, "last")
        by_trace = tree(home, by_session[0]["trace_id"])

    expected = [
        ("execute_tool Bash", "tool", None, "Ran ls"),
        ("hook PostToolUse", "hook", None, "Ran ls"),
        ("invoke_agent claude-code", "turn", True, "Asked: tidy up"),
        ("execute_tool Bash", "tool", True, "About to run ls"),
        ("hook PermissionRequest", "hook", True, "Asked to run ls"),
    ]
    for rows_of_tree in (by_session, by_trace):
        assert [(it["name"], it["kind"], it.get("open"), it["label"]) for it in rows_of_tree] == expected
    shown = re.sub(r"[\d.]+ m?s\b", "A WHILE", re.sub(r"^\S+", "TIME", drawn, count=1))
    assert (
        shown
        == """\
TIME  turn  A WHILE so far  waited A WHILE  Asked: tidy up
├── Bash  A WHILE  Ran ls
└── Bash  A WHILE so far  About to run ls
    └── hook PermissionRequest  waiting for you, A WHILE so far  Asked to run ls
"""
    )


def tree(home: Path, what: str) -> list[dict[str, Any]]:
    """Return the rows of a session's or a trace's tree."""
    return rows(cc_otel("query", "tree", what, "--json", "--home", home))
