"""The command that runs another one and then delivers what it recorded: ``run``."""

import click

from cc_otel.cli.child import run_child
from cc_otel.cli.common import SENDING, STORING, Flags, not_nan, resolved, say, with_flags
from cc_otel.cli.errors import in_words
from cc_otel.cli.flush import deliver
from cc_otel.config import Home
from cc_otel.text import squeezed


# What follows the command's name is the command's own, with or without the two dashes.
@click.command(context_settings={"allow_interspersed_args": False})
@with_flags(*SENDING, *STORING, "log_level")
@click.option(
    "--timeout", default=60.0, callback=not_nan, show_default=True, help="Longest wait for the delivery, seconds."
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(home: Home, flags: Flags, timeout: float, command: tuple[str, ...]) -> None:
    """
    Run a command, then deliver what it recorded: `cc-otel run -- claude -p "..."`.

    Ends with the command's own exit code, also where the delivery failed; that is said on standard error. Signals that
    ask to stop are passed on to the command; during the delivery they stop it. For containers and CI, where nothing is
    left running.
    """
    code = run_child(command)
    if failure := _deliver_after(home, flags, timeout):
        say(f"cc-otel: {squeezed(failure)}", err=True)
    raise click.exceptions.Exit(code)


def _deliver_after(home: Home, flags: Flags, timeout: float) -> str:
    """Deliver what a command recorded; return why that failed, nothing where it did not."""
    try:
        left = deliver(home, resolved(home, flags), timeout)
    except click.ClickException as error:
        return error.message
    except KeyboardInterrupt:
        return "stopped before everything was delivered; `cc-otel flush` goes on"
    except Exception as error:  # noqa: BLE001 - Nothing of ours is worth the exit code of somebody's command.
        return in_words(error)
    return f"{left} events and spans were not delivered in {timeout:g} s" if left else ""
