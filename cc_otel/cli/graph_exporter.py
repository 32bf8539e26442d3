"""The command that runs the graph-exporter alone: ``graph-exporter``."""

from contextlib import ExitStack

import click

from cc_otel.cli.common import STORING, with_settings
from cc_otel.cli.compose.graph import graph_exporter_at_work
from cc_otel.cli.compose.home import prepare_home
from cc_otel.cli.logs import log_to
from cc_otel.cli.serving import enter, stop_on_signals, until_stopped
from cc_otel.config import Home, Settings


@click.command("graph-exporter")
@with_settings(*STORING, "log_level")
def graph_exporter(home: Home, settings: Settings) -> None:
    """Run the graph-exporter alone: OTLP to a graph."""
    prepare_home(home)
    log_to(home.log.with_stem("graph-exporter"), settings.log_level)
    stop = stop_on_signals()
    with ExitStack() as parts:
        exporter = enter(parts, graph_exporter_at_work(home, settings))
        click.echo(f"The graph-exporter listens on {exporter.address}. Stop with Ctrl-C.")
        until_stopped(stop, exporter.alive)
