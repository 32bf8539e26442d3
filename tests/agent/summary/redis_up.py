"""A real Redis server on loopback, with whatever configuration a test wants."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE_S = 30.0


def need_redis() -> str:
    """Return the server's program; where it is missing skip and say how to get it, or fail if all is required."""
    program = shutil.which("redis-server")
    if program:
        return program
    hint = "redis-server is missing: apt-get install redis-server, or brew install redis"
    if os.environ.get("CC_OTEL_REQUIRE_STACK") == "1":
        pytest.fail(hint)
    pytest.skip(hint)


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def redis_up(folder: Path, port: int, *configuration: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; its data stays in the folder."""
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "yes"]
    # The last of two settings counts.
    command = [need_redis(), *arguments, "--appendfsync", "always", *configuration]
    ports = [int(configuration[index + 1]) for index, word in enumerate(configuration) if word == "--tls-port"] or [
        port
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(ports[0], process)
            yield process
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "redis-server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("redis-server does not listen")
