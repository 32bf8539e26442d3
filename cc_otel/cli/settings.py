"""The command that lists the settings."""

from dataclasses import asdict
from typing import Any

import click

from cc_otel.cli.common import json_option, print_json, with_settings
from cc_otel.config import SETTINGS, Home, Settings, variable


@click.command()
@with_settings()
@json_option
def settings(home: Home, settings: Settings, as_json: bool) -> None:
    """List all settings: name, variable, value in force, and what it is for."""
    rows = [_row(name, value) for name, value in asdict(settings).items()]
    if as_json:
        print_json(rows)
        return
    click.echo(f"From flags, CC_OTEL_* and {home.config}, in this order.\n")
    for row in rows:
        click.echo(f"{row['name']} = {row['value']!r}\n    {row['help']} [{row['variable']}]")


def _row(name: str, value: object) -> dict[str, Any]:
    metadata = SETTINGS[name].metadata
    shown = "(set)" if metadata["secret"] and value else value
    return {"name": name, "variable": variable(name), "value": shown, "help": metadata["help"]}
