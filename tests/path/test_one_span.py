"""One span, found in a tree and shown whole."""

from pathlib import Path
from typing import Final

from tests.path.processes import cc_otel, record, rows

EVENT: Final = {"session_id": "5e55", "prompt_id": "p"}
CALL: Final = {"tool_use_id": "t", "tool_name": "Bash", "tool_input": {"command": "printf '\x1b[2J'"}}


def recorded_home(folder: Path) -> Path:
    """Return a home with a call whose command would clear a terminal."""
    home = folder / "h"
    for event in (
        {"hook_event_name": "SessionStart", "source": "startup"},
        {"hook_event_name": "UserPromptSubmit", "prompt": "go"},
        {"hook_event_name": "PreToolUse", **CALL},
        {"hook_event_name": "PostToolUseFailure", "error": "Exit code 3\nfirst\nsecond", "duration_ms": 1, **CALL},
        {"hook_event_name": "Stop"},
    ):
        record(home, EVENT | event)
    cc_otel("flush", "--home", home)
    return home


def test_a_span_is_shown_with_everything_it_says(tmp_path: Path) -> None:
    """What ``query tree --ids`` names, ``query span`` shows: parent, attributes, nothing that acts on a terminal."""
    home = recorded_home(tmp_path)
    drawn = cc_otel("query", "tree", "last", "--ids", "--home", home).stdout.decode()
    [line] = [line for line in drawn.splitlines() if "  Bash  " in line]
    key = line.split()[1]
    [row] = rows(cc_otel("query", "span", key, "--json", "--home", home))
    shown = cc_otel("query", "span", key, "--home", home).stdout.decode()

    assert key == f"{row['trace_id']}-{row['span_id']}"
    assert {
        f"parent  {row['trace_id']}-{row['parent_id']}",
        "process_exit_code  3",
        "gen_ai_tool_call_result  Exit code 3",
        "    second",
    } <= set(shown.splitlines())
    assert "\x1b" not in shown


def test_a_span_that_is_not_there_is_told(tmp_path: Path) -> None:
    """What names no span, and a span that the graph does not have, are errors that say what to do."""
    home = recorded_home(tmp_path)
    unknown = f"{'0' * 32}-{'0' * 16}"
    said = [cc_otel("query", "span", name, "--home", home) for name in ("nonsense", unknown)]

    assert [done.returncode for done in said] == [1, 1]
    assert b"`cc-otel query tree --ids` shows them" in said[0].stderr
    assert f"the graph has no span {unknown}".encode() in said[1].stderr
