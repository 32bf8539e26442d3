"""What the lists look like on a terminal."""

import re
import sys
from pathlib import Path
from typing import Final

import pexpect
import pytest

from tests.path.processes import CLEAN, cc_otel, record

SESSION: Final = "5d4f0993-3f11-468a-9f6c-7659adf67b58"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a session that has a command that failed."""
    home = tmp_path / "h"
    call = {"tool_use_id": "t", "tool_name": "Bash", "tool_input": {"command": "make everything that there is to make"}}
    for event in (
        {"hook_event_name": "SessionStart", "source": "startup"},
        {
            "hook_event_name": "UserPromptSubmit",
            "prompt_id": "p",
            "prompt": "tidy up everything that there is to tidy up",
        },
        {"hook_event_name": "PreToolUse", **call},
        {"hook_event_name": "PostToolUseFailure", "error": "Exit code 3", "duration_ms": 1, **call},
        {"hook_event_name": "Stop", "prompt_id": "p"},
    ):
        record(home, {"session_id": SESSION} | event)
    cc_otel("flush", "--home", home)
    return home


def at_terminal(*arguments: object) -> list[str]:
    """Return the lines that a command shows on a terminal of 80 columns."""
    command = [sys.executable, "-m", "cc_otel", *map(str, arguments)]
    with pexpect.spawn(command[0], command[1:], env={**CLEAN, "NO_COLOR": "1"}, dimensions=(24, 80)) as terminal:
        shown = terminal.read().decode()
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("sessions", r"5d4f0993  \d{4}-\d\d-\d\d \d\d:\d\d  done +1 +1 +tidy up everything.*…"),
        (
            "spans --status error",
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  5d4f0993  \S+ m?s  execute_[^…]*… +exit_code  Ran make .*",
        ),
    ],
)
def test_a_row_is_a_line_on_a_narrow_terminal(home: Path, what: str, line: str) -> None:
    """At 80 columns each row is one line, whose times and numbers are whole; what is long is cut."""
    header, row, *after = at_terminal("query", *what.split(), "--home", home)

    assert header.split()[0] in {"session", "began"}
    assert re.fullmatch(line, row), row
    assert after == (["1 session"] if what == "sessions" else [])
