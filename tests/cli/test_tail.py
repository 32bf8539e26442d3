"""What ``tail`` prints, at real widths, in a terminal and into a pipe."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from cc_otel.cli import main
from cc_otel.cli.compose.home import clean_environment
from cc_otel.cli.tail import happening_line
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.happenings import Happening, Teller
from tests.cli.person import wait_until
from tests.graph.made import span, tool
from tests.view.made import tree_span

LONG = "Ran 漢字を書く 🎉 " * 30 + "\x1b[2J"


def happening(**fields: Any) -> Happening:
    """Return something that has happened."""
    [made] = Teller().news([tree_span(1, **fields)], (), 0)
    return made


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_line_fits_and_its_numbers_are_whole(width: int) -> None:
    """However long a sentence is, the line fits, and clock, duration, tokens, dollars and error are whole."""
    took = {"input_tokens": 1_234_567, "output_tokens": 89_012, "cost_usd": 123.4567, "duration_ms": 3_725_000.0}
    chat, failed = (
        happening(kind="chat", label=LONG, **took),
        happening(status="ERROR", error_type="exit_1", label=LONG),
    )
    first, second = (happening_line(it, width, with_session=True).plain for it in (chat, failed))

    assert max(cell_len(first), cell_len(second)) <= width
    assert [part in first for part in ("1 h 02 min", "…  1.2M→89k tokens  $123.4567", "session ")] == [True] * 3
    assert second.endswith("…  exit_1")
    assert (first + second).isprintable()


def test_a_wait_says_so() -> None:
    """A wait is shown as waiting, a call that takes long with the time so far."""
    opened = [
        tree_span(1, kind="hook", open=True, label="Asked to run ls"),
        tree_span(2, open=True, label="Runs tests"),
    ]
    running, waiting = (
        happening_line(replace(it, at_ms=0.0), 80).plain.split(None, 1)[1]
        for it in Teller().news((), opened, 4_000)[::-1]
    )

    assert (waiting, running) == ("waiting  Asked to run ls", "5 ms …  Runs tests")


def put(home: Path, number: int) -> None:
    """Store a call in the graph of a home."""
    store = SqliteStore(home / "graph.db")
    store.write(mapping.of([tool(number, "Bash", summary=f"Ran step {number}")]))
    store.close()


def put_until(home: Path, seen: Callable[[], bool]) -> None:
    """Store calls, one after the other, until one of them was seen: nobody knows when a follower begins."""
    numbers = iter(range(1, 1_000))

    def one_more() -> bool:
        put(home, next(numbers))
        return seen()

    wait_until(one_more)


def test_it_follows_into_a_pipe_until_ctrl_c(tmp_path: Path) -> None:
    """A pipe gets a JSON line for each thing that happens, at once; Ctrl-C is no failure."""
    command = [sys.executable, "-P", "-m", "cc_otel", "tail", "--all", "--home", str(tmp_path)]
    output = tmp_path / "out"
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, env=clean_environment())
        put_until(tmp_path, lambda: b"\n" in output.read_bytes())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    row = json.loads(output.read_text().splitlines()[0])

    assert (process.returncode, row["what"], row["session_id"], row["duration_ms"]) == (0, "ended", "session-a", 10.0)
    assert row["text"].startswith("Ran step ")


def test_it_follows_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal it says that nothing goes on in the folder; SIGTERM ends it as any program."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "cc_otel", "tail", "--home", str(tmp_path)]
    put(tmp_path, 1)
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=tmp_path, env=clean_environment())
    os.close(theirs)
    said = b""
    while b"\n" not in said:
        said += os.read(ours, 4096)
    process.terminate()
    process.wait(30)
    os.close(ours)

    assert said.startswith(f"No session is at work in {tmp_path} now".encode())
    assert process.returncode == 143


def test_a_session_that_nobody_knows(tmp_path: Path) -> None:
    """A session by a name that is none's is an error; so are two ways to choose at once."""
    store = SqliteStore(tmp_path / "graph.db")
    store.write(mapping.of([span(1)]))
    store.close()
    unknown = CliRunner().invoke(main, ["tail", "--session", "zz", "--home", str(tmp_path)])
    both = CliRunner().invoke(main, ["tail", "--session", "zz", "--all", "--home", str(tmp_path)])

    assert (unknown.exit_code, unknown.stderr[:30]) == (1, "Error: nothing is known of 'zz")
    assert both.exit_code == 2
