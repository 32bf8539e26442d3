"""The command that serves the page: ``ui``."""

import re
from typing import Final
from urllib.parse import urlsplit

import click

from cc_otel.cli.common import with_settings
from cc_otel.cli.compose.page import HERE, Place, page_at_work
from cc_otel.cli.logs import log_to
from cc_otel.cli.serving import stop_on_signals, until_stopped
from cc_otel.config import UI_PORT, Home, Settings

_LISTEN: Final = re.compile(r"(?:\[([0-9a-fA-F:]+)\]|([\w.-]+)):(\d{1,5})")


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, int | None]:
    if value is None:
        return HERE, None
    found = _LISTEN.fullmatch(value)
    if found is None or int(found[3]) > 65_535:
        raise click.BadParameter("write HOST:PORT")
    return found[1] or found[2], int(found[3])


def _url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
        raise click.BadParameter("write http://HOST[:PORT] or https://HOST[:PORT]")
    return value


@click.command()
@with_settings("store", "arango_password_file", "log_level")
@click.option(
    "--listen",
    callback=_address,
    metavar="HOST:PORT",
    help=f"Where to listen. Default: 127.0.0.1:{UI_PORT}, or the next free port.",
)
@click.option(
    "--public-url", callback=_url, default="", help="The address a browser has for it, where a port is forwarded."
)
@click.option(
    "--accept-events",
    is_flag=True,
    help="Take POST /events without the token, as the first dashboard's hooks send them.",
)
def ui(home: Home, settings: Settings, listen: tuple[str, int | None], public_url: str, accept_events: bool) -> None:
    """
    Show it all in a browser: what sessions do, and what they did.

    Prints the address with its token; who has it may read. It only reads: nothing that records depends on it.
    """
    stop = stop_on_signals()
    log_to(home.log.with_name("ui.log"), settings.log_level)
    with page_at_work(home, settings, Place(*listen, public_url, accept_events)) as page:
        click.echo(f"The page is at {page.url}")
        click.echo("Stop with Ctrl-C.")
        until_stopped(stop, page.alive)
