"""The command line: one function a command, each in the module of its subject."""

import os

import click

from cc_otel import __version__
from cc_otel.cli.autostart import autostart
from cc_otel.cli.cache import cache
from cc_otel.cli.demo import demo
from cc_otel.cli.doctor.doctor import doctor
from cc_otel.cli.errors import Commands
from cc_otel.cli.flush import flush
from cc_otel.cli.install import install
from cc_otel.cli.off_on import off, on
from cc_otel.cli.prune import prune
from cc_otel.cli.query import query
from cc_otel.cli.replay import replay, send
from cc_otel.cli.run import run
from cc_otel.cli.settings import settings
from cc_otel.cli.status import status
from cc_otel.cli.uninstall import uninstall
from cc_otel.cli.up import agent, graph_exporter, up

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
