"""The commands that see to it that everything is delivered: ``flush`` and ``run``."""

import shlex
import time
from contextlib import ExitStack, closing
from typing import Final

import click

from cc_otel.agent.lock import AlreadyRunning, HomeLock
from cc_otel.cli.child import run_child
from cc_otel.cli.common import Flags, fail, json_option, print_json, resolved, with_flags, with_settings
from cc_otel.cli.compose import agent_at_work, graph_exporter_at_work, prepare_home, sends_to_own_graph
from cc_otel.cli.errors import in_words
from cc_otel.cli.logs import log_to
from cc_otel.cli.up import SENDING, STORING
from cc_otel.config import Home, Settings

CHECK_S: Final = 0.1
SETTLE_NS: Final = 3_000_000_000
"""So long after the last event its session's start may still come, and its transcript may still grow."""


@click.command()
@with_settings(*SENDING, *STORING, "log_level")
@click.option("--timeout", default=60.0, show_default=True, help="Longest wait, seconds.")
@json_option
def flush(home: Home, settings: Settings, timeout: float, as_json: bool) -> None:
    """
    Wait until everything recorded so far is delivered.

    Where no agent is running, one works in the foreground until then. Exit code 1 if time runs out before.
    """
    left = deliver(home, settings, timeout)
    going_on = _spans_open(home)
    if as_json:
        print_json({"delivered": not left, "waiting": left, "open": going_on})
    if left:
        fail(
            f"{left} events and spans were not delivered in {timeout:g} s; "
            f"`cc-otel status --home {shlex.quote(str(home.path))}` says why"
        )
    if not as_json:
        click.echo("Everything recorded is delivered." + (f" Spans that go on: {going_on}." if going_on else ""))


# What follows the command's name is the command's own, with or without the two dashes.
@click.command(context_settings={"allow_interspersed_args": False})
@with_flags(*SENDING, *STORING, "log_level")
@click.option("--timeout", default=60.0, show_default=True, help="Longest wait for the delivery, seconds.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(home: Home, flags: Flags, timeout: float, command: tuple[str, ...]) -> None:
    """
    Run COMMAND, then wait until everything it recorded is delivered: `cc-otel run -- claude -p "..."`.

    Ends with the command's own exit code, also where the delivery did not succeed; that is said on standard error.
    What asks to stop is passed on to the command; asked again while delivering, we stop. For containers and CI, where
    nothing is left running.
    """
    code = run_child(command)
    if trouble := _deliver_after(home, flags, timeout):
        click.echo(f"cc-otel: {' '.join(trouble.split())}", err=True)
    raise click.exceptions.Exit(code)


def _deliver_after(home: Home, flags: Flags, timeout: float) -> str:
    """Deliver what a command recorded; give in one line what stood in the way, empty where nothing did."""
    try:
        left = deliver(home, resolved(home, flags), timeout)
    except click.ClickException as error:
        return error.message
    except KeyboardInterrupt:
        return "stopped before everything was delivered; `cc-otel flush` goes on"
    except Exception as error:  # noqa: BLE001 - Nothing of ours is worth the exit code of somebody's command.
        return in_words(error)
    return f"{left} events and spans were not delivered in {timeout:g} s" if left else ""


def deliver(home: Home, settings: Settings, timeout_s: float) -> int:
    """Wait until nothing waits any more, working ourselves where no agent does; give how much still does."""
    prepare_home(home)
    deadline = time.monotonic() + timeout_s
    with ExitStack() as parts:
        try:
            parts.enter_context(HomeLock(home.path))
        except AlreadyRunning:
            return _wait(home, settings, deadline, at_hand=False)
        log_to(home.log, settings.log_level)
        if sends_to_own_graph(settings):
            parts.enter_context(graph_exporter_at_work(home, settings))
        # Who asks for everything to be delivered asks where the client ran: one that is gone there is gone.
        parts.enter_context(agent_at_work(home, settings, at_hand=True))
        return _wait(home, settings, deadline, at_hand=True)


def _wait(home: Home, settings: Settings, deadline: float, *, at_hand: bool) -> int:
    """Wait until nothing waits any more or time is out; give how much still does."""
    from cc_otel.journal.journal import Journal
    from cc_otel.spool import Spool
    from cc_otel.view.open_spans import owed

    spool = Spool(home.spool, settings.spool_max_mb << 20)
    while True:
        left = spool.count()
        if home.journal.exists():
            journal = Journal(home.journal)
            left += sum(journal.backlog()) or owed(journal, at_hand=at_hand)
            left = left or journal.heard_since(time.time_ns() - SETTLE_NS)
            journal.close()
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(CHECK_S)


def _spans_open(home: Home) -> int:
    """Give how many spans of this home go on; 0 where that cannot be told."""
    from cc_otel.journal.journal import Journal, JournalUnavailable
    from cc_otel.view.open_spans import open_spans

    if not home.journal.exists():
        return 0
    try:
        with closing(Journal(home.journal)) as journal:
            return sum(1 for _ in open_spans(journal))
    except JournalUnavailable:
        return 0
