"""`cc-otel run`: the command comes first, in its signals and in its exit code."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.path.processes import CLEAN, WAIT_S, cc_otel, eventually, record, rows

EVENT: Final = {"session_id": "5e55", "hook_event_name": "SessionStart", "source": "startup"}
WAITS: Final = 'trap \'echo got {0} >> "$1"; exit 7\' {0}; echo ready >> "$1"; while :; do sleep 0.1; done'
GOES_ON: Final = 'trap \'echo got INT >> "$1"\' INT; echo ready >> "$1"; for n in 1 2 3 4 5; do sleep 0.3; done'
DIES: Final = 'echo ready >> "$1"; while :; do sleep 0.1; done'


def text(path: Path) -> str:
    """Return what a file holds; nothing where there is none."""
    return path.read_text("utf-8") if path.exists() else ""


def typed(home: Path, script: str, said: Path) -> list[str]:
    """Return the command line that runs a shell script under `cc-otel run`."""
    ours = [sys.executable, "-m", "cc_otel", "run", "--home", str(home)]
    return [*ours, "--", "sh", "-c", script, "sh", str(said)]


def begun(said: Path) -> None:
    """Wait until the script has begun."""
    eventually(lambda: "ready" in text(said), "the command has begun")


def heed_signals() -> None:
    """Take signals as a shell's command does, also where these tests run in the background and ignore some."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def started(home: Path, script: str, said: Path) -> subprocess.Popen[bytes]:
    """Run a shell script under `cc-otel run`, and wait until it has begun."""
    process = subprocess.Popen(
        typed(home, script, said),
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_signals,  # noqa: PLW1509 - nothing else runs in this process yet
    )
    begun(said)
    return process


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
def test_a_signal_is_the_commands_and_everything_is_delivered(tmp_path: Path, name: str) -> None:
    """A signal to stop is passed to the command: it ends in its own way, and what it recorded is delivered after."""
    home, said = tmp_path / "h", tmp_path / "said"
    record(home, EVENT)
    process = started(home, WAITS.format(name), said)
    process.send_signal(getattr(signal, f"SIG{name}"))
    _, told = process.communicate(timeout=WAIT_S)

    assert (process.returncode, told, text(said)) == (7, b"", f"ready\ngot {name}\n")
    assert [row["session_id"] for row in rows(cc_otel("query", "sessions", "--json", "--home", home))] == ["5e55"]


def test_a_command_that_a_signal_ends(tmp_path: Path) -> None:
    """The exit code is a shell's where a signal ends the command: 128 and the signal's number."""
    process = started(tmp_path / "h", DIES, tmp_path / "said")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_S)

    assert process.returncode == 128 + signal.SIGTERM


def test_the_keyboard_interrupts_a_command_once(tmp_path: Path) -> None:
    """Ctrl-C reaches the command from the terminal; it does not come from us a second time."""
    said = tmp_path / "said"
    command = typed(tmp_path / "h", GOES_ON, said)
    pid, terminal = pty.fork()
    if pid == 0:
        heed_signals()
        os.execve(command[0], command, CLEAN)
    try:
        begun(said)
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(terminal)

    assert (os.waitstatus_to_exitcode(status), text(said)) == (0, "ready\ngot INT\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", "no_such = 1\n"),
        ("config.toml", "what?"),
        ("journal.db", "garbage " * 99),
        ("graph.db", "no" * 99),
    ],
)
def test_the_command_runs_whatever_the_home_holds(tmp_path: Path, name: str, content: str) -> None:
    """A home that cannot be worked with costs neither the command nor its exit code: one line says why."""
    home, ran = tmp_path / "h", tmp_path / "ran"
    record(home, EVENT)
    (home / name).write_text(content)
    done = cc_otel("run", "--home", home, "--timeout", 1, "--", "sh", "-c", 'touch "$1"; exit 3', "sh", ran)

    assert (done.returncode, ran.exists(), done.stdout) == (3, True, b"")
    assert len(done.stderr.splitlines()) == 1, done.stderr.decode()
    assert done.stderr.startswith(b"cc-otel: ")


def test_the_command_runs_where_no_home_can_be(tmp_path: Path) -> None:
    """Where no home can be made, the command runs and its exit code is kept."""
    (tmp_path / "file").touch()
    done = cc_otel("run", "--home", tmp_path / "file" / "h", "--", "true")

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (0, b"", 1)


def test_a_command_that_cannot_be_run(tmp_path: Path) -> None:
    """The exit code is a shell's where there is no such command, 127, or it cannot be executed, 126."""
    plain = tmp_path / "plain"
    plain.touch(mode=0o600)
    missing, refused = (cc_otel("run", "--home", tmp_path / "h", "--", tmp_path / it) for it in ("missing", "plain"))

    assert (missing.returncode, missing.stderr.decode()) == (
        127,
        f"Error: {tmp_path}/missing cannot be run: No such file or directory\n",
    )
    assert (refused.returncode, refused.stderr.decode()) == (126, f"Error: {plain} cannot be run: Permission denied\n")


def test_an_option_that_is_none_of_ours(tmp_path: Path) -> None:
    """An unknown option before the command is wrong usage, and nothing is run; behind its name it is the command's."""
    wrong = cc_otel("run", "--home", tmp_path / "h", "-x", "--", "true")
    own = cc_otel("run", "--home", tmp_path / "h", "sh", "-c", "exit 4")

    assert (wrong.returncode, own.returncode) == (2, 4)
