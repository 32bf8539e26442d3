"""What the hook starts, by the home's ``start``: ``autostart``."""

import click

from cc_otel.cli.commands import COMMANDS, RUNNING
from cc_otel.cli.common import with_settings
from cc_otel.config import Home, Settings
from cc_otel.spool import Spool


@click.command(hidden=True)
@with_settings("autostart")
def autostart(home: Home, settings: Settings) -> None:
    """Start what the setting autostart says. The hook runs this; there is no need to type it."""
    # Whether anything starts or not: the spool's limit must hold also while no agent takes events from it.
    Spool(home.spool, settings.spool_max_mb << 20).keep_limit()
    for entry in COMMANDS:
        if entry.name == settings.autostart and entry.section == RUNNING:
            entry.load().main(["--home", str(home.path)], prog_name=f"cc-otel {entry.name}")
