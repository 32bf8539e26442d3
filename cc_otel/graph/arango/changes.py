"""
The change feed, by the time at which the server stored a span (`schema.STORED_MS`).

That time is taken while a write is under way, and a write is seen when it has ended: later times may be seen first.
So each look goes `OVERLAP_MS` back, and drops by key and revision what it has returned before.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from cc_otel.graph.arango.client import Connection
from cc_otel.graph.arango.schema import STORED_MS
from cc_otel.graph.store import CHANGE_COLUMNS, Cursor, Json

OVERLAP_MS: Final = 30_000
"""Longer than a write may take (8 s) and clocks of servers may differ."""

_RETURN: Final = (
    f"RETURN {{key: span._key, revision: span._rev, stored_ms: span.{STORED_MS}, "
    f"row: {{{', '.join(f'{name}: span.{name}' for name in CHANGE_COLUMNS)}}}}}"
)
# Spans that were stored before the server noted when.
_UNDATED: Final = f"""
FOR span IN spans
  FILTER span.{STORED_MS} == null
  FILTER span._key > @key
  SORT span._key
  LIMIT @limit
  {_RETURN}
"""
_DATED: Final = f"""
FOR span IN spans
  FILTER span.{STORED_MS} >= @since_ms
  FILTER span.{STORED_MS} > @since_ms OR span._key > @key
  SORT span.{STORED_MS}, span._key
  LIMIT @limit
  {_RETURN}
"""

Row = dict[str, Json]


def changes(connection: Connection, after: Cursor, limit: int) -> tuple[Sequence[Row], Cursor]:
    """Return spans stored after a cursor, and the cursor behind them. Raises what the driver raises."""
    place: dict[str, Any] = json.loads(after) if after else {"undated": ""}
    if "undated" in place:
        found = list(connection.run(_UNDATED, {"key": place["undated"], "limit": limit}))
        if found:
            return [it["row"] for it in found], _cursor({"undated": found[-1]["key"]})
        place = {"latest_ms": 0, "seen": {}}
    return _dated(connection, place["latest_ms"], place["seen"], limit)


def _dated(connection: Connection, latest_ms: int, seen: dict[str, int], limit: int) -> tuple[Sequence[Row], Cursor]:
    rows: list[Row] = []
    now_seen = dict(seen)
    since_ms, key = latest_ms - OVERLAP_MS, ""
    while len(rows) < limit:
        found = list(connection.run(_DATED, {"since_ms": since_ms, "key": key, "limit": limit}))
        for it in found:
            since_ms, key = it["stored_ms"], it["key"]
            mark = _mark(key, it["revision"])
            if mark not in now_seen:
                now_seen[mark] = since_ms
                rows.append(it["row"])
            latest_ms = max(latest_ms, since_ms)
            if len(rows) == limit:
                break
        if len(found) < limit:
            break
    overlap_ms = latest_ms - OVERLAP_MS
    kept = {mark: stored_ms for mark, stored_ms in now_seen.items() if stored_ms >= overlap_ms}
    return rows, _cursor({"latest_ms": latest_ms, "seen": kept})


def _mark(key: str, revision: str) -> str:
    return blake2b(f"{key} {revision}".encode(), digest_size=8).hexdigest()


def _cursor(place: dict[str, object]) -> Cursor:
    return Cursor(json.dumps(place, separators=(",", ":")))
