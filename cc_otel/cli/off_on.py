"""The commands that pause and resume recording: ``off`` and ``on``."""

import click

from cc_otel.cli.common import home_option
from cc_otel.cli.compose.home import prepare_home
from cc_otel.config import Home


@click.command()
@home_option
def off(home: Home) -> None:
    """Pause recording for this home, until `cc-otel on`."""
    prepare_home(home)
    home.off.touch(mode=0o600)
    click.echo("Recording is off. `cc-otel on` resumes.")


@click.command()
@home_option
def on(home: Home) -> None:
    """Resume recording."""
    home.off.unlink(missing_ok=True)
    click.echo("Recording is on.")
