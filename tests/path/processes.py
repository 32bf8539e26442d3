"""Real processes for the tests of the whole path: the command line, the hook, and a client that lives long enough."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from cc_otel.claude_code.hook import install_script, wired_command
from cc_otel.claude_code.payload import event_of
from cc_otel.journal.journal import Journal

WAIT_S: Final = 60.0
SESSIONS: Final = Path(__file__).parents[1] / "sessions"
CLEAN: Final = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def cc_otel(
    *arguments: object, stdin: bytes = b"", env: Mapping[str, str] = CLEAN
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "cc_otel", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env=env, check=False, timeout=WAIT_S * 3)


def rows(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    """Read what a command printed for programs."""
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def serving(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command that stays, from the line that says it has started until the block ends."""
    process = start(*arguments)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_S)


def start(*arguments: object, env: Mapping[str, str] = CLEAN) -> subprocess.Popen[str]:
    """Start a command that stays, and wait for the line that says it has started."""
    command = [sys.executable, "-m", "cc_otel", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    assert process.stdout
    told = process.stdout.readline()
    assert "Stop with Ctrl-C" in told, told
    return process


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the events of a recorded session."""
    return [json.loads(line) for line in (SESSIONS / f"{name}.jsonl").read_text("utf-8").splitlines()]


def record(
    home: Path, payload: Mapping[str, Any] | bytes, env: Mapping[str, str] | None = None, *, pid: int = os.getpid()
) -> None:
    """Run the hook for one event, as a client of that pid: unless told, one that lives as long as this test does."""
    install_script(home)
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    environ = {**CLEAN, **(env or {}), "CLAUDE_PID": str(pid)}
    done = subprocess.run(["sh", "-c", wired_command(home)], input=data, env=environ, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def still_open(home: Path) -> list[str]:
    """Return the events whose spans go on, as the agent's journal has it."""
    with closing(Journal(home / "journal.db")) as journal:
        return [event_of(item.fields, item.id).name for item in journal.inputs.live()]


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_S} s: {what}"
        time.sleep(0.05)
