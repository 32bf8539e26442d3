"""Removing a session from ArangoDB for good: its spans, their edges, and what no other span shares."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from cc_otel.graph.arango.client import Connection
from cc_otel.graph.arango.versions import delete
from cc_otel.graph.model import COLLECTIONS, EDGES, SESSIONS, SHARED, SPANS

_OF_SESSION: Final = "FOR document IN @@collection FILTER document.session_id IN @ids RETURN document"
_USED: Final = "FOR edge IN @@collection FILTER edge._to == @id AND NOT (edge.session_id IN @ids) LIMIT 1 RETURN 1"


def forget(connection: Connection, session_ids: Sequence[str], *, dry_run: bool) -> Counter[str]:
    """Remove sessions with all that they alone have made, or count it. Raises what the driver raises."""
    counts: Counter[str] = Counter(dict.fromkeys(COLLECTIONS, 0))
    shared: dict[str, set[str]] = defaultdict(set)
    for edges in EDGES:
        keys = []
        for document in connection.run(_OF_SESSION, {"@collection": edges.name, "ids": list(session_ids)}):
            keys.append(str(document["_key"]))
            shared[str(document["_to"]).partition("/")[0]].add(str(document["_to"]))
        counts[edges.name] = len(keys)
        if not dry_run:
            delete(connection, edges.name, keys)
    for name in (SPANS, SESSIONS):
        found = connection.run(_OF_SESSION, {"@collection": name, "ids": list(session_ids)})
        keys = [str(document["_key"]) for document in found]
        counts[name] = len(keys)
        if not dry_run:
            delete(connection, name, keys)
    for name in SHARED - {SESSIONS}:
        keys = [id_.partition("/")[2] for id_ in _unshared(connection, name, sorted(shared[name]), session_ids)]
        counts[name] = len(keys)
        if not dry_run:
            delete(connection, name, keys)
    return counts


def _unshared(connection: Connection, name: str, ids: Sequence[str], session_ids: Sequence[str]) -> Iterator[str]:
    """Return those of some vertices that no edge of another session leads to."""
    leading = [edges.name for edges in EDGES if name in edges.targets]
    for id_ in ids:
        parameters = {"id": id_, "ids": list(session_ids)}
        if not any(list(connection.run(_USED, {"@collection": edges, **parameters})) for edges in leading):
            yield id_
