"""The five test cases of the prototype, as they were piped, through the command line and the whole agent."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from cc_otel.agent.summary.process import ModelProcess
from cc_otel.cli import main
from tests.agent.summary.endpoints import Endpoint
from tests.agent.summary.home import BY_RULE, MODEL, Home, Summarising, make_summaries, told

Homes = Callable[[Summarising | None], Home]

FIND = "find /tmp -name '*.log' -mtime +7 -delete"
READ = "File contents here..."
EDIT = {
    "tool_name": "Edit",
    "session_id": "test_complex",
    "file_path": "/src/main.py",
    "old_string": "def calculate():",
    "new_string": "def calculate_total():",
    "description": "Rename the function",
}


@dataclass(frozen=True)
class Case:
    """What was piped with which options, and what its span says."""

    event_type: str
    options: list[str]
    payload: dict[str, Any]
    attributes: dict[str, Any]
    sentence: str


CASES = [
    Case(
        "PreToolUse",
        [],
        {"tool_name": "Bash", "session_id": "test_basic", "command": "ls -la"},
        {"cc_otel.payload.command": "ls -la", "gen_ai.tool.name": "Bash"},
        "Did this: tool: Bash.",
    ),
    Case(
        "PreToolUse",
        ["--summarize"],
        {"tool_name": "Bash", "session_id": "test_summary", "command": FIND},
        {"cc_otel.payload.command": FIND, "gen_ai.tool.name": "Bash"},
        "Did this: tool: Bash.",
    ),
    Case(
        "PostToolUse",
        ["--summarize"],
        {"tool_name": "Read", "session_id": "test_post", "file_path": "/home/user/test.py", "result": READ},
        {"file.path": "/home/user/test.py", "cc_otel.payload.result": READ, "cc_otel.payload.tool_name": "Read"},
        "Did this: tool: Read.",
    ),
    Case(
        "Stop",
        [],
        {"tool_name": "Unknown", "session_id": "test_stop", "duration": 45.2, "success": True},
        {"cc_otel.payload.duration": 45.2, "cc_otel.payload.success": True, "cc_otel.payload.tool_name": "Unknown"},
        "Did this: tool: Unknown.",
    ),
    Case(
        "PreToolUse",
        ["--summarize"],
        EDIT,
        {
            "file.path": "/src/main.py",
            "cc_otel.payload.old_string": "def calculate():",
            "cc_otel.payload.new_string": "def calculate_total():",
            "cc_otel.payload.description": "Rename the function",
            "gen_ai.tool.name": "Edit",
        },
        "Did this: tool: Edit.",
    ),
]


def send(folder: Path, case: Case, payload: dict[str, Any]) -> None:
    """Pipe an event into the command, which says nothing."""
    options = ["--home", str(folder), "--no-start", "--source-app", "test", "--event-type", case.event_type]
    result = CliRunner().invoke(main, ["send", *options, *case.options], input=orjson.dumps(payload))

    assert (result.output, result.exit_code) == ("", 0)


@pytest.mark.parametrize("source", ["model", "cache", "rule"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.payload["session_id"])
def test_prototype_case(
    case: Case, source: str, tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """Each case yields its span: name, session, tool, what was said, a summary and where that really comes from."""
    home = homes(make_summaries(tmp_path, process) if source != "rule" else None)
    # For the cache, a second event of the same content in a session of its own.
    payloads = [case.payload, *([case.payload | {"session_id": "another"}] if source == "cache" else [])]
    for count, payload in enumerate(payloads, 1):
        send(tmp_path, case, payload)
        home.spans(count)
    span = home.sent()[-1]

    expected = case.attributes | {
        "session.id": payloads[-1]["session_id"],
        "cc_otel.source_app": "test",
        "cc_otel.hook.event": case.event_type,
    }
    assert f"hook {case.event_type}" == span.name
    assert (BY_RULE if source == "rule" else (case.sentence, source, MODEL)) == told(span)
    assert expected == {key: span.attributes.get(key) for key in expected}
