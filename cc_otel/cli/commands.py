"""The commands as ``cc-otel --help`` lists them; the module of one is imported when it is typed."""

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

DAILY: Final = "Every day"
CONTROL: Final = "Control"
RUNNING: Final = "Running"
OTHERS: Final = "Others"
HIDDEN: Final = ""

_NO_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A command by its name; ``place`` is ``module:attribute`` below this package, ``summary`` its help in one line."""

    name: str
    place: str
    section: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"cc_otel.cli.{module}"), attribute)
        return command


COMMANDS: Final = tuple(
    Entry(*row)
    for row in (
        ("install", "install:install", DAILY, "Wire Claude Code, so that its sessions are recorded."),
        ("tail", "tail:tail", DAILY, "Follow what Claude Code does in this folder, as it does it."),
        ("top", "top:top", DAILY, "Show what all sessions do now, and which wait for you."),
        ("query", "query:query", DAILY, "Ask what happened, what failed, and what it cost."),
        ("ui", "ui:ui", DAILY, "Show it all in a browser: what sessions do, and what they did."),
        ("status", "status:status", DAILY, "Show whether sessions are recorded, and what was lost."),
        ("doctor", "doctor.doctor:doctor", DAILY, "Try every part, and say what mends what is broken."),
        ("off", "off_on:off", CONTROL, "Pause recording for this home, until `cc-otel on`."),
        ("on", "off_on:on", CONTROL, "Resume recording."),
        ("flush", "flush:flush", CONTROL, "Wait until everything recorded so far is delivered."),
        ("run", "run:run", CONTROL, "Run a command, then deliver what it recorded."),
        ("prune", "prune:prune", CONTROL, "Remove what is older than it is to be kept."),
        ("forget", "forget:forget", CONTROL, "Remove sessions for good, from everywhere here."),
        ("uninstall", "uninstall:uninstall", CONTROL, "Put Claude Code's settings back as they were."),
        ("up", "up:up", RUNNING, "Run everything in one process, on SQLite."),
        ("agent", "agent:agent", RUNNING, "Run the agent alone: from recorded events to OTLP."),
        ("graph-exporter", "graph_exporter:graph_exporter", RUNNING, "Run the graph-exporter alone: OTLP to a graph."),
        ("mcp", "mcp:mcp", RUNNING, "Let an agent ask what was done before, over MCP."),
        ("demo", "demo.demo:demo", OTHERS, "Play a recorded session through everything; show its tree."),
        ("settings", "settings:settings", OTHERS, "List all settings, their values and what they are for."),
        ("send", "send:send", OTHERS, "Record one event, JSON on standard input."),
        ("replay", "replay:replay", OTHERS, "Record events again, from files."),
        ("cache", "cache:cache", OTHERS, "Look after the summaries that models have written."),
        ("autostart", "autostart:autostart", HIDDEN, "Start what the setting autostart says."),
    )
)


class Group(click.Group):
    """A group whose help shows the first sentence of each command whole: click would cut it to one line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands."""
        rows = ((name, command.get_short_help_str(limit=_NO_LIMIT)) for name, command in sorted(self.commands.items()))
        write_section(formatter, "Commands", rows)


class Commands(click.Group):
    """The commands of a table. One ends with a message and exit code 1 where the machine, not the program, failed."""

    def __init__(self, table: Sequence[Entry] = COMMANDS, **options: Any) -> None:
        super().__init__(**options)
        self._table = {entry.name: entry for entry in table}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing it; None where there is no such command."""
        entry = self._table.get(cmd_name)
        return entry.load() if entry else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a table for each section, without importing any command."""
        for section in dict.fromkeys(entry.section for entry in self._table.values()):
            if section != HIDDEN:
                rows = ((it.name, it.summary) for it in self._table.values() if it.section == section)
                write_section(formatter, section, rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader has closed the pipe and wants no more output: click ends without a message.
            raise
        except Exception as error:
            # What those exceptions come from is imported when there is one.
            errors = importlib.import_module("cc_otel.cli.errors")
            if not isinstance(error, errors.MISHAPS):
                raise
            raise click.ClickException(errors.in_words(error)) from None


def write_section(formatter: click.HelpFormatter, title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Write commands with their summaries, wrapped where a line is too long and never cut."""
    with formatter.section(title):
        formatter.write_dl(list(rows))
