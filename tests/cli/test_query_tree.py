"""What ``query tree`` shows of a session, and how much of it."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cc_otel.cli import main
from cc_otel.cli.compose.home import clean_environment
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from tests.graph.made import two_sessions


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with two sessions, of which the first has two turns."""
    folder = tmp_path_factory.mktemp("home")
    store = SqliteStore(folder / "graph.db")
    store.write(mapping.of(two_sessions()))
    store.close()
    return folder


def ask(home: Path, *arguments: str) -> Result:
    """Type the command for the session with two turns."""
    return CliRunner().invoke(main, ["query", "tree", "session-a", *arguments, "--home", str(home)])


def lines(home: Path, *arguments: str) -> list[str]:
    """Return the lines that it prints, without the clock before a root."""
    shown = ask(home, *arguments).output.splitlines()
    return [it.split("  ", 1)[1] if it[:1].isdigit() and it[2:3] == ":" else it for it in shown]


def test_parts_of_a_session(home: Path) -> None:
    """One turn, what failed with all above it, so many levels: each says what it leaves out."""
    assert lines(home, "--turn", "last") == ["turn  500 ms  1 without a price", "└── model claude-opus  10 ms"]
    assert lines(home, "--errors") == [
        *("turn  900 ms", "└── Bash  10 ms  exit_1  Ran pytest -q: exit 1", "1 of 8 spans failed"),
    ]
    assert lines(home, "--turn", "1", "--depth", "1")[-3:-1] == ["├── Agent  300 ms", "│   └── … 2 below"]
    assert lines(home, "--turn", "2", "--errors") == ["Nothing failed."]


def test_a_turn_that_is_not_there(home: Path) -> None:
    """A turn that a session does not have is an error, what is no number is wrong usage."""
    missing, nonsense = ask(home, "--turn", "3"), ask(home, "--turn", "x")

    assert (missing.exit_code, missing.stderr) == (1, "Error: there is no turn 3; it has turns 1 to 2\n")
    assert nonsense.exit_code == 2


def test_markdown(home: Path) -> None:
    """Markdown is a list that a pull request shows."""
    shown = ask(home, "--turn", "last", "--markdown").output.splitlines()

    assert [shown[0].partition(" (")[0], *shown[1:]] == ["- **turn**", "  - **model claude-opus** (10 ms)"]


def test_following_is_for_terminals(home: Path) -> None:
    """What is followed is drawn; a pipe is sent to `tail`."""
    assert ask(home, "--follow").exit_code == 2


def test_a_tree_that_is_followed(home: Path) -> None:
    """A tree is drawn again until Ctrl-C, which leaves the whole tree on the screen that was there before."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 60, 0, 0))
    command = [sys.executable, "-P", "-m", "cc_otel", "query", "tree", "session-a", "--follow", "--home", str(home)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=clean_environment() | {"TERM": "xterm"})
    os.close(theirs)
    drawn = b""
    while b"claude-opus" not in drawn:
        drawn += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    while drawn.count(b"claude-opus") < 2 or b"\x1b[?1049l" not in drawn:
        drawn += os.read(ours, 65536)
    process.wait(30)
    # What it wrote last: when all of it is read, a terminal without a program is an error.
    with suppress(OSError):
        while last := os.read(ours, 65536):
            drawn += last
    os.close(ours)
    before, after = drawn.rsplit(b"\x1b[?1049l", 1)

    assert (process.returncode, b"lines above; Ctrl-C ends" in before, b"pytest" in after) == (0, True, True)
