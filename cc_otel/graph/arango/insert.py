"""
Writing vertices and edges into an ArangoDB collection, several hundred at a time, each answered for itself.

The server takes an array apart: some of its documents are stored while others are refused (HTTP 202 either way).
"""

from collections.abc import Iterable, Iterator, Sequence
from random import SystemRandom
from time import sleep
from typing import Final

import orjson
from arango.collection import StandardCollection
from arango.exceptions import ArangoServerError

from cc_otel.graph.arango.client import COLLECTION_MISSING, Connection, Missing, done
from cc_otel.graph.model import COLLECTIONS, SHARED
from cc_otel.graph.store import Edge, Json, Refusal, StoreUnavailable, Vertex

DOCUMENTS_MAX: Final = 500
"""Documents in one request: past the knee of the cost per document, and 40 KB of answer."""

BYTES_MAX: Final = 1_000_000
"""Bytes of one request, unless a single document is larger: no proxy in between should mind."""

CONFLICT_TRIES_MAX: Final = 10
CONFLICT_PAUSE_S: Final = (0.01, 0.2)
"""Another writer holds the key while it commits: a few ms, or the server's lock timeout (1 s) where it hangs."""

_CONFLICT: Final = 1200

# What is wrong with the document itself: JSON (37, 600), size (1216, HTTP 413), key (1221, 1222, 1226), type (1227),
# ends of an edge (1233), a unique index or a schema that somebody added (1210, 1620).
_POISON: Final = frozenset({37, 413, 600, 1210, 1216, 1221, 1222, 1226, 1227, 1233, 1620})
_BAD_REQUEST: Final = frozenset({400, 413})

_RANDOM: Final = SystemRandom()

Item = Vertex | Edge
Body = dict[str, Json]


def insert(connection: Connection, collection: str, items: Iterable[Item]) -> list[Refusal]:
    """
    Write the items, which all belong into ``collection``. Return those that can never be stored.

    Raises Missing, StoreUnavailable, and what the driver raises; items written until then stay written.
    """
    if collection not in COLLECTIONS:
        return [Refusal(item, f"no collection is called {collection}") for item in items]
    refusals: list[Refusal] = []
    target = connection.database.collection(collection)
    for pending in _batches(items, refusals):
        for _ in range(CONFLICT_TRIES_MAX):
            pending = _insert(target, pending, refusals)  # noqa: PLW2901 - what is left of it
            if not pending:
                break
            _pause(connection)
        else:
            raise StoreUnavailable(f"ArangoDB: other writers held {len(pending)} keys of {collection!r} all the time")
    return refusals


def _batches(items: Iterable[Item], refusals: list[Refusal]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        try:
            item_size = len(orjson.dumps(_body(item)))
        except TypeError as error:
            refusals.append(Refusal(item, f"not JSON: {error}"))
            continue
        if batch and (len(batch) == DOCUMENTS_MAX or size + item_size > BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item_size
    if batch:
        yield batch


def _insert(target: StandardCollection, items: Sequence[Item], refusals: list[Refusal]) -> list[Item]:
    """Write once. Return the items that another writer was in the way of."""
    conflicts: list[Item] = []
    for item, error in zip(items, _send(target, items), strict=True):
        if error is None:
            continue
        if error.error_code == _CONFLICT:
            conflicts.append(item)
        elif error.error_code in _POISON:
            refusals.append(Refusal(item, _words(error)))
        elif error.error_code == COLLECTION_MISSING:
            raise Missing(_words(error))
        else:
            raise StoreUnavailable(f"ArangoDB: {_words(error)}")
    return conflicts


def _send(target: StandardCollection, items: Sequence[Item]) -> list[ArangoServerError | None]:
    """Write once. Return what went wrong with each item."""
    try:
        results = done(
            target.insert_many(
                [_body(item) for item in items],
                # The later document stays, whole: merging would keep what it no longer says. A document that spans
                # share differs in its expiry alone, and the latest expiry stays, in whatever order they arrive.
                overwrite_mode="replace",
                version_attribute="expire_at" if target.name in SHARED else None,
                sync=True,
                # With it the driver reports success for documents that were refused.
                silent=False,
            )
        )
    except ArangoServerError as error:
        if error.http_code not in _BAD_REQUEST or error.error_code not in _POISON:
            raise
        if len(items) == 1:
            return [error]
        # One of them spoils the whole request: halve until it stands alone.
        middle = len(items) // 2
        return _send(target, items[:middle]) + _send(target, items[middle:])
    if not isinstance(results, list) or len(results) != len(items):
        raise StoreUnavailable("ArangoDB did not answer for each document: is that a proxy?")
    return [result if isinstance(result, ArangoServerError) else None for result in results]


def _words(error: ArangoServerError) -> str:
    # The driver's own message begins with the HTTP status, which is that of the whole request: a success.
    return f"{error.error_message or error.message} ({error.error_code})"


def _body(item: Item) -> Body:
    if isinstance(item, Edge):
        return {**item.document, "_key": item.key, "_from": item.source, "_to": item.target}
    return {**item.document, "_key": item.key}


def _pause(connection: Connection) -> None:
    pause_s = _RANDOM.uniform(*CONFLICT_PAUSE_S)
    if pause_s >= connection.remaining_s():
        raise StoreUnavailable("ArangoDB: other writers held a key for too long")
    sleep(pause_s)
