"""The hook starts the agent where it is gone, and only there."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cc_otel.agent.lock import HomeLock
from tests.hook.wired import DEADLINE_S, PAYLOAD, SILENT, Hook, environment

START = """#!/bin/sh
env >started.part && mv started.part started
n=0; until [ -e release ] || [ $n -gt 600 ]; do sleep 0.1; n=$((n+1)); done
"""


@pytest.fixture
def startable(hook: Hook) -> Hook:
    """A home whose start file writes its environment to ``started`` and then waits for ``release``."""
    (hook.home / "start").write_text(START)
    (hook.home / "start").chmod(0o755)
    return hook


@pytest.mark.parametrize("content", [None, "", "x\n", "-1", "0 0", "9" * 20, "{gone}", "{gone}\n"])
def test_missing_agent(startable: Hook, content: str | None) -> None:
    """Without a live process in agent.pid, start is run with nothing of our environment, and nobody waits for it."""
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    if content is not None:
        (startable.home / "agent.pid").write_text(content.format(gone=gone.pid))

    outcome = startable.run(env={"HOME": "/evil", "PYTHONPATH": "/evil", "CC_OTEL_HOME": "/evil"}, before="s=1; ")

    assert outcome == SILENT
    assert started_with(startable) == {"PATH": "/usr/bin:/bin", "PWD": str(startable.home)}
    assert [it.payload for it in startable.recorded()] == [PAYLOAD]


def test_full_spool(startable: Hook) -> None:
    """A full spool is no reason not to start the agent: nobody else can empty it."""
    startable.given(': >"$h/spool/full"')
    startable.run(before="s=1; ")

    assert started_with(startable)
    assert startable.recorded() == []


@pytest.mark.parametrize("stopped", [False, True], ids=["alive", "stopped"])
def test_live_agent(startable: Hook, stopped: bool) -> None:
    """An agent that is there, even one that hangs, is not started again."""
    with subprocess.Popen(["sleep", "600"]) as agent:
        if stopped:
            agent.send_signal(signal.SIGSTOP)
        (startable.home / "agent.pid").write_text(f"{agent.pid}\n")
        started = starts(startable, before="s=1; ")
        agent.kill()

    assert not started


def began(pid: int) -> str:
    """Say when a process began, as the kernel tells it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc: elsewhere a pid is all there is")
@pytest.mark.parametrize("stale", [False, True], ids=["the agent", "another program"])
def test_a_pid_that_is_used_again(startable: Hook, stale: bool) -> None:
    """A process that began at another time than agent.pid says is not the agent: it is started."""
    with subprocess.Popen(["sleep", "600"]) as process:
        told = began(os.getppid()) if stale else began(process.pid)
        (startable.home / "agent.pid").write_text(f"{process.pid} {told}\n")
        started = starts(startable, before="s=1; ")
        process.kill()

    assert stale == started


def test_what_the_agent_tells_is_understood(startable: Hook) -> None:
    """The agent that holds the home's lock is not started again."""
    with HomeLock(startable.home):
        assert not starts(startable, before="s=1; ")
    assert starts(startable, before="s=1; ")


@pytest.mark.parametrize("before", ["", "s=; ", "s=1; CC_OTEL_OFF=1; "])
def test_other_events(startable: Hook, before: str) -> None:
    """Only events wired with s=1 start the agent, and none while recording is off."""
    assert not starts(startable, before)


@pytest.mark.parametrize("state", ['rm "$h/start"', 'chmod -x "$h/start"', 'rm "$h/start"; mkdir "$h/start"'])
def test_no_start_file(startable: Hook, state: str) -> None:
    """Without a start file that may be run nothing is started, and nothing said."""
    startable.given(state)

    assert startable.run(before="s=1; ") == SILENT
    assert not starts(startable, before="s=1; ")


def started_with(hook: Hook) -> dict[str, str]:
    """Wait for the start file's environment, let it end, and return it."""
    deadline = time.monotonic() + DEADLINE_S
    while not (hook.home / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (hook.home / "release").touch()
    variables = dict(line.split("=", 1) for line in (hook.home / "started").read_text().splitlines())
    # Every shell says where it is; bash adds two of its own to what the start file was given.
    return {name: value for name, value in variables.items() if name not in ("OLDPWD", "SHLVL", "_")}


def starts(hook: Hook, before: str) -> bool:
    """Run the hook, wait until every process that it left behind has ended, and say whether start was run."""
    (hook.home / "release").touch()
    reader, writer = os.pipe()
    subprocess.run(hook.arguments(before), input=PAYLOAD, env=environment(), pass_fds=[writer], check=True)
    os.close(writer)
    # Each of them holds the other end of this pipe.
    with os.fdopen(reader, "rb") as pipe:
        pipe.read()
    return (hook.home / "started").exists()
