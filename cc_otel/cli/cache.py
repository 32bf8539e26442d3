"""The commands that look after kept summaries: ``cache stats`` and ``cache clear``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from cc_otel.agent.summary.cache import CacheUnavailable, SharedCache
from cc_otel.agent.summary.plan import open_cache
from cc_otel.cli.commands import Group
from cc_otel.cli.common import fail, json_option, print_json, with_settings
from cc_otel.cli.compose.home import prepare_home
from cc_otel.cli.compose.summaries import cache_plan
from cc_otel.config import Home, Settings


@click.group(cls=Group)
def cache() -> None:
    """Look after the summaries that models have written."""


@cache.command()
@with_settings("cache_url")
@json_option
def stats(home: Home, settings: Settings, as_json: bool) -> None:
    """Show how many summaries are kept, where, and since when."""
    with _opened(home, settings) as opened:
        found = opened.stats()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        since = time.strftime(" since %F", time.localtime(one.oldest_s)) if one.oldest_s else ""
        click.echo(f"{one.name}: {one.sentences} summaries, {one.size_bytes / 1e6:.1f} MB{since}")


@cache.command()
@with_settings("cache_url")
@json_option
def clear(home: Home, settings: Settings, as_json: bool) -> None:
    """Delete all kept summaries. Spans keep theirs."""
    with _opened(home, settings) as opened:
        count = opened.clear()
    if as_json:
        print_json({"cleared": count})
    else:
        click.echo(f"{count} summaries deleted.")


@contextmanager
def _opened(home: Home, settings: Settings) -> Iterator[SharedCache]:
    prepare_home(home)
    try:
        opened = open_cache(cache_plan(home, settings))
        try:
            yield opened
        finally:
            opened.close()
    except CacheUnavailable as error:
        fail(str(error))
