"""The command that shows the whole path on a recorded session: ``demo``."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress

from cc_otel.claude_code.hook import install_script
from cc_otel.cli.common import console, fail
from cc_otel.cli.compose.home import clean_environment
from cc_otel.cli.demo.player import Player
from cc_otel.cli.table import dollars
from cc_otel.cli.tree_view import Look, trees
from cc_otel.config import Home
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.costs import Cost, costs, total
from cc_otel.view.sessions import LAST
from cc_otel.view.tree_amounts import amounts_of, cost_rows
from cc_otel.view.trees import TreeSpan, forest, spans_of

START_S: Final = 30.0
FLUSH_S: Final = 60.0


@click.command()
@click.option("--keep/--no-keep", default=True, help="Keep the demo's home for a closer look. Default: keep.")
def demo(keep: bool) -> None:
    """
    Play a recorded session through everything; show its tree.

    Hook script, spool, agent, OTLP over gRPC and graph are the real ones, in a home of the demo's own. Takes seconds,
    opens no port and leaves nothing running.
    """
    folder = tempfile.mkdtemp(prefix="cc-otel-demo-")
    home = Home(Path(folder))
    try:
        with _up(home):
            _play(home)
            _run("flush", "--home", folder, "--timeout", str(FLUSH_S))
        _show(home)
        if keep:
            _say_what_to_try(home)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _up(home: Home) -> Iterator[None]:
    """Run ``cc-otel up`` on the demo's home as a process of its own, and end it with the block."""
    arguments = ["up", "--home", str(home.path), "--projects-dir", str(home.path / "projects")]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cc_otel", *arguments],
        cwd=home.path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if process.poll() is not None or "is up" not in line:
            fail(f"`cc-otel up` did not start: {line.strip()} (its log is {home.log})")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_S)


def _play(home: Home) -> None:
    install_script(home.path)
    player = Player(home.path)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"Playing {len(player.events)} hook events", total=len(player.events))
        for number in player.play():
            progress.update(task, completed=number + 1)


def _run(*arguments: str) -> None:
    command = [sys.executable, "-P", "-m", "cc_otel", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        fail(done.stderr.strip() or done.stdout.strip())


def _show(home: Home) -> None:
    terminal = console()
    with closing(SqliteStore(home.graph)) as store:
        spans = spans_of(store, LAST)
        cost = total(costs(store, "session", {"since_ms": 0}))
        look = Look(amounts=amounts_of(forest(spans), cost_rows(store, spans)))
    for drawn in trees(spans, look):
        terminal.print(drawn)
    terminal.print(_sum_of(spans, cost))


def _sum_of(spans: Sequence[TreeSpan], cost: Cost) -> str:
    """Return a line with what the session took."""
    failed = sum(span.status == "ERROR" for span in spans)
    amounts = cost.amounts
    parts = [
        f"{len(spans)} spans, read back from the graph",
        f"{amounts['calls']:g} model calls",
        f"{amounts['input_tokens']:,g} tokens in, {amounts['output_tokens']:,g} out",
        dollars(amounts["cost_usd"]) or "no price known",
        f"{failed} failed",
    ]
    return "; ".join(parts) + "."


def _say_what_to_try(home: Home) -> None:
    command, options = _command(), f"--home {shlex.quote(str(home.path))}"
    click.echo("\nThree things to try on it:")
    click.echo(f"  {command} query tree last --all {options}  # every hook event")
    click.echo(f"  {command} query cost --by agent {options}  # what the agents cost")
    click.echo(f"  {command} query spans --status ERROR {options}  # what failed")
    click.echo(f"The data is in {home.path} (spool, journal.db, graph.db).")
    click.echo(f"Next: `{command} install` records your own sessions, `{command} uninstall` ends it without a trace.")


def _command() -> str:
    """Return how this program is called from here."""
    if shutil.which("cc-otel"):
        return "cc-otel"
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.name == "cc-otel" else f"{Path(sys.executable).name} -m cc_otel"
