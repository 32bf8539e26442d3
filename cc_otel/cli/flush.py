"""The command that waits until everything is delivered: ``flush``."""

import shlex
import time
from contextlib import ExitStack, closing
from typing import Final

import click

from cc_otel.agent.lock import AlreadyRunning, HomeLock
from cc_otel.cli.common import SENDING, STORING, fail, json_option, not_nan, print_json, with_settings
from cc_otel.cli.compose.home import prepare_home
from cc_otel.cli.compose.sending import sends_to_own_graph
from cc_otel.cli.logs import log_to
from cc_otel.config import Home, Settings
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.journal import Journal
from cc_otel.spool import Spool
from cc_otel.view.open_spans import count_open
from cc_otel.view.undelivered import undelivered

CHECK_S: Final = 0.1


@click.command()
@with_settings(*SENDING, *STORING, "log_level")
@click.option("--timeout", default=60.0, callback=not_nan, show_default=True, help="Longest wait, seconds.")
@json_option
def flush(home: Home, settings: Settings, timeout: float, as_json: bool) -> None:
    """
    Wait until everything recorded so far is delivered.

    Where no agent is running, one works in the foreground until then. Exit code 1 if time runs out before.
    """
    left = deliver(home, settings, timeout)
    spans_open = _spans_open(home)
    if as_json:
        print_json({"delivered": not left, "waiting": left, "open": spans_open})
    if left:
        fail(
            f"{left} events and spans were not delivered in {timeout:g} s; "
            f"`cc-otel status --home {shlex.quote(str(home.path))}` says why"
        )
    if not as_json:
        click.echo("Everything recorded is delivered." + (f" Spans that go on: {spans_open}." if spans_open else ""))


def deliver(home: Home, settings: Settings, timeout_s: float) -> int:
    """Wait until everything is delivered, as the home's agent where none runs; return how much is not."""
    prepare_home(home)
    deadline = time.monotonic() + timeout_s
    with ExitStack() as parts:
        try:
            parts.enter_context(HomeLock(home.path))
        except AlreadyRunning:
            return _wait(home, settings, deadline, at_hand=False)
        # Half a second of imports, which a wait for an agent that runs does not need.
        from cc_otel.cli.compose.agent import agent_at_work  # noqa: PLC0415
        from cc_otel.cli.compose.graph import graph_exporter_at_work  # noqa: PLC0415

        log_to(home.log, settings.log_level)
        if sends_to_own_graph(settings):
            parts.enter_context(graph_exporter_at_work(home, settings))
        # This is run where the clients ran, so one that cannot be seen here is gone.
        parts.enter_context(agent_at_work(home, settings, at_hand=True))
        return _wait(home, settings, deadline, at_hand=True)


def _wait(home: Home, settings: Settings, deadline: float, *, at_hand: bool) -> int:
    """Wait until everything is delivered or time is out; return how much is not."""
    spool = Spool(home.spool, settings.spool_max_mb << 20)
    while True:
        left = undelivered(spool, home.journal, time.time_ns(), at_hand=at_hand)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(CHECK_S)


def _spans_open(home: Home) -> int:
    """Return how many spans of this home are open; 0 where the journal cannot be read."""
    if not home.journal.exists():
        return 0
    try:
        with closing(Journal(home.journal, read_only=True)) as journal:
            return count_open(journal)
    except JournalUnavailable:
        return 0
