"""Without a model summaries cost nothing: no thread, no file, no process; and LiteLLM has one room."""

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import cc_otel

PACKAGE = Path(cc_otel.__file__).parent

DAEMON = """
import json, sys, threading, time
from pathlib import Path
from cc_otel.cli.compose.agent import agent_at_work
from cc_otel.agent.daemon import AgentDaemon
from cc_otel.config import Home, Settings

home = Home(Path(sys.argv[1]))
with agent_at_work(home, Settings()) as daemon:
    # As long as the agent needs to take in and encode what lies in the spool.
    deadline = time.monotonic() + 30
    while daemon._journal.backlog()[1] == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    told = {
        "spans": daemon._journal.backlog()[1],
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": sorted(path.name for path in home.path.iterdir() if "cache" in path.name or "model" in path.name),
        "litellm": [name for name in sys.modules if name.split(".")[0] in {"litellm", "redis", "openai"}],
        "note": daemon._journal.status.load().summaries,
    }
print(json.dumps(told))
"""


def test_agent_without_a_model_is_as_before(tmp_path: Path) -> None:
    """An agent that no model was named to encodes its spans with no thread, file or import for summaries."""
    from cc_otel.spool import Spool  # noqa: PLC0415 - the process under test has its own

    spool = Spool(tmp_path / "spool", 1 << 30)
    spool.prepare()
    payload = {"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Bash", "command": "ls"}
    spool.write(json.dumps(payload).encode(), {}, time.time_ns() - 10_000_000_000)
    run = subprocess.run([sys.executable, "-c", DAEMON, str(tmp_path)], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert {key: told[key] for key in told.keys() - {"threads"}} == {
        "spans": 1,
        "files": [],
        "litellm": [],
        "note": None,
    }
    assert [name for name in told["threads"] if "summar" in name or "model" in name] == []


def test_one_room_imports_litellm() -> None:
    """LiteLLM is imported in one place: a function of the model process."""
    importing = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Import) and any(name.name.split(".")[0] == "litellm" for name in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "litellm")
    }

    assert {"agent/summary/worker.py"} == importing
