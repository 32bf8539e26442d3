"""The command that removes what has expired from the graph: ``prune``."""

import time
from contextlib import closing

import click

from cc_otel.cli.common import fail, json_option, print_json, with_settings
from cc_otel.cli.compose.store import open_store
from cc_otel.config import Home, Settings
from cc_otel.graph.store import StoreUnavailable


@click.command()
@with_settings("store", "arango_password_file")
@click.option("--ahead", default=0.0, metavar="DAYS", help="Remove what will expire within so many days, too.")
@click.option("--dry-run", is_flag=True, help="Remove nothing: count what would go.")
@json_option
def prune(home: Home, settings: Settings, ahead: float, dry_run: bool, as_json: bool) -> None:
    """
    Remove what is older than it is to be kept (retention_days) from the graph.

    Edges go with their spans. A running graph-exporter does the same by itself, every so often.
    """
    now_s = time.time() + ahead * 86_400
    try:
        with closing(open_store(home, settings)) as store:
            if not dry_run:
                store.prepare()
            counts = store.prune(now_s, dry_run=dry_run)
    except StoreUnavailable as error:
        fail(str(error))
    if as_json:
        print_json(dict(counts))
        return
    click.echo(("Would remove " if dry_run else "Removed ") + ", ".join(f"{n} {what}" for what, n in counts.items()))
