"""The lock of a home."""

import os
from pathlib import Path

from cc_otel.agent.lock import LOCK_NAME, PID_NAME, HomeLock


def test_lock_and_pid_are_their_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask, nobody else can read, or lock, what tells of the agent."""
    mask = os.umask(0o022)
    try:
        with HomeLock(tmp_path):
            modes = {name: oct((tmp_path / name).stat().st_mode & 0o777) for name in (LOCK_NAME, PID_NAME)}
    finally:
        os.umask(mask)

    assert modes == {LOCK_NAME: "0o600", PID_NAME: "0o600"}
