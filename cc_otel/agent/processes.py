"""Processes: the one place that asks the operating system about them."""

import os
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Final

import psutil

START_SLACK_NS: Final = 2_000_000_000
"""How far a process's start time may be off: it is kept in clock ticks since boot, and clocks are set."""


def alive(pid: int, seen_ns: int) -> bool:
    """Whether the process of ours that had this pid at that time (ns since the epoch) is still running."""
    return _find(pid, seen_ns) is not None


class Visibility(Enum):
    """What is known of a client: it runs; it ran and is gone; it was not found; it runs where we cannot see it."""

    ALIVE = auto()
    GONE = auto()
    UNSEEN = auto()
    HIDDEN = auto()


class Clients:
    """What was seen of the clients that recorded events, each known by its session and pid."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], psutil.Process] = {}
        self._missed_ns: dict[tuple[str, int], int] = {}
        self._hidden: set[tuple[str, int]] = set()

    @property
    def hidden(self) -> tuple[str, ...]:
        """The sessions with a client that runs where we cannot see it."""
        return tuple(sorted({session_id for session_id, _ in self._hidden}))

    def note_event(self, session_id: str, pid: int, clock_ns: int, now_ns: int) -> None:
        """
        Note that a client recorded something at that time (ns), and check it the first time.

        One that records after it was not found runs where we cannot see it: in a container, say.
        """
        client = (session_id, pid)
        if pid == 0 or client in self._seen or client in self._hidden:
            return
        if client not in self._missed_ns:
            if self.check(session_id, pid, clock_ns) is Visibility.UNSEEN:
                self._missed_ns[client] = now_ns
        elif clock_ns > self._missed_ns[client]:
            self._hidden.add(client)

    def check(self, session_id: str, pid: int, last_ns: int) -> Visibility:
        """Check a client that recorded its last event at that time (ns)."""
        client = (session_id, pid)
        if pid == 0 or client in self._hidden:
            return Visibility.HIDDEN
        if process := self._seen.get(client):
            return Visibility.ALIVE if _is_running(process) else Visibility.GONE
        if found := _find(pid, last_ns):
            self._seen[client] = found
            return Visibility.ALIVE
        return Visibility.UNSEEN

    def forget(self, session_id: str) -> None:
        """Drop what is known of a session's clients."""
        self._seen = {client: process for client, process in self._seen.items() if client[0] != session_id}
        self._missed_ns = {client: at_ns for client, at_ns in self._missed_ns.items() if client[0] != session_id}
        self._hidden = {client for client in self._hidden if client[0] != session_id}


def terminate_holder(pid: int, path: Path) -> None:
    """Ask the process with this pid to end, if it is one that has this file open."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if str(path.resolve()) in {opened.path for opened in process.open_files()}:
            process.terminate()


def _find(pid: int, seen_ns: int) -> psutil.Process | None:
    """
    Return the process of our user that had a pid at that time; None if there is none now.

    A pid is used again after a while: a process that started later than it was seen is another one. So is one of
    another user: a client in a container has a pid of its own counting.
    """
    if pid == 0:
        return None
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            ours = process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE
            return process if ours and process.create_time() * 1e9 <= seen_ns + START_SLACK_NS else None
    except psutil.Error:
        return None


def _is_running(process: psutil.Process) -> bool:
    # It knows the process by its start, however the clock has been set since.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process, bytes; 0 if it is not running."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def started_ticks() -> str:
    """
    Return when this process began, in the kernel's ticks; empty where the system has no /proc/self/stat.

    It is field 22 of proc(5). After a crash and a reboot a pid may be another program's: with this the hook can tell.
    """
    try:
        stat = Path("/proc/self/stat").read_text("utf-8", "replace")
        return stat[stat.rindex(")") :].split()[20]
    except (OSError, ValueError, IndexError):
        return ""
