"""The model process: whatever becomes of it, whoever asks is told."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from cc_otel.agent.summary.credentials import Credentials
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import SCHEMA
from cc_otel.agent.summary.wire import Answer
from tests.agent.summary.conftest import write_credentials
from tests.agent.summary.endpoints import Endpoint
from tests.agent.summary.home import wait_for

ENDED = ("unreachable", "the model process ended")


class Asking:
    """A question under way, in a thread of its own."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process
        self._answers: list[Answer] = []
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        messages = [{"role": "user", "content": "x"}]
        self._answers.append(self._process.ask("openai/hangs", messages, SCHEMA, 10))

    def pid(self, other: int = 0) -> int:
        """Wait for the process that it asks, which is not the other; return its pid."""
        wait_for(lambda: pid_of(self._process) not in {0, other})
        return pid_of(self._process)

    def outcome(self) -> tuple[str, str]:
        """Wait for what comes of it."""
        self._thread.join(30)
        return self._answers[0].failure, self._answers[0].detail


def pid_of(process: ModelProcess) -> int:
    """Return the pid of the process that it has started, 0 where none is up."""
    child = process._child
    return child.process.pid if child else 0


def test_killed_process_is_replaced(tmp_path: Path, endpoint: Endpoint) -> None:
    """Who waits when the process is killed is told so, the next question starts another, and stopping is for good."""
    process = ModelProcess(Credentials(write_credentials(tmp_path / "model.env", endpoint)))
    first = Asking(process)
    killed = first.pid()
    os.kill(killed, signal.SIGKILL)
    outcomes = [first.outcome()]

    second = Asking(process)
    stopped = second.pid(killed)
    process.stop()
    outcomes += [second.outcome(), Asking(process).outcome()]

    assert killed != stopped
    assert outcomes == [ENDED, ENDED, ("unreachable", "no model process: it was stopped")]
    assert (pid_of(process), process.memory_bytes()) == (0, 0)


def test_new_credentials_are_used_at_once(tmp_path: Path, endpoint: Endpoint) -> None:
    """When the file of credentials has changed, the process makes way for one that knows the new ones."""
    path = write_credentials(tmp_path / "model.env", endpoint)
    process = ModelProcess(Credentials(path))
    process.warm()
    before = (process.end_if_idle(), process.memory_bytes() > 0)
    write_credentials(path, endpoint, ANOTHER_KEY="x")
    os.utime(path, ns=(1, 1))

    assert before == (False, True)
    assert (process.end_if_idle(), process.memory_bytes(), process.end_if_idle()) == (True, 0, False)
    process.stop()


def test_mended_credentials_are_noticed(tmp_path: Path, endpoint: Endpoint) -> None:
    """When a file that could not be used is mended, whoever looks after the process is told, once."""
    path = write_credentials(tmp_path / "model.env", endpoint)
    path.chmod(0o644)
    process = ModelProcess(Credentials(path))
    process.warm()
    before = process.end_if_idle()
    path.chmod(0o600)

    assert [before, process.end_if_idle(), process.end_if_idle()] == [False, True, False]
    process.stop()


DYING = """
import os, signal, sys
from pathlib import Path
from cc_otel.agent.summary.credentials import Credentials
from cc_otel.agent.summary.process import ModelProcess

process = ModelProcess(Credentials(Path(sys.argv[1])))
process.warm()
print(process._child.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_process_ends_with_its_agent(tmp_path: Path) -> None:
    """When the agent is killed, its model process ends too."""
    run = subprocess.run([sys.executable, "-c", DYING, str(tmp_path / "model.env")], capture_output=True, check=False)
    pid = int(run.stdout)
    wait_for(lambda: has_ended(pid))

    assert (run.returncode, has_ended(pid)) == (-signal.SIGKILL, True)


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or only waits for a parent that never asks: some containers have none that does."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
