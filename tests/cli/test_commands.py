"""The table of commands: what ``--help`` shows without importing any of them."""

import sys
from subprocess import run

import click
import pytest
from click.testing import CliRunner

from cc_otel.cli import main
from cc_otel.cli.commands import COMMANDS, HIDDEN, Commands, Entry, Group

NARROW = 80


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_entry_is_a_command(entry: Entry) -> None:
    """An entry leads to the command of its name, and its summary is how that command's own help begins."""
    command = entry.load()

    assert (command.name, command.hidden) == (entry.name, entry.section == HIDDEN)
    assert str(command.help).strip().startswith(entry.summary.removesuffix("."))


def test_help_lists_every_command_once() -> None:
    """``--help`` shows each command once, on a line of its own that is whole on a narrow terminal."""
    shown = CliRunner().invoke(main, ["--help"], terminal_width=NARROW).output.splitlines()

    for entry in COMMANDS:
        lines = [line for line in shown if line.split()[:1] == [entry.name]]
        assert [line.split(None, 1)[1] for line in lines] == ([entry.summary] if entry.section != HIDDEN else [])


def test_nothing_is_imported_for_help() -> None:
    """``--help`` imports no command."""
    script = "import sys; from cc_otel.cli import main; main(['--help'], standalone_mode=False); "
    script += "print([it for it in sys.modules if it.startswith('cc_otel.cli.')])"
    done = run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "['cc_otel.cli.commands']"


def test_no_such_command() -> None:
    """A command that does not exist is wrong usage."""
    done = CliRunner().invoke(main, ["statsu"])

    assert done.exit_code == 2
    assert "No such command 'statsu'" in done.output


def test_summaries_of_a_group_are_whole() -> None:
    """The help of a group shows the first sentence of each command whole, however long it is."""
    group = Group("things", commands=[click.Command("one", help="It says " + "very " * 40 + "much. And more.")])
    shown = CliRunner().invoke(group, ["--help"], terminal_width=NARROW).output

    assert " ".join(shown.split()).endswith("one It says " + "very " * 40 + "much.")


class Failing(Commands):
    """Commands that fail: ``disk`` is the machine's fault, anything else the program's."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return a command that raises."""

        def callback() -> None:
            raise OSError(28, "No space left on device") if cmd_name == "disk" else KeyError("bug")

        return click.Command("it", callback=callback)


def test_a_failure_of_the_machine() -> None:
    """A failure of the machine is a message and exit code 1; a failure of the program is a traceback."""
    disk, bug = (CliRunner().invoke(Failing(name="all"), [name]) for name in ("disk", "bug"))

    expected = "Error: No space left on device; make room on that disk, and run the command again\n"
    assert (disk.exit_code, disk.output) == (1, expected)
    assert isinstance(bug.exception, KeyError)
