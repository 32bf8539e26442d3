"""A process under test: started, watched until it is well, ended by who started it; and the waiting for anything."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, TypeVar

import requests

DEADLINE_S: Final = 60.0
"""How long anything may take here. A noisy machine is slow; a wait that is not over by then never ends."""

# From anywhere on, so that two runs on one machine do not meet.
_PORTS: Final = iter(range(random.randrange(15_000, 30_000), 32_000))

_Result = TypeVar("_Result")


def wait_for(what: str, look: Callable[[], _Result | None], deadline_s: float = DEADLINE_S) -> _Result:
    """Look again and again until there is something to see; AssertionError says what never came."""
    give_up = time.monotonic() + deadline_s
    while time.monotonic() < give_up:
        result = look()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {deadline_s} s in vain for {what}; seen last: {look()!r}")


def free_port() -> int:
    """
    Return a TCP port of loopback that nobody listens on, and never the same one again.

    From below the range that the system takes ports for outgoing connections from (32768 on Linux, 49152 on macOS):
    one of those may be gone again before the program that was given it listens.
    """
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port is left between 15000 and 32000")


def answers(url: str) -> bool:
    """Whether a health page says 200."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


class Program:
    """One real program: its arguments, its environment, a file for what it writes, and how to ask if it is well."""

    def __init__(self, argv: list[str], environment: Mapping[str, str], log: Path, is_well: Callable[[], bool]) -> None:
        self._argv, self._environment, self._log, self._is_well = argv, dict(environment), log, is_well
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Run it for as long as the block lasts; in it, it may be ended and started again."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Start it and wait until it is well."""
        # Nothing inherited: a proxy, or a setting of the person who runs the tests, would reach the program.
        environment = {"PATH": os.defpath, **self._environment}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._argv, env=environment, stdout=log, stderr=log, cwd=self._log.parent)
        wait_for(f"{self._argv[0]}, see {self._log}", self._is_well_or_gone)
        assert self._process.poll() is None, f"{self._argv[0]} ended at once:\n{self.output()[-3000:]}"

    def stop(self) -> None:
        """End it as an operator does, and wait until it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it do nothing at all for as long as the block lasts: it lives, and answers nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def output(self) -> str:
        """Return what it wrote so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _is_well_or_gone(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None or self._is_well()
