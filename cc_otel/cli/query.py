"""The commands that look into the graph: ``query`` and what can be asked."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from cc_otel.cli.common import DAYS, DOCTOR_SESSION, console, fail, json_option, not_nan, print_json, with_settings
from cc_otel.cli.compose import destination, open_store, with_content
from cc_otel.cli.tree_view import duration, printable, trees, whole
from cc_otel.config import Home, Settings

if TYPE_CHECKING:
    from cc_otel.agent.describe import SpanSource
    from cc_otel.graph.store import GraphStore

Row = dict[str, Any]

ROWS: Final = 20
_GROUPS: Final = {
    "session": ("session_id",),
    "turn": ("session_id", "trace_id"),
    "agent": ("session_id", "agent", "label"),
    "model": ("model",),
}
_SUMMED: Final = ("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd")
SESSION_CHARS: Final = 8
"""How much of a session's id a table shows: the beginning is enough for every command."""

_CUT: Final = {"label", "name", "error", "path", "agent"}
"""Columns that are cut where the line ends; others are of no use in parts."""

_KINDS: Final = ("turn", "subagent", "tool", "chat", "session", "compact", "hook", "span")
_at_most = click.option(
    "--limit", type=click.IntRange(min=1), default=ROWS, show_default=True, help="How many at most."
)

_TRACE_ID: Final = re.compile("[0-9a-f]{32}")
_SPAN_KEY: Final = re.compile("([0-9a-f]{32})-([0-9a-f]{16})")


@click.group()
def query() -> None:
    """Ask the graph what happened, and what it cost."""


@query.command()
@click.argument("what", metavar="SESSION|TRACE|last")
@with_settings("store", "arango_password_file")
@click.option("--all", "everything", is_flag=True, help="Show every hook event, also those that tell nothing new.")
@click.option("--ids", is_flag=True, help="Show the name by which `cc-otel query span` knows each span.")
@json_option
def tree(home: Home, settings: Settings, what: str, everything: bool, ids: bool, as_json: bool) -> None:
    """
    Show a session or a trace as a tree of spans, also those that are going on.

    A session may be named by its beginning; `last` is the newest one, doctor's own aside.
    """
    with _reading(home, settings) as store:
        rows = list(tree_rows(store, what, open_rows(home, settings)))
    if not rows:
        fail(f"nothing is known of {what!r}; `cc-otel query sessions` lists what is")
    if as_json:
        for row in rows:
            print_json(row)
        return
    terminal = console()
    for drawn in trees(rows, everything=everything, ids=ids):
        terminal.print(drawn)


def tree_rows(store: "GraphStore", what: str, running: Sequence[Row] = ()) -> Iterator[Row]:
    """Give the spans of a trace, or of all traces of a session; what is ``running`` is in no store yet."""
    from cc_otel.graph.store import Query

    if _TRACE_ID.fullmatch(what):
        yield from store.query(Query("tree", {"trace_id": what}))
        yield from (row for row in running if row["trace_id"] == what)
        return
    session_id = _session_named(store, what, running)
    for trace in store.query(Query("session_traces", {"session_id": session_id})):
        yield from store.query(Query("tree", {"trace_id": str(trace["trace_id"])}))
    yield from (row for row in running if row["session_id"] == session_id)


def open_rows(home: Home, settings: Settings) -> list[Row]:
    """Give the spans of this home that are going on, like rows of the ``tree`` query; ``open`` tells them apart."""
    from cc_otel.journal.journal import Journal, JournalUnavailable
    from cc_otel.view.open_spans import unfinished

    if not home.journal.exists():
        return []
    now_ms = time.time() * 1000
    try:
        with closing(Journal(home.journal)) as journal:
            found = unfinished(journal)
    except JournalUnavailable as error:
        fail(str(error))
    told = with_content(settings, destination(home, settings))
    return [_open_row(finding, now_ms, with_content=told) for finding in found]


def _open_row(finding: "SpanSource", now_ms: float, *, with_content: bool) -> Row:
    from cc_otel.agent.describe import name_of
    from cc_otel.agent.summary.rules.sentence import by_rule
    from cc_otel.agent.tree import Role

    span = finding.draft
    start_ms = span.start_ns / 1e6
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "depth": None,
        # As the graph will call it.
        "kind": str(Role.HOOK if span.role is Role.WAIT else span.role),
        "name": name_of(span),
        "tool": span.event.tool_name or None,
        "label": by_rule(finding, with_content=with_content).text,
        "status": "UNSET",
        "error_type": None,
        "session_id": span.event.session_id,
        "start_ms": start_ms,
        "end_ms": None,
        "duration_ms": max(now_ms - start_ms, 0.0),
        "open": True,
    }


def _whole_ids(store: "GraphStore", wanted: Row) -> Row:
    """Give the parameters with the session's whole id, where its beginning names one."""
    session_id = wanted.get("session_id")
    return wanted | {"session_id": _session_named(store, session_id, ())} if session_id else wanted


def _session_named(store: "GraphStore", what: str, running: Sequence[Row]) -> str:
    from cc_otel.graph.store import Query

    if next(store.query(Query("session_traces", {"session_id": what})), None):
        return what
    stored = list(store.query(Query("sessions", {"limit": 2 if what == "last" else None})))
    # Where recording began in the middle of a session, there may be nothing of it in the store yet.
    began = {str(row["session_id"]): row["start_ms"] for row in (*reversed(running), *stored)}
    if what == "last":
        began.pop(DOCTOR_SESSION, None)
        return max(began, key=began.__getitem__, default=what)
    named = [session for session in began if session.startswith(what)]
    if len(named) > 1:
        fail(f"{len(named)} sessions begin with {what!r}: {', '.join(named[:5])}")
    return named[0] if named else what


@query.command()
@click.argument("name", metavar="TRACE-SPAN")
@with_settings("store", "arango_password_file")
@json_option
def span(home: Home, settings: Settings, name: str, as_json: bool) -> None:
    """
    Show one span with everything it says.

    TRACE-SPAN is its key in the graph; `cc-otel query tree --ids` shows it.
    """
    from cc_otel.graph.store import Query

    ids = _SPAN_KEY.fullmatch(name)
    if ids is None:
        fail(
            f"{name!r} is no span: give its trace id, a dash and its span id, as `cc-otel query tree --ids` shows them"
        )
    with _reading(home, settings) as store:
        row = next(store.query(Query("span", {"trace_id": ids[1], "span_id": ids[2]})), None)
    if row is None:
        fail(f"the graph has no span {name}; one that goes on is in it when it has ended")
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
    """List the sessions, the newest first."""
    from cc_otel.graph.store import Query

    with _reading(home, settings) as store:
        rows = list(store.query(Query("sessions", {"limit": limit})))
    columns = ("session_id", "began", "took", "turns", "tools", "errors", "spans")
    _print_rows(rows, columns, _when, as_json=as_json)


@query.command()
@with_settings("store", "arango_password_file")
@click.option("--session", "session_id", help="Only of this session; the beginning of its id is enough.")
@click.option("--trace", "trace_id", help="Only of this trace.")
@click.option("--name", help="Only with this name.")
@click.option("--kind", type=click.Choice(_KINDS, case_sensitive=False), help="Only of this kind.")
@click.option("--tool", help="Only of this tool.")
@click.option(
    "--status", type=click.Choice(("ERROR", "UNSET", "OK"), case_sensitive=False), help="Only with this status."
)
@click.option("--text", help="Only with this text in the summary or the command.")
@_at_most
@json_option
def spans(home: Home, settings: Settings, as_json: bool, **wanted: Any) -> None:
    """Find spans, the newest first."""
    from cc_otel.graph.store import Query

    with _reading(home, settings) as store:
        rows = list(store.query(Query("spans", _whole_ids(store, wanted))))
    errors = ("error",) if any(row["status"] == "ERROR" for row in rows) else ()
    columns = ("began", "session_id", "took", "name", *errors, "label")
    _print_rows(rows, columns, lambda row: _when(row) | _failure(row), as_json=as_json)


@query.command()
@with_settings("store", "arango_password_file")
@click.option("--session", "session_id", help="Only of this session; the beginning of its id is enough.")
@click.option("--trace", "trace_id", help="Only of this trace.")
@click.option(
    "--days",
    type=DAYS,
    callback=not_nan,
    default=7.0,
    show_default=True,
    help="Only what was touched in the last days.",
)
@_at_most
@json_option
def files(home: Home, settings: Settings, days: float, as_json: bool, **wanted: Any) -> None:
    """List the files that were touched, the one touched last first."""
    from cc_otel.graph.store import Query

    with _reading(home, settings) as store:
        rows: list[Row] = list(store.query(Query("files", {**_whole_ids(store, wanted), "since_ms": _since_ms(days)})))
    columns = ("last", "reads", "edits", "writes", "errors", "path")
    _print_rows(rows, columns, lambda row: {"last": _moment(row["last_ms"])}, as_json=as_json)


@query.command()
@with_settings("store", "arango_password_file")
@click.option("--session", "session_id", help="Only of this session; the beginning of its id is enough.")
@click.option("--trace", "trace_id", help="Only of this trace.")
@click.option(
    "--days", type=DAYS, callback=not_nan, default=7.0, show_default=True, help="Only calls of the last days."
)
@click.option("--by", type=click.Choice(list(_GROUPS)), default="session", show_default=True, help="What a row is.")
@json_option
def cost(home: Home, settings: Settings, days: float, by: str, as_json: bool, **wanted: Any) -> None:
    """
    Sum up what model calls took: calls, tokens, dollars.

    Each call is counted once. Dollars are LiteLLM's prices; a model it does not know has none.
    """
    from cc_otel.graph.store import Query

    with _reading(home, settings) as store:
        rows = _sums(
            store.query(Query("cost", {**_whole_ids(store, wanted), "since_ms": _since_ms(days)})), _GROUPS[by]
        )
    columns = (*_GROUPS[by], *_SUMMED)
    _print_rows(rows, columns, lambda row: {"cost_usd": _dollars(row["cost_usd"])}, as_json=as_json)


def _sums(rows: Iterable[dict[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        group = tuple(row[key] for key in keys)
        total = sums.setdefault(
            group, dict(zip(keys, group, strict=True)) | dict.fromkeys(_SUMMED, 0) | {"cost_usd": None}
        )
        for name in _SUMMED:
            if row[name] is not None:
                total[name] = round((total[name] or 0) + row[name], 9)
    return list(sums.values())


def _dollars(amount: float | None) -> str:
    return "" if amount is None else f"${amount:.4f}"


@contextmanager
def _reading(home: Home, settings: Settings) -> Iterator["GraphStore"]:
    """Open the store for questions; fail in words where it cannot answer."""
    from cc_otel.graph.store import StoreUnavailable

    if not settings.store and not home.graph.exists():
        fail(f"there is no graph in {home.path} yet: start `cc-otel up`, or try `cc-otel demo`")
    try:
        with closing(open_store(home, settings)) as store:
            yield store
    except StoreUnavailable as error:
        fail(str(error))


def _failure(row: Row) -> Row:
    return {"error": (row["error_type"] or "error") if row["status"] == "ERROR" else ""}


def _since_ms(days: float) -> int:
    return int((time.time() - days * 86_400) * 1000)


def _moment(at_ms: float) -> str:
    return time.strftime("%F %T", time.localtime(at_ms / 1000))


def _when(row: Row) -> Row:
    return {"began": _moment(row["start_ms"]), "took": duration(row["end_ms"] - row["start_ms"])}


def _print_rows(rows: Sequence[Row], columns: tuple[str, ...], shown: Callable[[Row], Row], *, as_json: bool) -> None:
    """Print rows whole for programs; for people as a table of these columns, some of them as they are ``shown``."""
    if not as_json:
        _print_table(columns, [row | shown(row) for row in rows])
        return
    for row in rows:
        print_json(row)


def _print_table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo("Nothing found.")
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        numbers = isinstance(rows[0].get(column), int | float)
        # What may not wrap keeps its width: only columns that may be cut get narrower.
        table.add_column(
            column.removesuffix("_id").replace("_", " "),
            justify="right" if numbers else "left",
            no_wrap=column not in _CUT,
        )
    for row in rows:
        cells = (printable(_cell(column, row)) for column in columns)
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    console().print(table)


def _cell(column: str, row: Row) -> str:
    value = row.get(column)
    if column == "session_id":
        return str(value or "")[:SESSION_CHARS]
    if value is None:
        return ""
    return f"{value:,.0f}" if isinstance(value, float) else str(value)
