"""The command that lists the settings."""

import os
import re
from dataclasses import asdict
from typing import Any, Final

import click

from cc_otel.cli.common import Flags, fail, json_option, print_json, with_flags
from cc_otel.config import SETTINGS, BadSettings, Home, Settings, resolve, variable

ADDRESSES: Final = {"exporter_otlp_endpoint", "exporter_otlp_traces_endpoint", "store", "jaeger_url"}
_ON_DISK: Final = re.compile("(?:sqlite|unix):")
_ACCOUNT: Final = re.compile(r"\A([\w+.-]+://)?.*@", re.DOTALL)


@click.command()
@with_flags()
@json_option
def settings(home: Home, flags: Flags, as_json: bool) -> None:
    """List all settings, their values and what they are for."""
    trouble = ""
    try:
        found = resolve(home, flags, os.environ)
    except BadSettings as error:
        found, trouble = Settings(), str(error)
    rows = [_row(name, value) for name, value in asdict(found).items()]
    if as_json:
        print_json(rows)
    else:
        click.echo(f"{'The defaults' if trouble else f'From flags, CC_OTEL_* and {home.config}, in this order'}.\n")
        for row in rows:
            click.echo(f"{row['name']} = {row['value']!r}\n    {row['help']} [{row['variable']}]")
    if trouble:
        fail(f"these are the defaults, because of {trouble}")


def _row(name: str, value: object) -> dict[str, Any]:
    metadata = SETTINGS[name].metadata
    shown = "(set)" if metadata["secret"] and value else value
    if name in ADDRESSES:
        shown = without_secrets(str(value))
    return {"name": name, "variable": variable(name), "value": shown, "help": metadata["help"]}


def without_secrets(address: str) -> str:
    """Return an address without what it says beside where it leads: an account, and a query."""
    if _ON_DISK.match(address):
        return address
    # A password may hold any character before it is validated: all up to the last @ is the account.
    return re.sub(r"\?.*", "?(set)", _ACCOUNT.sub(r"\1(set)@", address), flags=re.DOTALL)
