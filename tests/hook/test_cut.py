"""Whatever cuts the hook short, the file that it leaves tells."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.hook.wired import DEADLINE_S, SILENT, Hook, environment

INODES_FREE = 2
"""Of six: the others are the spool's folder, two in it, and the count of what is lost."""


def test_first_write_fails(hook: Hook) -> None:
    """Where the first write fails there is no second file and no loop."""
    outcome = hook.run(before='ln -s /dev/full "$h/spool/new/unnamed.0.$$.0"; ')

    assert outcome == SILENT
    assert [path.is_symlink() for path in (hook.home / "spool" / "new").iterdir()] == [True]


def test_later_write_fails(hook: Hook) -> None:
    """Where a later write fails the file holds the beginning, and is known to be cut."""
    payload = b'{"a":"' + b"x" * 100_000 + b'"}'

    outcome = hook.run(payload, before="ulimit -f 16; ")

    [recorded] = hook.recorded()
    assert outcome == SILENT
    assert not recorded.ended
    assert 0 < len(recorded.payload) < len(payload)
    assert payload.startswith(recorded.payload)


@pytest.fixture(params=["size=64k"])
def small_disk(hook: Hook, request: pytest.FixtureRequest) -> Iterator[Hook]:
    """The hook with a spool on a file system of 64 KB, or with another limit."""
    spool = str(hook.home / "spool")
    mount = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", spool]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("may not mount a small file system here: needs root on Linux")
    try:
        hook.spool.prepare()
        yield hook
    finally:
        subprocess.run(["umount", spool], check=True)


def test_disk_fills_up(small_disk: Hook) -> None:
    """On a disk that fills up the events before are whole, the next one is cut, and the rest leave empty files."""
    small, large = b"a" * 1000, b"b" * 100_000

    outcomes = [small_disk.run(payload) for payload in (small, large, small)]

    found = [(it.payload[:1], it.ended, len(it.payload) == 1000) for it in small_disk.recorded()]
    assert outcomes == [SILENT] * 3
    assert found == [(b"a", True, True), (b"b", False, False), (b"", False, False)]


@pytest.mark.parametrize("small_disk", ["nr_inodes=6"], indirect=True)
def test_no_inode_is_free(small_disk: Hook) -> None:
    """On a disk without a free inode each event is counted as lost."""
    while len(list((small_disk.home / "spool" / "new").iterdir())) < INODES_FREE:
        small_disk.run()
    outcomes = [small_disk.run() for _ in range(3)]

    assert outcomes == [SILENT] * 3
    assert len(small_disk.recorded()) == INODES_FREE
    assert (small_disk.home / "spool" / "lost").read_bytes() == b"xxx"


def test_killed_while_writing(hook: Hook) -> None:
    """A hook killed while it writes leaves what is no event yet, and later one that is known to be cut."""
    half = b'{"a":"' + b"x" * 300_000
    deadline = time.monotonic() + DEADLINE_S
    with subprocess.Popen(hook.arguments(), stdin=subprocess.PIPE, env=environment(), start_new_session=True) as run:
        assert run.stdin is not None
        run.stdin.write(half)
        run.stdin.flush()
        while not any(entry.size_bytes > len(half) for entry in hook.spool.oldest(1)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        while_writing = [hook.spool.read(entry, time.time_ns()) for entry in hook.spool.oldest(1)]
        os.killpg(run.pid, signal.SIGKILL)
        run.stdin.close()

    assert while_writing == [None]
    assert [(it.payload, it.ended) for it in hook.recorded()] == [(half, False)]


def test_client_killed_while_writing(hook: Hook) -> None:
    """When the client dies in the middle of an event the file has its end, and the payload has not."""
    half = b'{"a":"' + b"x" * 300_000

    outcome = hook.run(half)

    assert outcome == SILENT
    assert [(it.payload, it.ended) for it in hook.recorded()] == [(half, True)]
