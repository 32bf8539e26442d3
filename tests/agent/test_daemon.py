"""An agent at work, with its threads, on a real home and before a real receiver."""

import gc
import json
import logging
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from cc_otel.agent.daemon import AgentDaemon, Plan
from cc_otel.agent.pipeline import Limits
from cc_otel.dead_letter import DEAD_DAYS_MAX
from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.journal.journal import Journal
from cc_otel.otlp.destination import Destination
from cc_otel.otlp.encode import encode
from cc_otel.span import Span
from cc_otel.spool import Spool
from tests.otlp.receivers import WAIT_S, fail, grpc_receiver

LOG = "cc_otel.agent.daemon"


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Put back what an agent changes of the collector."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.fixture
def unused_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def at_work(home: Path, port: int) -> Iterator[AgentDaemon]:
    """Run an agent that sends to a port."""
    plan = Plan(
        home=home,
        spool=home / "spool",
        journal=home / "journal.db",
        dead=home / "dead",
        projects=(home / "projects",),
        destination=Destination(f"http://127.0.0.1:{port}"),
        resource={},
        limits=Limits(1 << 30, 1e9, 1e9),
        spool_bytes_max=1 << 30,
        value_bytes_max=16384,
        with_content=True,
    )
    daemon = AgentDaemon(plan)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def counts(home: Path) -> dict[str, int]:
    """Read what was counted, as `status` does."""
    with closing(Journal(home / "journal.db")) as journal:
        return {what: count.count for what, count in journal.counters.all().items()}


def test_what_goes_wrong_each_second_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where a span cannot be buried, its home's disk being full say, the log tells it once and not every second."""
    (tmp_path / "dead").write_text("a file in the way")
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.commit([], [replace(encode(Span("1" * 32, "2" * 16, "name", 1, 2)), session_id="s", start_ns=1)], [])
    with caplog.at_level(logging.WARNING, LOG), grpc_receiver() as receiver:
        receiver.script.extend([fail(grpc.StatusCode.INVALID_ARGUMENT, "bad")] * 50)
        with at_work(tmp_path, receiver.port):
            wait_for(lambda: len(receiver.requests) >= 4)

    told = [record.getMessage() for record in caplog.records if record.name == LOG]
    assert len([text for text in told if "the sender waits" in text]) == 1, told


def test_old_graves_are_removed_and_counted(tmp_path: Path, unused_port: int) -> None:
    """An agent removes what was buried, or set aside, more than seven days ago; the spans are counted for `status`."""
    (tmp_path / "dead").mkdir()
    old, broken = tmp_path / "dead" / "old.json", tmp_path / "journal.db.broken-20260101T000000Z"
    for path in (old, broken):
        path.touch()
        os.utime(path, (time.time() - DEAD_DAYS_MAX * 86_400 - 60, time.time() - DEAD_DAYS_MAX * 86_400 - 60))
    young = tmp_path / "journal.db.broken-20260102T000000Z"
    young.touch()
    with at_work(tmp_path, unused_port):
        wait_for(lambda: counts(tmp_path) == {"buried_spans_removed": 1})

    assert [path.exists() for path in (old, broken, young)] == [False, False, True]


def test_an_agent_whose_journal_is_damaged_ends_and_the_next_begins_anew(tmp_path: Path, unused_port: int) -> None:
    """Damage that an agent meets ends it, for somebody to start the next one, which sets the file aside and works."""
    path = tmp_path / "journal.db"
    Journal(path).close()
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with at_work(tmp_path, unused_port) as first:
        wait_for(lambda: not first.alive())
    with at_work(tmp_path, unused_port) as second:
        wait_for(lambda: counts(tmp_path) == {"journals_set_aside": 1})
        assert second.alive()


@pytest.mark.parametrize("gone", ["journal.db", "agent.lock", "."])
def test_an_agent_whose_home_is_deleted_leaves(tmp_path: Path, unused_port: int, gone: str) -> None:
    """Where journal, lock or the whole home is deleted, the agent ends, and what comes then stays in the spool."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "agent.lock").touch()
    with at_work(home, unused_port) as daemon:
        wait_for((home / "journal.db").exists)
        if gone == ".":
            home.rename(tmp_path / "deleted")
        else:
            (home / gone).unlink()
        spool = Spool(home / "spool", 1 << 20)
        spool.prepare()
        wait_for(lambda: not daemon.alive())
        spool.write(b'{"session_id": "s", "hook_event_name": "Stop"}', {})

    assert spool.count() == 1


def test_the_unexpected_end_of_a_thread_is_logged(
    tmp_path: Path, unused_port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nothing caught ends the agent; its log says which thread and where, but no content."""
    words = "what the user said"

    def fails(*_: object) -> bool:
        raise KeyError(words)

    monkeypatch.setattr("cc_otel.agent.pipeline.Agent.round", fails)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with caplog.at_level(logging.ERROR, LOG), at_work(tmp_path, unused_port) as daemon:
        wait_for(lambda: not daemon.alive())

    assert "'agent': KeyError" in caplog.text
    assert words not in caplog.text


def test_an_input_at_which_three_agents_died_is_a_dead_letter(tmp_path: Path, unused_port: int) -> None:
    """The next agent sets it aside, counts it, and goes on with the others."""
    content = b'{"payload": {"hook_event_name": "Stop"}}'
    fields = b'{"name": "Stop", "clock_ns": 1, "session_id": "s", "digest": "d"}'
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.inputs.take_in([JournalInput(InputKind.EVENT, "s", 1, fields, 0, "ab", content)])
        for _ in range(3):
            journal.deaths.begin()
            journal.deaths.at(1)
    with at_work(tmp_path, unused_port):
        wait_for(lambda: counts(tmp_path) == {"rows_unreadable": 1})

    (letters,) = (tmp_path / "dead").glob("journal-*.jsonl")
    assert json.loads(letters.read_text())["reason"] == "three agents died at it"
