"""Databases that others write, opened only to be read."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cc_otel.sqlite_file import connect_to_read

WRITE = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE t (x)")
db.execute("INSERT INTO t VALUES (7)")
"""
LEFT = {
    "closed": WRITE + "db.close()",
    "killed": WRITE + "os.kill(os.getpid(), 9)",
    "killed, and its shared memory gone": WRITE + "os.unlink(sys.argv[1] + '-shm'); os.kill(os.getpid(), 9)",
}


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow: what a full disk looks like from inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("how", LEFT)
def test_a_database_on_a_full_disk_is_read(tmp_path: Path, how: str) -> None:
    """However its writer ended, what it committed is read although nothing can be written."""
    path = tmp_path / "a ?b%.db"
    subprocess.run([sys.executable, "-c", LEFT[how], path], check=False)

    with full_disk(), closing(connect_to_read(path, 1.0)) as db:
        assert db.execute("SELECT x FROM t").fetchall() == [(7,)]


def test_a_database_that_is_being_written_is_read_on_a_full_disk(tmp_path: Path) -> None:
    """Beside a writer a reader needs no room of its own."""
    path = tmp_path / "it.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (x)")
        writer.execute("INSERT INTO t VALUES (7)")
        pid = os.fork()
        if pid == 0:
            with full_disk(), closing(connect_to_read(path, 1.0)) as db:
                os._exit(db.execute("SELECT x FROM t").fetchone()[0])
        _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 7


def test_reading_makes_and_changes_nothing(tmp_path: Path) -> None:
    """A database that is not there is not made, and one that is there takes no writes."""
    path = tmp_path / "it.db"
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        connect_to_read(path, 1.0)
    assert list(tmp_path.iterdir()) == []

    subprocess.run([sys.executable, "-c", LEFT["closed"], path], check=True)
    with closing(connect_to_read(path, 1.0)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("INSERT INTO t VALUES (8)")
