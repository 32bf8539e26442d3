"""The group of commands that ask the graph: those with a look of their own, and those that a header describes."""

from typing import Final

import click
from click.core import ParameterSource

from cc_otel.cli.common import Flags, with_flags
from cc_otel.cli.query_aql import print_aql, save_aql
from cc_otel.cli.query_known import KNOWN
from cc_otel.cli.query_question import command_of
from cc_otel.config import Home
from cc_otel.graph.queries import catalogue

_NO_LIMIT: Final = 10_000


class Questions(click.Group):
    """The commands of `cc_otel.cli.query_known`, and one for every other named query."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all questions, sorted."""
        return sorted({*KNOWN, *(name for name in catalogue.names() if catalogue.named(name).has_command)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a question; None where there is no such question."""
        if cmd_name in KNOWN:
            return KNOWN[cmd_name]
        known = cmd_name in catalogue.names() and catalogue.named(cmd_name).has_command
        return command_of(cmd_name) if known else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands, each with its first sentence whole."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, it.get_short_help_str(limit=_NO_LIMIT)) for name, it in commands if it])


@click.group(cls=Questions, invoke_without_command=True, no_args_is_help=True)
@with_flags("store", "arango_password_file")
@click.option("--aql", "name", metavar="NAME", help="Print a question in AQL, as ArangoDB's web interface takes it.")
@click.option(
    "--save", is_flag=True, help="Save it, or without --aql all of them, among your queries in that interface (3.12)."
)
@click.pass_context
def query(context: click.Context, home: Home, flags: Flags, name: str | None, save: bool) -> None:
    """Ask what happened, what failed, and what it cost."""
    if context.invoked_subcommand is not None:
        if given := [it for it in context.params if context.get_parameter_source(it) is ParameterSource.COMMANDLINE]:
            spelled = {"name": "aql"}.get(given[0], given[0]).replace("_", "-")
            raise click.UsageError(f"--{spelled} goes behind {context.invoked_subcommand}, or without a command")
    elif save:
        save_aql(home, flags, name)
    elif name:
        print_aql(name)
    else:
        raise click.UsageError("Missing command.")
