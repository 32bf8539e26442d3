"""The command that runs everything in one process: ``up``."""

import click

from cc_otel.cli.common import SENDING, STORING, with_settings
from cc_otel.cli.compose.agent import agent_at_work
from cc_otel.cli.compose.graph import graph_exporter_at_work
from cc_otel.cli.serving import enter, only_agent, stop_on_signals, until_stopped
from cc_otel.config import Home, Settings


@click.command()
@with_settings(*SENDING, *STORING, "log_level")
def up(home: Home, settings: Settings) -> None:
    """
    Run everything in one process, on SQLite.

    Agent and graph-exporter. Needs no other server and opens no port. Stops on Ctrl-C; what is not delivered then
    stays, and goes on next time.
    """
    stop = stop_on_signals()
    with only_agent(home, settings) as parts:
        exporter = enter(parts, graph_exporter_at_work(home, settings))
        daemon = enter(parts, agent_at_work(home, settings))
        click.echo(f"cc-otel is up. Home: {home.path}. Stop with Ctrl-C; look with `cc-otel query sessions`.")
        until_stopped(stop, lambda: daemon.alive() and exporter.alive())
