"""
Queries saved for ArangoDB's web interface.

The interface of 3.12 keeps them with the user, under ``queries`` in the ``extra`` of its account. What else stands
there is somebody's own: it is read, added to and written back whole, and nothing that is there is changed. The server
of 4.x has no web interface.
"""

from collections.abc import Mapping

from cc_otel.graph.arango.client import Connection, done
from cc_otel.graph.store import Document


def save(connection: Connection, wanted: Mapping[str, tuple[str, Document]]) -> list[str]:
    """
    Add queries, text and bind parameters by name, to the user's. Return the names under which others are, left alone.

    The interface itself writes all of them whenever one is saved, so a query that somebody saves in this moment may be
    lost, by either.
    """
    account = done(connection.system.user(connection.user))
    extra = account["extra"] or {}
    present = extra.get("queries") or []
    texts = {query.get("name"): query.get("value") for query in present if isinstance(query, dict)}
    added = [
        {"name": name, "value": text, "parameter": dict(parameters)}
        for name, (text, parameters) in wanted.items()
        if name not in texts
    ]
    if added:
        done(connection.system.update_user(connection.user, extra={**extra, "queries": [*present, *added]}))
    return [name for name, (text, _) in wanted.items() if texts.get(name, text) != text]
