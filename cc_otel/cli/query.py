"""The commands that read the graph: ``query`` and what can be asked."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import click

from cc_otel.cli.common import DAYS, Command, console, fail, json_option, not_nan, print_json, say, with_settings
from cc_otel.cli.compose.sending import destination, with_content
from cc_otel.cli.compose.store import open_store
from cc_otel.cli.table import Column, Row, counted, dollars, duration, minute, moment, print_rows, say_how_many
from cc_otel.cli.tree_view import trees, whole
from cc_otel.config import Home, Settings
from cc_otel.graph.store import GraphStore, Query, StoreUnavailable
from cc_otel.journal.database import JournalUnavailable
from cc_otel.text import squeezed
from cc_otel.view.costs import GROUPINGS, costs, total
from cc_otel.view.open_spans import open_spans
from cc_otel.view.session_list import list_sessions
from cc_otel.view.sessions import Ambiguous, NoSuchSession, session_named, short_ids
from cc_otel.view.trees import TreeSpan, spans_of

ROWS: Final = 20
ROWS_MAX: Final = 2**63 - 1
"""The largest number that a store takes."""

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
_CUT: Final = {"agent": "end", "label": "end"}
_KINDS: Final = ("turn", "subagent", "tool", "chat", "session", "compact", "hook", "span")
_STATUSES: Final = ("ERROR", "UNSET", "OK")
_SPAN_KEY: Final = re.compile("([0-9a-f]{32})-([0-9a-f]{16})")

_at_most = click.option(
    "--limit", type=click.IntRange(1, ROWS_MAX), default=ROWS, show_default=True, help="How many at most."
)
_of_session = click.option("--session", "session_id", help="Only of this session; the beginning of its id is enough.")
_of_trace = click.option("--trace", "trace_id", help="Only of this trace.")


def _of_days(help_text: str) -> Callable[[Command], Command]:
    return click.option("--days", type=DAYS, callback=not_nan, default=7.0, show_default=True, help=help_text)


@click.group()
def query() -> None:
    """Ask what happened, what failed, and what it cost."""


@query.command()
@click.argument("what", metavar="SESSION|TRACE|last")
@with_settings("store", "arango_password_file")
@click.option("--all", "everything", is_flag=True, help="Show every hook event, also those without news.")
@click.option("--ids", is_flag=True, help="Show the name by which `cc-otel query span` knows each span.")
@json_option
def tree(home: Home, settings: Settings, what: str, everything: bool, ids: bool, as_json: bool) -> None:
    """
    Show a session or a trace as a tree of spans, with those that are still open.

    A session may be named by its beginning; `last` is the newest one, doctor's own aside.
    """
    with _reading(home, settings) as store:
        spans = spans_of(store, what, _open_spans(home, settings))
    if as_json:
        for it in spans:
            print_json(it.to_json())
        return
    terminal = console()
    for drawn in trees(spans, everything=everything, ids=ids):
        terminal.print(drawn)


@query.command()
@click.argument("name", metavar="TRACE-SPAN")
@with_settings("store", "arango_password_file")
@json_option
def span(home: Home, settings: Settings, name: str, as_json: bool) -> None:
    """
    Show one span with all its attributes.

    TRACE-SPAN is its key in the graph; `cc-otel query tree --ids` shows it.
    """
    ids = _SPAN_KEY.fullmatch(name)
    if ids is None:
        fail(
            f"{name!r} is no span: give its trace id, a dash and its span id, as `cc-otel query tree --ids` shows them"
        )
    with _reading(home, settings) as store:
        row = next(store.query(Query("span", {"trace_id": ids[1], "span_id": ids[2]})), None)
    if row is None:
        fail(f"the graph has no span {name}; an open one is in it when it has ended")
    if as_json:
        print_json(row)
        return
    for line in whole(row):
        console().print(line)


@query.command()
@with_settings("store", "arango_password_file")
@_at_most
@json_option
def sessions(home: Home, settings: Settings, limit: int, as_json: bool) -> None:
    """
    List the sessions, the one that was active last first.

    One that waits for you says for what. "$1.50+" is a sum without some calls, whose price is unknown.
    """
    with _reading(home, settings) as store:
        # A graph that others can reach may have sessions of other homes.
        all_here = not (settings.store or settings.graph_listen)
        found = list_sessions(store, limit, _open_spans(home, settings), all_here=all_here)
        rows = [it.to_json() for it in found.rows]
        shown = [] if as_json else [_session(row) for row in _with_short_ids(store, rows)]
    print_rows(rows, as_json=as_json, shown=shown, columns=_SESSIONS)
    if not as_json:
        say_how_many(len(rows), found.total, "session")


@query.command()
@with_settings("store", "arango_password_file")
@_of_days("Only those that were active in the last days.")
@_at_most
@json_option
def traces(home: Home, settings: Settings, days: float, limit: int, as_json: bool) -> None:
    """List the traces, the one that was active last first, also those that no session names."""
    with _reading(home, settings) as store:
        wanted = {"since_ms": _since_ms(days), "limit": min(limit + 1, ROWS_MAX)}
        rows: list[Row] = list(store.query(Query("traces", wanted)))
        shown = [] if as_json else [row | _when(row) for row in _with_short_ids(store, rows[:limit])]
    shown = [{**row, "last_active": minute(row["active_ms"])} for row in shown]
    print_rows(rows[:limit], as_json=as_json, shown=shown, columns=_TRACES)
    _say_if_more(rows, limit, as_json=as_json)


@query.command()
@with_settings("store", "arango_password_file")
@_of_session
@_of_trace
@click.option("--name", help="Only with this name.")
@click.option("--kind", type=click.Choice(_KINDS, case_sensitive=False), help="Only of this kind.")
@click.option("--tool", help="Only of this tool.")
@click.option("--status", type=click.Choice(_STATUSES, case_sensitive=False), help="Only with this status.")
@click.option("--text", help="Only with this text in the summary or the command.")
@_at_most
@json_option
def spans(home: Home, settings: Settings, limit: int, as_json: bool, **wanted: Any) -> None:
    """Find spans, the newest first."""
    with _reading(home, settings) as store:
        # One more than is shown, to know whether there is.
        wanted = _with_whole_id(store, home, settings, wanted) | {"limit": min(limit + 1, ROWS_MAX)}
        rows: list[Row] = list(store.query(Query("spans", wanted)))
        shown = [] if as_json else [row | _when(row) | _failure(row) for row in _with_short_ids(store, rows)]
    failed = any(row["status"] == "ERROR" for row in rows)
    print_rows(rows[:limit], as_json=as_json, shown=shown[:limit], columns=_FAILED_SPANS if failed else _SPANS)
    _say_if_more(rows, limit, as_json=as_json)


@query.command()
@with_settings("store", "arango_password_file")
@_of_session
@_of_trace
@_of_days("Only what was touched in the last days.")
@_at_most
@json_option
def files(home: Home, settings: Settings, days: float, limit: int, as_json: bool, **wanted: Any) -> None:
    """List the files that were touched, the one touched last first."""
    with _reading(home, settings) as store:
        wanted = _with_whole_id(store, home, settings, wanted)
        rows: list[Row] = list(store.query(Query("files", wanted | {"since_ms": _since_ms(days)})))
    shown = [{**row, "last": moment(row["last_ms"])} for row in rows[:limit]]
    print_rows(rows[:limit], as_json=as_json, shown=shown, columns=_FILES)
    if not as_json:
        say_how_many(len(shown), len(rows), "file")


@query.command()
@with_settings("store", "arango_password_file")
@_of_session
@_of_trace
@_of_days("Only calls of the last days.")
@click.option("--by", type=click.Choice(list(GROUPINGS)), default="session", show_default=True, help="What a row is.")
@json_option
def cost(home: Home, settings: Settings, days: float, by: str, as_json: bool, **wanted: Any) -> None:
    """
    Sum up what model calls took: calls, tokens, dollars.

    Each call is counted once. Dollars are empty for models whose price is unknown.
    """
    with _reading(home, settings) as store:
        wanted = _with_whole_id(store, home, settings, wanted)
        found = costs(store, by, wanted | {"since_ms": _since_ms(days)})
        rows = [it.to_json() for it in found]
        shown = (
            [] if as_json else [{**row, "cost_usd": dollars(row["cost_usd"])} for row in _with_short_ids(store, rows)]
        )
    amounts = total(found).amounts
    columns = (
        *(Column(name, _CUT.get(name, "")) for name in GROUPINGS[by]),
        *_COSTS[: None if amounts["unpriced_calls"] else -1],
    )
    print_rows(rows, as_json=as_json, shown=shown, columns=columns)
    if rows and not as_json:
        say(_total(amounts))


@contextmanager
def _reading(home: Home, settings: Settings) -> Iterator[GraphStore]:
    """Open the store to be asked; fail with a message where it cannot answer, or nothing has that name."""
    if not settings.store and not home.graph.exists():
        fail(f"there is no graph in {home.path} yet: start `cc-otel up`, or try `cc-otel demo`")
    try:
        with closing(open_store(home, settings)) as store:
            yield store
    except NoSuchSession as error:
        fail(squeezed(f"{error}; `cc-otel query sessions` lists what is"))
    except (StoreUnavailable, JournalUnavailable, Ambiguous) as error:
        fail(squeezed(str(error)))


def _open_spans(home: Home, settings: Settings) -> Sequence[TreeSpan]:
    quoting = with_content(settings, destination(home, settings))
    return open_spans(home.journal, time.time() * 1000, with_content=quoting)


def _with_whole_id(store: GraphStore, home: Home, settings: Settings, wanted: Row) -> dict[str, Any]:
    """Return a query's parameters with the session's whole id, where its beginning was given."""
    what = wanted.get("session_id")
    if not what:
        return {**wanted}
    try:
        session_id = session_named(store, what)
    except NoSuchSession:
        # It may be so new that nothing of it has been delivered.
        session_id = session_named(store, what, _open_spans(home, settings))
    return {**wanted, "session_id": session_id}


def _with_short_ids(store: GraphStore, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows with sessions' ids as short as every command still knows them."""
    short = short_ids(store, [row["session_id"] for row in rows if row.get("session_id")])
    return [{**row, "session_id": short.get(row.get("session_id") or "", "")} for row in rows]


def _say_if_more(rows: Sequence[Row], limit: int, *, as_json: bool) -> None:
    if len(rows) > limit and not as_json:
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


def _since_ms(days: float) -> int:
    return int((time.time() - days * 86_400) * 1000)


def _when(row: Row) -> dict[str, Any]:
    return {"began": moment(row["start_ms"]), "took": duration(row["end_ms"] - row["start_ms"])}
