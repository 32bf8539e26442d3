"""The questions that have a look of their own: trees, one span, sessions, traces, spans, files, cost."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

from cc_otel.cli.common import DAYS, Command, console, fail, not_nan, say, with_settings
from cc_otel.cli.query_options import ROWS_MAX, parameters_of
from cc_otel.cli.query_output import format_options, print_for_programs, print_table
from cc_otel.cli.query_reading import open_spans_of, reading, with_short_ids, with_whole_id
from cc_otel.cli.query_tree import tree
from cc_otel.cli.table import Column, Row, counted, dollars, duration, minute, moment, say_how_many
from cc_otel.cli.tree_view import whole
from cc_otel.config import Home, Settings
from cc_otel.graph.queries import catalogue
from cc_otel.graph.store import Query
from cc_otel.view.costs import GROUPINGS, costs, total
from cc_otel.view.session_list import Window, list_sessions

_SESSIONS: Final = (
    *(Column("session_id"), Column("last_active"), Column("state", "end"), Column("turns", spare=1)),
    *(Column("tools"), Column("errors"), Column("cost_usd"), Column("model", spare=3)),
    *(Column("folder", "start", spare=2), Column("prompt", "end")),
)
_SPANS: Final = (Column("began"), Column("session_id"), Column("took"), Column("name", "end"), Column("label", "end"))
_FAILED_SPANS: Final = (*_SPANS[:-1], Column("error", "end"), _SPANS[-1])
_TRACES: Final = (
    *(Column("trace_id"), Column("last_active", spare=1), Column("took", spare=2), Column("spans"), Column("errors")),
    *(Column("session_id", spare=3), Column("label", "end")),
)
_FILES: Final = (*map(Column, ("last", "reads", "edits", "writes", "errors")), Column("path", "start"))
_COSTS: Final = (
    *map(Column, ("calls", "input_tokens", "output_tokens")),
    *(Column("cache_read_tokens", spare=1), Column("cache_write_tokens", spare=2), Column("cost_usd")),
    Column("unpriced_calls", spare=3),
)
_CUT: Final = {"agent": "end", "label": "end", "project": "start"}


def _of_days(help_text: str) -> Callable[[Command], Command]:
    return click.option("--days", type=DAYS, callback=not_nan, default=7.0, show_default=True, help=help_text)


def _asked_as(name: str) -> Callable[[Any], click.Command]:
    """Make a command of a function, with the options that the header of its query describes, and a store to ask."""

    def decorate(function: Callable[..., None]) -> click.Command:
        described = catalogue.named(name)
        command = click.command(name)(
            with_settings("store", "arango_password_file")(format_options(described)(function))
        )
        own = {parameter.name for parameter in command.params}
        command.params = [*(it for it in parameters_of(described) if it.name not in own), *command.params]
        return command

    return decorate


@_asked_as("span")
def span(home: Home, settings: Settings, span: tuple[str, str], form: str | None) -> None:
    """
    Show one span with all its attributes.

    TRACE-SPAN is its key in the graph; `cc-otel query tree --ids` shows it.
    """
    trace_id, span_id = span
    with reading(home, settings) as store:
        row = next(store.query(Query("span", {"trace_id": trace_id, "span_id": span_id})), None)
    if row is None:
        fail(f"the graph has no span {trace_id}-{span_id}; an open one is in it when it has ended")
    if form:
        print_for_programs([row], form)
        return
    for line in whole(row):
        console().print(line)


@_asked_as("sessions")
def sessions(
    home: Home, settings: Settings, limit: int, form: str | None, since_ms: float | None, until_ms: float | None
) -> None:
    """
    List the sessions, the one that was active last first.

    One that waits for you says for what. "$1.50+" is a sum without some calls, whose price is unknown.
    """
    with reading(home, settings) as store:
        # A graph that others can reach may have sessions of other homes.
        all_here = not (settings.store or settings.graph_listen)
        window = Window(since_ms, until_ms)
        found = list_sessions(store, limit, open_spans_of(home, settings), all_here=all_here, window=window)
        rows = [it.to_json() for it in found.rows]
        shown = [] if form else [_session(row) for row in with_short_ids(store, rows)]
    if form:
        print_for_programs(rows, form)
        return
    print_table(shown, _SESSIONS)
    say_how_many(len(rows), found.total, "session")


@_asked_as("traces")
@_of_days("Only those that were active in the last days.")
def traces(home: Home, settings: Settings, days: float, form: str | None, **given: Any) -> None:
    """List the traces, the one that was active last first, also those that no session names."""
    limit = given["limit"]
    with reading(home, settings) as store:
        wanted = _within(days, given) | {"limit": min(limit + 1, ROWS_MAX)}
        rows: list[Row] = list(store.query(Query("traces", wanted)))
        shown = [] if form else [row | _when(row) for row in with_short_ids(store, rows[:limit])]
    if form:
        print_for_programs(rows[:limit], form)
        return
    print_table([{**row, "last_active": minute(row["active_ms"])} for row in shown], _TRACES)
    _say_if_more(rows, limit)


@_asked_as("spans")
def spans(home: Home, settings: Settings, form: str | None, **given: Any) -> None:
    """Find spans, the newest first."""
    limit = given["limit"]
    with reading(home, settings) as store:
        # One more than is shown, to know whether there is.
        wanted = with_whole_id(store, home, settings, given) | {"limit": min(limit + 1, ROWS_MAX)}
        rows: list[Row] = list(store.query(Query("spans", wanted)))
        shown = [] if form else [row | _when(row) | _failure(row) for row in with_short_ids(store, rows)]
    if form:
        print_for_programs(rows[:limit], form)
        return
    failed = any(row["status"] == "ERROR" for row in rows)
    print_table(shown[:limit], _FAILED_SPANS if failed else _SPANS)
    _say_if_more(rows, limit)


@_asked_as("files")
@_of_days("Only what was touched in the last days.")
def files(home: Home, settings: Settings, days: float, form: str | None, **given: Any) -> None:
    """List the files that were touched, the one touched last first."""
    limit = given["limit"]
    with reading(home, settings) as store:
        wanted = with_whole_id(store, home, settings, _within(days, given))
        rows: list[Row] = list(store.query(Query("files", wanted | {"limit": None})))
    if form:
        print_for_programs(rows[:limit], form)
        return
    print_table([{**row, "last": moment(row["last_ms"])} for row in rows[:limit]], _FILES)
    say_how_many(len(rows[:limit]), len(rows), "file")


@_asked_as("cost")
@_of_days("Only calls of the last days.")
@click.option("--by", type=click.Choice(list(GROUPINGS)), default="session", show_default=True, help="What a row is.")
def cost(home: Home, settings: Settings, days: float, by: str, form: str | None, **given: Any) -> None:
    """
    Sum up what model calls took: calls, tokens, dollars.

    Each call is counted once. Dollars are empty for models whose price is unknown.
    """
    with reading(home, settings) as store:
        found = costs(store, by, with_whole_id(store, home, settings, _within(days, given)))
        rows = [it.to_json() for it in found]
        shown = [] if form else [{**row, "cost_usd": dollars(row["cost_usd"])} for row in with_short_ids(store, rows)]
    if form:
        print_for_programs(rows, form)
        return
    amounts = total(found).amounts
    columns = (
        *(Column(name, _CUT.get(name, "")) for name in GROUPINGS[by]),
        *_COSTS[: None if amounts["unpriced_calls"] else -1],
    )
    print_table(shown, columns)
    if rows:
        say(_total(amounts))


KNOWN: Final[Mapping[str, click.Command]] = {
    str(command.name): command for command in (tree, span, sessions, traces, spans, files, cost)
}


def _within(days: float, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for, of the last days where no other time is named."""
    since = given.get("since_ms")
    return {**given, "since_ms": time.time() * 1000 - days * 86_400_000 if since is None else since}


def _say_if_more(rows: Sequence[Row], limit: int) -> None:
    if len(rows) > limit:
        say(f"These are the newest {limit}, and there are more: --limit shows them.")


def _session(row: Row) -> dict[str, Any]:
    waiting = f": {row['waiting_for']}" if row["waiting_for"] else ""
    cost = dollars(row["cost_usd"]) + "+" * bool(row["unpriced_calls"] and row["cost_usd"] is not None)
    state = f"{row['state'] or ''}{waiting}"
    return {**row, "last_active": minute(row["active_ms"]), "state": state, "cost_usd": cost}


def _total(amounts: Mapping[str, float | None]) -> str:
    """Return what all model calls took together, and how many have no price."""
    parts = [f"Total: {counted(int(amounts['calls'] or 0), 'model call')}"]
    if amounts["cost_usd"] is not None:
        parts.append(dollars(amounts["cost_usd"]))
    if unpriced := int(amounts["unpriced_calls"] or 0):
        parts.append(f"{counted(unpriced, 'call')} without a price")
    return ", ".join(parts)


def _failure(row: Row) -> dict[str, Any]:
    return {"error": (row["error_type"] or "error") if row["status"] == "ERROR" else ""}


def _when(row: Row) -> dict[str, Any]:
    return {"began": moment(row["start_ms"]), "took": duration(row["end_ms"] - row["start_ms"])}
