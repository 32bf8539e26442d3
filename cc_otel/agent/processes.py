"""Whether a client process still lives: the one place that asks the operating system."""

from typing import Final

import psutil

START_SLACK_NS: Final = 2_000_000_000
"""How far a process's start time may be off: it is kept in clock ticks since boot, and clocks are set."""


def alive(pid: int, seen_ns: int) -> bool:
    """
    Whether the process that had this pid at that time (ns since the epoch) is still running.

    A pid is used again after a while: a process that started later than it was seen is another one. Where the
    system does not let us look, it counts as alive.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() * 1e9 <= seen_ns + START_SLACK_NS
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
