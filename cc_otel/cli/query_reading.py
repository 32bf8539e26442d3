"""How a command reads the graph: the store opened, and sessions named by the beginnings of their ids."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from cc_otel.cli.common import fail
from cc_otel.cli.compose.sending import destination, with_content
from cc_otel.cli.compose.store import open_store
from cc_otel.cli.table import Row
from cc_otel.config import Home, Settings
from cc_otel.graph.store import GraphStore, StoreUnavailable
from cc_otel.journal.database import JournalUnavailable
from cc_otel.text import squeezed
from cc_otel.view.open_spans import open_spans
from cc_otel.view.sessions import Ambiguous, NoSuchSession, session_named, short_ids
from cc_otel.view.trees import TreeSpan


@contextmanager
def reading(home: Home, settings: Settings) -> Iterator[GraphStore]:
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


def open_spans_of(home: Home, settings: Settings) -> Sequence[TreeSpan]:
    """Return what this home's sessions are doing now."""
    quoting = with_content(settings, destination(home, settings))
    return open_spans(home.journal, time.time() * 1000, with_content=quoting)


def with_whole_id(store: GraphStore, home: Home, settings: Settings, wanted: Row) -> dict[str, Any]:
    """Return a query's parameters with the session's whole id, where its beginning was given."""
    what = wanted.get("session_id")
    if not what:
        return {**wanted}
    try:
        session_id = session_named(store, what)
    except NoSuchSession:
        # It may be so new that nothing of it has been delivered.
        session_id = session_named(store, what, open_spans_of(home, settings))
    return {**wanted, "session_id": session_id}


def with_short_ids(store: GraphStore, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows with sessions' ids as short as every command still knows them."""
    short = short_ids(store, [row["session_id"] for row in rows if row.get("session_id")])
    return [{**row, "session_id": short.get(row.get("session_id") or "", "")} for row in rows]
