"""The command that runs everything in one process: ``up``."""

import click

from cc_otel.cli.common import SENDING, STORING, with_settings
from cc_otel.cli.compose.agent import agent_at_work
from cc_otel.cli.compose.graph import graph_exporter_at_work
from cc_otel.cli.compose.page import Place, page_at_work
from cc_otel.cli.serving import enter, only_agent, stop_on_signals, until_stopped
from cc_otel.config import Home, Settings


@click.command()
@with_settings(*SENDING, *STORING, "log_level")
@click.option("--ui", "with_page", is_flag=True, help="Serve the page, too, as `cc-otel ui` does.")
@click.option("--accept-events", is_flag=True, help="With --ui: take POST /events without the token.")
def up(home: Home, settings: Settings, with_page: bool, accept_events: bool) -> None:
    """
    Run everything in one process, on SQLite.

    Agent and graph-exporter. Needs no other server and opens no port, but for the page. Stops on Ctrl-C; what is not
    delivered then stays, and goes on next time.
    """
    stop = stop_on_signals()
    with only_agent(home, settings) as parts:
        exporter = enter(parts, graph_exporter_at_work(home, settings))
        daemon = enter(parts, agent_at_work(home, settings))
        click.echo(f"cc-otel is up. Home: {home.path}. Stop with Ctrl-C; look with `cc-otel query sessions`.")
        healthy = [daemon.alive, exporter.alive]
        if with_page:
            page = enter(parts, page_at_work(home, settings, Place(accept_events=accept_events)))
            click.echo(f"The page is at {page.url}")
            healthy.append(page.alive)
        until_stopped(stop, lambda: all(part() for part in healthy))
