"""The command line: one function a command, each in the module of its subject."""

import os

import click

from cc_otel import __version__
from cc_otel.cli.caching import cache
from cc_otel.cli.delivering import flush, run
from cc_otel.cli.demonstrating import demo
from cc_otel.cli.doctoring import doctor
from cc_otel.cli.installing import install
from cc_otel.cli.mishaps import Commands
from cc_otel.cli.pruning import prune
from cc_otel.cli.querying import query
from cc_otel.cli.recording import replay, send
from cc_otel.cli.running import agent, graph_exporter, up
from cc_otel.cli.settings import settings
from cc_otel.cli.starting import autostart
from cc_otel.cli.uninstalling import uninstall
from cc_otel.cli.watching import off, on, status

# Before anything loads gRPC, which would tell the terminal of every handshake that fails.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cc-otel")
def main() -> None:
    """
    Trace Claude Code: every hook event a span, every session a graph.

    Start with `cc-otel demo`. Every command has --help; exit codes: 0 done, 1 failed, 2 wrong usage.
    """


for command in (
    *(demo, install, uninstall, doctor, up, agent, graph_exporter, status, flush, run, query),
    *(send, replay, prune, cache, settings, off, on, autostart),
):
    main.add_command(command)
