"""The command line: a file a command, called as it is typed."""

import os

import click

from cc_otel import __version__
from cc_otel.cli.commands import Commands

# Before anything loads gRPC, which would print every handshake that fails to the terminal.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cc-otel")
def main() -> None:
    """
    Trace Claude Code: every hook event a span, every session a graph.

    Start with `cc-otel demo`. Every command has --help; exit codes: 0 done, 1 failed, 2 wrong usage.
    """
