"""The command that shows the whole path on a real recorded session."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import Progress

from cc_otel.claude_code.hook import install_script, wired_command
from cc_otel.cli.common import console, fail
from cc_otel.cli.compose.home import clean_environment
from cc_otel.cli.tree_view import trees
from cc_otel.config import Home
from cc_otel.graph.sqlite import SqliteStore
from cc_otel.view.sessions import LAST
from cc_otel.view.trees import spans_of

START_S: Final = 30.0
FLUSH_S: Final = 60.0

_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PAUSE_MAX_S: Final = 0.5


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
    with _up(home):
        _play(home)
        _run("flush", "--home", folder, "--timeout", str(FLUSH_S))
    _show(home)
    click.echo(f"\nThe data is in {home.path} (spool, journal.db, graph.db). Look again with:")
    command = _command()
    for question in ("tree last --all", "cost --by agent", "spans --status ERROR"):
        click.echo(f"  {command} query {question} --home {home.path}")
    click.echo(f"Next: `{command} install` records your own sessions, `{command} uninstall` ends it without a trace.")


@contextmanager
def _up(home: Home) -> Iterator[None]:
    """Run ``cc-otel up`` on the demo's home as a process of its own, and end it with the block."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "cc_otel",
            "up",
            "--home",
            str(home.path),
            "--projects-dir",
            str(home.path / "projects"),
        ],
        cwd=home.path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told = process.stdout.readline() if process.stdout else ""
        if process.poll() is not None or "is up" not in told:
            fail(f"`cc-otel up` did not start: {told.strip()} (its log is {home.log})")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_S)


def _play(home: Home) -> None:
    """Send each recorded event through the hook command, as Claude Code would, at the pace it was recorded at."""
    install_script(home.path)
    events: list[dict[str, Any]] = [json.loads(line) for line in _recorded("events.jsonl").splitlines()]
    session = events[0]["payload"]["session_id"]
    transcript = home.path / "projects" / "demo" / f"{session}.jsonl"
    last_ns = events[0]["t_ns"]
    moved = timedelta(microseconds=(time.time_ns() - last_ns) / 1000)
    _write_transcript("transcript.jsonl", transcript, moved)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for event in progress.track(events, description=f"Playing {len(events)} hook events"):
            time.sleep(min((event["t_ns"] - last_ns) / 1e9, PAUSE_MAX_S))
            last_ns = event["t_ns"]
            # The recorded client is long gone; we live as long as the session does.
            environ = (
                {"PATH": os.environ.get("PATH", "/usr/bin:/bin")} | event["env"] | {"CLAUDE_PID": str(os.getpid())}
            )
            payload = json.dumps(event["payload"] | {"transcript_path": str(transcript)}).encode()
            if event["payload"]["hook_event_name"] == "SubagentStop":
                name = f"agent-{event['payload']['agent_id']}.jsonl"
                _write_transcript("subagent.jsonl", transcript.parent / session / "subagents" / name, moved)
            subprocess.run(["sh", "-c", wired_command(home.path)], input=payload, env=environ, check=True)


def _write_transcript(name: str, path: Path, moved: timedelta) -> None:
    """Write one of the session's transcripts, its times moved to now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_STAMP.sub(lambda found: _moved(found[0], moved), _recorded(name)), "utf-8")


def _moved(stamp: str, by: timedelta) -> str:
    return (datetime.fromisoformat(stamp) + by).isoformat(timespec="milliseconds")


def _recorded(name: str) -> str:
    return resources.files("cc_otel.cli.demo").joinpath(name).read_text("utf-8")


def _command() -> str:
    """Give how this program is called from here."""
    if shutil.which("cc-otel"):
        return "cc-otel"
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.name == "cc-otel" else f"{Path(sys.executable).name} -m cc_otel"


def _run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cc_otel", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        fail(done.stderr.strip() or done.stdout.strip())


def _show(home: Home) -> None:
    terminal = console()
    with closing(SqliteStore(home.graph)) as store:
        rows = spans_of(store, LAST)
    for drawn in trees(rows, everything=False):
        terminal.print(drawn)
    terminal.print(f"{len(rows)} spans, read back from the graph.")
