"""The questions in AQL: printed to be pasted, or saved among the queries of ArangoDB's web interface."""

import json
from contextlib import closing
from typing import Final

import click

from cc_otel.cli.common import Flags, fail, resolved, say
from cc_otel.cli.compose.store import open_store
from cc_otel.cli.query_options import ROWS
from cc_otel.cli.table import counted
from cc_otel.config import Home
from cc_otel.graph.queries import catalogue
from cc_otel.graph.queries.catalogue import Scalar
from cc_otel.graph.store import SavesQueries, StoreUnavailable
from cc_otel.text import squeezed

_PREFIX: Final = "cc_otel "
"""What the names of our saved queries begin with."""


def print_aql(name: str) -> None:
    """Print a question in AQL, with its bind parameters."""
    click.echo(f"// Bind parameters: {json.dumps(_bound(_known(name)))}\n{_text(name).rstrip()}")


def save_aql(home: Home, flags: Flags, name: str | None) -> None:
    """Save one question, or all, among the saved queries of the user that the store's address names."""
    names = [_known(name)] if name else [it for it in catalogue.names("aql") if catalogue.named(it).has_command]
    with closing(open_store(home, resolved(home, flags))) as store:
        if not isinstance(store, SavesQueries):
            fail("saved queries are ArangoDB's: name the store with --store arangodb+https://USER@HOST:8529/DATABASE")
        try:
            others = store.save_queries({f"{_PREFIX}{it}": (_text(it), _bound(it)) for it in names})
        except StoreUnavailable as error:
            fail(squeezed(str(error)))
    saved = counted(len(names) - len(others), "saved query").replace("querys", "queries")
    say(f"{saved}, named '{_PREFIX}…', in the query editor of ArangoDB 3.12; the server of 4.x has no web interface.")
    if others:
        say(f"Left alone, because something else has that name: {', '.join(others)}.")


def _known(name: str) -> str:
    if name not in catalogue.names("aql"):
        raise click.BadParameter(f"no query is called {name!r}; there are {', '.join(catalogue.names('aql'))}")
    return name


def _text(name: str) -> str:
    return catalogue.text(name, "aql")


def _bound(name: str) -> dict[str, Scalar]:
    # AQL takes no null for a LIMIT.
    least = {"limit": ROWS}
    parameters = catalogue.named(name).parameters
    return {it.name: least.get(it.name) if it.default is None else it.default for it in parameters}
