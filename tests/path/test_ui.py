"""The page as a process: where it is, who may read it, and that what is posted becomes a span."""

import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests


@contextmanager
def serving(home: Path, *options: str) -> Iterator[str]:
    """Run a command that serves the page; return its address with the token."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cc_otel", *options, "--home", str(home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_page_is_its_owner_s(tmp_path: Path) -> None:
    """The token stands in a file of its owner's alone, stays over restarts, and a busy port is passed over."""
    with serving(tmp_path / "home", "ui") as first, serving(tmp_path / "home", "ui") as second:
        base, token = first.split("/?token=")
        mode = stat.S_IMODE((tmp_path / "home" / "ui-token").stat().st_mode)

        assert (mode, second.split("/?token=")[1]) == (0o600, token)
        assert base != second.split("/?")[0]
        assert requests.get(f"{base}/health", timeout=10).status_code == 503
        assert requests.get(f"{base}/api/queries", timeout=10).status_code == 401
        assert requests.get(f"{base}/docs?token={token}", timeout=10).status_code == 200


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    """A port that was named and is taken is an error that says what to do."""
    with serving(tmp_path / "home", "ui") as url:
        port = url.split("/?")[0].rpartition(":")[2]
        command = [
            sys.executable,
            "-m",
            "cc_otel",
            "ui",
            "--listen",
            f"127.0.0.1:{port}",
            "--home",
            str(tmp_path / "home"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, "Name another address with --listen" in done.stderr) == (1, True)


def test_an_event_of_the_first_dashboard_s_hooks_becomes_a_span(tmp_path: Path) -> None:
    """POSTed without a token where events are accepted, an event is read back from the page as a span."""
    event = {
        "source_app": "test",
        "session_id": "test-123",
        "hook_event_type": "PostToolUse",
        "payload": {
            "tool_name": "Bash",
            "tool_use_id": "toolu_1",
            "tool_input": {"command": "ls"},
            "tool_response": {},
        },
    }
    with serving(tmp_path / "home", "up", "--ui", "--accept-events") as url:
        base, token = url.split("/?token=")
        posted = requests.post(f"{base}/events", json=event, timeout=10)
        headers = {"Authorization": f"Bearer {token}"}
        give_up = time.monotonic() + 30
        tools: list[dict[str, str]] = []
        while not tools and time.monotonic() < give_up:
            time.sleep(0.1)
            answer = requests.get(f"{base}/api/query/spans?kind=tool", headers=headers, timeout=10)
            tools = answer.json().get("rows", [])

    assert (posted.status_code, [row["session_id"] for row in tools]) == (200, ["test-123"])
