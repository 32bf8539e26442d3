"""The command that runs the agent alone: ``agent``."""

import click

from cc_otel.cli.common import SENDING, with_settings
from cc_otel.cli.compose.agent import agent_at_work
from cc_otel.cli.serving import enter, only_agent, stop_on_signals, until_stopped
from cc_otel.config import Home, Settings


@click.command()
@with_settings(*SENDING, "graph_listen", "log_level")
def agent(home: Home, settings: Settings) -> None:
    """Run the agent alone: from recorded events to OTLP."""
    stop = stop_on_signals()
    with only_agent(home, settings) as parts:
        daemon = enter(parts, agent_at_work(home, settings))
        click.echo(f"The cc-otel agent is running. Home: {home.path}. Stop with Ctrl-C.")
        until_stopped(stop, daemon.alive)
