"""The command that shows what all sessions are doing: ``top``."""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import click

from cc_otel.cli.common import console, fail, json_option, print_json, with_settings
from cc_otel.cli.table import Column, counted, dollars, duration, table
from cc_otel.cli.watching import keep_looking, watched
from cc_otel.config import Home, Settings
from cc_otel.graph.store import GraphStore, StoreUnavailable
from cc_otel.journal.database import JournalUnavailable
from cc_otel.text import line, squeezed
from cc_otel.view.live import JournalWatch
from cc_otel.view.now import Busy, Waits, busy_sessions
from cc_otel.view.session_list import SessionState
from cc_otel.view.sessions import short_ids

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

EVERY_S: Final = 1.0
NOTICE_CHARS_MAX: Final = 200
NOTICES_MAX: Final = 8
"""So many desktop notices may be under way at once."""

_COLUMNS: Final = (
    *(Column("session_id"), Column("state"), Column("since"), Column("cost"), Column("folder", "start", spare=1)),
    Column("doing", "end"),
)
_STYLES: Final = {SessionState.WAITING: "bold yellow", SessionState.FAILED: "red"}


@click.command()
@with_settings("store", "arango_password_file", "exporter_otlp_endpoint", "content")
@click.option("--bell", is_flag=True, help="Ring, and show a desktop notice, when a session begins to wait for you.")
@click.option("--once", is_flag=True, help="Print once, and end.")
@json_option
def top(home: Home, settings: Settings, bell: bool, once: bool, as_json: bool) -> None:
    """
    Show what all sessions do now, and which wait for you.

    Those that wait, that run, and that failed within a day. A line each: the state, since when, the cost so far, and
    what it does now. Into a pipe, and with --json, it prints once. Ctrl-C ends it.
    """
    terminal = console()
    with watched(home, settings) as (store, opened, _):
        if once or as_json or not terminal.is_terminal:
            _print_once(store, opened, as_json=as_json)
            return
        from rich.live import Live  # noqa: PLC0415 - `--once` does without

        with Live(console=terminal, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
            keep_looking(_Screen(store, opened, live, Bell() if bell else None).step, EVERY_S)


def _print_once(store: GraphStore, opened: JournalWatch, *, as_json: bool) -> None:
    try:
        now_ms = time.time() * 1000
        sessions = busy_sessions(store, opened.read(now_ms), now_ms)
        ids = short_ids(store, [it.session_id for it in sessions])
    except (StoreUnavailable, JournalUnavailable) as error:
        fail(squeezed(str(error)))
    if as_json:
        for it in sessions:
            print_json(it.to_json())
        return
    terminal = console()
    for text in lines(sessions, ids, now_ms, terminal.width):
        terminal.print(text, markup=False, soft_wrap=True)


class _Screen:
    """Draws the sessions again and again; what cannot be read now is said in its place."""

    def __init__(self, store: GraphStore, opened: JournalWatch, live: "Live", bell: "Bell | None") -> None:
        self._store = store
        self._opened = opened
        self._live = live
        self._bell = bell
        self._waits = Waits()

    def step(self) -> None:
        """Look once."""
        now_ms = time.time() * 1000
        try:
            sessions = busy_sessions(self._store, self._opened.read(now_ms), now_ms)
            ids = short_ids(self._store, [it.session_id for it in sessions])
        except (StoreUnavailable, JournalUnavailable) as error:
            self._live.update(f"Waiting: {squeezed(str(error))}", refresh=True)
            return
        began = self._waits.begun(sessions)
        self._live.update(self._drawn(sessions, ids, now_ms), refresh=True)
        if began and self._bell:
            self._live.console.bell()
            self._bell.ring(began)

    def _drawn(self, sessions: Sequence[Busy], ids: dict[str, str], now_ms: float) -> "RenderableType":
        from rich.text import Text  # noqa: PLC0415 - `--once` does without

        width, height = self._live.console.size
        title, *rows, last = lines(sessions, ids, now_ms, width)
        room = max(height - 3, 1)
        drawn = Text(no_wrap=True, overflow="ellipsis")
        drawn.append(f"{title}\n", "bold")
        for it, row in zip(sessions[:room], rows, strict=False):
            drawn.append(f"{row}\n", _STYLES.get(it.state, "default"))
        hidden = len(sessions) - room
        return drawn.append(f"{last}{f'; {hidden} have no room here' if hidden > 0 else ''}", "dim")


def lines(sessions: Sequence[Busy], ids: dict[str, str], now_ms: float, width: int) -> list[str]:
    """Return the lines of the screen, each as wide as there is room for: titles, sessions, and how many there are."""
    if not sessions:
        return ["", "No session runs, waits, or has failed within a day."]
    rows = [_row(it, ids, now_ms) for it in sessions]
    counts = {state: sum(it.state is state for it in sessions) for state in SessionState}
    parts = [f"{number} {state}" for state, number in counts.items() if number]
    return [*table(rows, _COLUMNS, width), f"{counted(len(sessions), 'session')}: {', '.join(parts)}"]


def _row(it: Busy, ids: dict[str, str], now_ms: float) -> dict[str, str]:
    state = {SessionState.WAITING: "waiting"}.get(it.state, str(it.state))
    return {
        "session_id": ids.get(it.session_id, it.session_id),
        "state": state,
        "since": duration(max(round(now_ms - it.since_ms, -3), 0.0)) if it.since_ms else "",
        "cost": dollars(it.cost_usd) + "+" * bool(it.unpriced_calls and it.cost_usd is not None),
        "folder": PurePath(it.folder).name if it.folder else "",
        "doing": it.doing,
    }


class Bell:
    """Desktop notices, where the desktop has a program for them; never waited for."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def ring(self, sessions: Sequence[Busy]) -> None:
        """Show a notice for each session that begins to wait."""
        self._running = [process for process in self._running if process.poll() is None]
        for it in sessions:
            command = notice(it)
            if command and len(self._running) < NOTICES_MAX:
                self._running.append(
                    subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                    )
                )


def notice(it: Busy) -> list[str]:
    """Return the command that shows a notice, without a shell: what a session says is an argument; [] without one."""
    where = f" in {PurePath(it.folder).name}" if it.folder else ""
    title = line(f"Claude waits for you{where}")[:NOTICE_CHARS_MAX]
    text = line(it.doing)[:NOTICE_CHARS_MAX]
    if sys.platform == "darwin" and (program := shutil.which("osascript")):
        script = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")
        return [program, *(part for row in script for part in ("-e", row)), title, text]
    if program := shutil.which("notify-send"):
        # The text is markup there.
        return [program, "--app-name=cc-otel", "--", title, escape(text)]
    return []
