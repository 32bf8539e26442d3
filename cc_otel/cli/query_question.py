"""The command of a question that needs nothing but its header."""

from itertools import islice
from typing import Any, Final

import click

from cc_otel.cli.common import say, with_settings
from cc_otel.cli.query_options import ROWS_MAX, parameters_of, values_of
from cc_otel.cli.query_output import (
    COUNTED_MAX,
    columns_of,
    for_people,
    format_options,
    print_for_programs,
    print_table,
    say_if_cut,
)
from cc_otel.cli.query_reading import reading, with_short_ids, with_whole_id
from cc_otel.config import Home, Settings
from cc_otel.graph.derived.rules import SENTENCES
from cc_otel.graph.queries import catalogue
from cc_otel.graph.queries.catalogue import NamedQuery
from cc_otel.graph.store import Query
from cc_otel.graph.words import BadWords

_MORE: Final = "Columns: {}."


def command_of(name: str) -> click.Command:
    """Return the command that asks a named query: options, help and columns are those of its header."""
    query = catalogue.named(name)

    @with_settings("store", "arango_password_file")
    @format_options(query)
    def ask(home: Home, settings: Settings, form: str | None, ids: bool = False, **given: Any) -> None:
        _ask(query, home, settings, form, ids, given)

    command = click.command(name, help=f"{query.help}\n\n{_MORE.format(', '.join(query.columns))}")(ask)
    own = list(parameters_of(query))
    if {"trace_id", "span_id"} <= {*query.columns}:
        own.append(click.Option(["--ids"], is_flag=True, help="Show the name of each span, too."))
    command.params = own + command.params
    return command


def _ask(query: NamedQuery, home: Home, settings: Settings, form: str | None, ids: bool, given: dict[str, Any]) -> None:
    with reading(home, settings) as store:
        wanted = with_whole_id(store, home, settings, values_of(query, given))
        limit = wanted.get("limit")
        if limit is not None:
            # Some more than are shown, to say of how many.
            wanted["limit"] = min(limit + COUNTED_MAX, ROWS_MAX)
        try:
            asked = store.query(Query(query.name, wanted))
        except BadWords as error:
            raise click.UsageError(str(error)) from error
        rows = list(islice(asked, limit))
        found = len(rows) + sum(1 for _ in asked)
        shown = [] if form else with_short_ids(store, rows)
    if form:
        print_for_programs(rows, form, query.columns)
        return
    print_table([*map(for_people, shown)], columns_of(query, shown, ids=ids))
    say_if_cut(len(rows), found)
    for rule in dict.fromkeys(str(row["rule"]) for row in rows if row.get("rule")):
        if sentence := SENTENCES.get(rule):
            say(f"{rule}: {sentence}")
