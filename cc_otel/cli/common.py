"""What the commands share: options from the table of settings, ways to fail, output for programs."""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from cc_otel.config import SETTINGS, BadSettings, Home, default_home, flag, resolve, variable

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., object])

PIPE_WIDTH: Final = 160

DOCTOR_SESSION: Final = "cc-otel-doctor"
"""The session of doctor's test events."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def home_option(command: Command) -> Command:
    """Add ``--home``; the command gets a `Home`."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        default=default_home,
        show_default="CC_OTEL_HOME, else ~/.cc-otel",
        callback=lambda _context, _parameter, value: Home(value.absolute()),
        help="The folder everything lives in.",
    )(command)


def with_settings(*names: str) -> Callable[[Command], Callable[..., object]]:
    """Add flags for these settings; the command gets ``home`` and all ``settings``, resolved."""

    def decorate(command: Command) -> Callable[..., object]:
        @functools.wraps(command)
        def run(home: Home, **given: Any) -> object:
            flags = {name: given.pop(name) for name in names}
            try:
                settings = resolve(home, flags, os.environ)
            except BadSettings as error:
                fail(str(error))
            return command(home=home, settings=settings, **given)

        decorated: Callable[..., object] = run
        for name in reversed(names):
            decorated = _option(name)(decorated)
        return home_option(decorated)

    return decorate


def _option(name: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    setting = SETTINGS[name]
    default = setting.default
    shown = f" [{variable(name)}{f'; default {default}' if default not in ('', False) else ''}]"
    spelling = f"{flag(name)}/--no-{flag(name)[2:]}" if isinstance(default, bool) else flag(name)
    return click.option(spelling, name, default=None, metavar=None, help=setting.metadata["help"] + shown)


def console() -> "Console":
    """Give the terminal; where there is none to fit into, lines are wide enough to be read and searched."""
    from rich.console import Console

    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def fail(message: str) -> NoReturn:
    """End with exit code 1 and a message that says what to do next."""
    raise click.ClickException(message)


def print_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    click.echo(json.dumps(value, ensure_ascii=False))
