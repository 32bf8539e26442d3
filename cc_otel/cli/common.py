"""What the commands share: options from the table of settings, ways to fail, output for programs."""

import functools
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from cc_otel.config import DAYS_MAX, SETTINGS, BadSettings, Home, Settings, default_home, flag, resolve, variable
from cc_otel.text import json_line, line

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., object])
Flags = Mapping[str, Any]
"""Settings by name as they were typed; None where they were not."""

PIPE_WIDTH: Final = 160

SENDING: Final = (
    *("exporter_otlp_endpoint", "exporter_otlp_protocol", "exporter_otlp_headers", "exporter_otlp_compression"),
    *("exporter_otlp_timeout", "exporter_otlp_certificate", "exporter_otlp_client_key"),
    *("exporter_otlp_client_certificate", "exporter_otlp_insecure", "resource_attributes", "use_otel_env", "content"),
    *("value_max_bytes", "spool_max_mb", "keep_h", "idle_s", "projects_dir", "summary_model"),
)
"""The settings that are flags of every command with an agent in it."""

STORING: Final = ("store", "arango_password_file", "graph_listen", "graph_token", "retention_days")
"""The settings that are flags of every command with a graph-exporter in it."""

DAYS: Final = click.FloatRange(0, DAYS_MAX)
"""A number of days back; click's own range lets nan pass, `not_nan` does not."""


def not_nan(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """Refuse what is no number, as wrong usage."""
    if math.isnan(value):
        raise click.BadParameter("it is no number")
    return value


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def home_option(command: Command) -> Command:
    """Add ``--home``; the command gets a `Home`."""
    return click.option(
        "--home",
        type=click.Path(file_okay=False),
        default=default_home,
        show_default="CC_OTEL_HOME, else ~/.cc-otel",
        callback=_home,
        help="The folder everything lives in.",
    )(command)


def _home(_context: click.Context, _parameter: click.Parameter, value: str | Path) -> Home:
    # An empty path is the current folder, to the system; to a person it is a variable that was not set.
    if value == "":
        raise click.BadParameter("it is empty: name a folder, or leave it out")
    return Home(Path(value).absolute())


def with_settings(*names: str) -> Callable[[Command], Callable[..., object]]:
    """Add flags for these settings; the command gets ``home`` and all ``settings``, resolved."""

    def decorate(command: Command) -> Callable[..., object]:
        @functools.wraps(command)
        def run(home: Home, flags: Flags, **given: Any) -> object:
            return command(home=home, settings=resolved(home, flags), **given)

        return with_flags(*names)(run)

    return decorate


def resolved(home: Home, flags: Flags) -> Settings:
    """Return all settings; fail with a message where one cannot be used."""
    try:
        return resolve(home, flags, os.environ)
    except BadSettings as error:
        fail(str(error))


def with_flags(*names: str) -> Callable[[Command], Callable[..., object]]:
    """Add flags for these settings; the command gets ``home`` and the ``flags`` as they were typed, for `resolved`."""

    def decorate(command: Command) -> Callable[..., object]:
        @functools.wraps(command)
        def run(home: Home, **given: Any) -> object:
            return command(home=home, flags={name: given.pop(name) for name in names}, **given)

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
    """Return the terminal; where there is none to fit into, lines are wide enough to be read and searched."""
    from rich.console import Console  # noqa: PLC0415 - a third of the start of a command that prints JSON

    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def fail(message: str) -> NoReturn:
    """End with exit code 1 and a message that says what to do next."""
    raise click.ClickException("\n".join(map(line, message.splitlines())))


def say(text: str, *, err: bool = False) -> None:
    """Print a text as one line, whatever is in it; on standard error where it is no answer."""
    click.echo(line(text), err=err)


def print_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        # JSON has no infinity, which a sum of what others wrote may be.
        text = json.dumps(_finite(value), ensure_ascii=False)
    click.echo(json_line(text))


def _finite(value: object) -> object:
    """Return a value with null for every number in it that JSON cannot write."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(member) for name, member in value.items()}
        case list() | tuple():
            return [_finite(member) for member in value]
        case _:
            return value
