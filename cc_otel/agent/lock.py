"""One agent per home: the lock that decides it, and the pid that the hook looks at."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from cc_otel.files import write_whole

LOCK_NAME: Final = "agent.lock"
PID_NAME: Final = "agent.pid"
LOOKERS_MAX: Final = 5
LOOK_S: Final = 0.02


class AlreadyRunning(Exception):
    """Another agent serves this home; ``pid`` is its process, 0 where it has not said yet."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"an agent is running already (pid {pid})" if pid else "an agent is starting already")
        self.pid = pid


class HomeLock:
    """Makes its holder the home's one agent. The system releases it when the process ends, however it ends."""

    def __init__(self, home: Path) -> None:
        self._lock_path = home / LOCK_NAME
        self._pid_path = home / PID_NAME
        self._file: IO[str] | None = None

    def __enter__(self) -> "HomeLock":
        """
        Take the lock and write our pid for the hooks.

        Raises:
            AlreadyRunning: another process holds it.

        """
        file = open(self._lock_path, "a", opener=_open_private)
        if not _locked(file):
            file.close()
            raise AlreadyRunning(running_pid(self._pid_path.parent))
        self._file = file
        # Readers of the lock load this module, too, and have no use for psutil.
        from cc_otel.agent.processes import started_ticks  # noqa: PLC0415

        # Whole: a hook must not read half a number.
        write_whole(self._pid_path, (f"{os.getpid()} {started_ticks()}".rstrip() + "\n").encode("ascii"))
        return self

    def __exit__(self, *_: object) -> None:
        """Release it."""
        # In a home that was deleted and made anew, the pid is another agent's.
        if running_pid(self._pid_path.parent) == os.getpid():
            with suppress(OSError):
                self._pid_path.unlink()
        if self._file:
            self._file.close()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _locked(file: IO[str]) -> bool:
    # Whoever asks `is_locked` holds the lock for an instant: that must not look like an agent.
    for _ in range(LOOKERS_MAX):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(LOOK_S)
        else:
            return True
    return False


def is_locked(home: Path) -> bool:
    """Whether an agent serves this home now."""
    try:
        with (home / LOCK_NAME).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def running_pid(home: Path) -> int:
    """Return the pid that the home's agent wrote, 0 if none did."""
    try:
        return int((home / PID_NAME).read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
