"""What ``top`` shows, at real widths, and how it leaves the terminal."""

import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from cc_otel.cli import main
from cc_otel.cli.compose.home import clean_environment
from cc_otel.cli.top import lines, notice
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.now import Busy
from cc_otel.view.session_list import SessionState
from tests.graph.made import turn
from tests.view.test_open_spans import at_work

NASTY = "\x1b]52;c;cm0gLXJm\x07漢字 🎉 <b>&'" * 20
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


def busy(number: int, state: SessionState, **fields: object) -> Busy:
    """Return a session that does something."""
    made: dict[str, object] = {
        "session_id": f"{number:08x}-0000",
        "state": state,
        "since_ms": 1_000.0,
        "doing": NASTY,
        "folder": f"/home/人/{'漢字' * 12}/app-{number}",
        "prompt": None,
        "turns": 1,
        "errors": 0,
        "cost_usd": 1234.5678,
        "unpriced_calls": 1,
    }
    return Busy(**made | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_a_line_a_session_that_fits(width: int) -> None:
    """However narrow the terminal, each session is one line with id, state, time and cost whole, and safe to print."""
    sessions = [busy(1, SessionState.WAITING), busy(2, SessionState.RUNNING), busy(3, SessionState.FAILED)]
    shown = lines(sessions, {}, 3_661_000, width)

    assert [cell_len(it) <= max(width, 60) and it.isprintable() for it in shown] == [True] * 5
    for it, row in zip(sessions, shown[1:], strict=False):
        state = "waiting" if it.state is SessionState.WAITING else str(it.state)
        assert [part in row for part in (it.session_id, state, "1 h 01 min", "$1234.5678+")] == [True] * 4
    assert shown[-1] == "3 sessions: 1 running, 1 waiting for you, 1 failed"


def test_once_for_people_and_programs(tmp_path: Path) -> None:
    """``--once`` prints a table, ``--json`` whole rows: what is done now, and since when."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of([turn(1, session="other")]))
    store.close()
    at_work(tmp_path)
    shown, row = (
        CliRunner().invoke(main, ["top", how, "--home", str(tmp_path)]).output for how in ("--once", "--json")
    )
    told = json.loads(row)

    assert [told[name] for name in ("session_id", "state", "doing")] == ["s", "waiting for you", "Asked to run ls"]
    assert "waiting" in shown
    assert shown.splitlines()[-1] == "1 session: 1 waiting for you"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_the_terminal_is_left_as_it_was(tmp_path: Path, number: int, code: int) -> None:
    """Whatever ends it, the screen that was there before comes back, and the cursor."""
    at_work(tmp_path)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    command = [sys.executable, "-P", "-m", "cc_otel", "top", "--bell", "--home", str(tmp_path)]
    environment = clean_environment() | {"TERM": "xterm"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    drawn = b""
    while b"Waiting" not in drawn:
        drawn += os.read(ours, 65536)
    process.send_signal(number)
    while LEAVE not in drawn:
        drawn += os.read(ours, 65536)
    process.wait(30)
    os.close(ours)

    assert (ENTER in drawn, process.returncode) == (True, code)
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")


def test_a_notice_is_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a session says is one argument of a program that is there, nothing in it markup or an option."""
    waiting = busy(1, SessionState.WAITING, folder="/home/-x")
    monkeypatch.setenv("PATH", str(tmp_path))
    without = notice(waiting)
    for name in ("notify-send", "osascript"):
        shutil.copy("/bin/sh", tmp_path / name)
    commands = []
    for platform in ("linux", "darwin"):
        monkeypatch.setattr(sys, "platform", platform)
        commands.append(notice(waiting))

    assert without == []
    assert commands[0][:4] == [str(tmp_path / "notify-send"), "--app-name=cc-otel", "--", "Claude waits for you in -x"]
    assert "<" not in commands[0][4]
    assert commands[1][-2] == "Claude waits for you in -x"
    assert all(part.isprintable() for command in commands for part in command)
