"""All edges that take two spans, from the calls of a session: in whatever order, and told however often."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cc_otel.graph.derived.calls import Call, Found
from cc_otel.graph.derived.repeating import following, repeated
from cc_otel.graph.derived.resolving import Later, resolved
from cc_otel.graph.store import Edge

NO_LATER: Later = {}


def derive(calls: Iterable[Call], later: Mapping[str, Sequence[str]] = NO_LATER, session_id: str = "") -> list[Edge]:
    """
    Return the derived edges of calls: the same for any order and repetition of them.

    ``later`` names, for a session, those that go on with it: there, too, its failures may be mended. With
    ``session_id`` the edges of that session alone: those that begin at its calls.
    """
    in_order = sorted({call.key: call for call in calls}.values(), key=lambda call: call.order)
    own = [call for call in in_order if call.session_id == session_id] if session_id else in_order
    found = [*following(own), *_once(own, in_order, later, session_id)]
    return sorted((it.edge() for it in found), key=lambda edge: (edge.collection, edge.key))


def _once(own: Sequence[Call], calls: Sequence[Call], later: Later, session_id: str) -> Iterator[Found]:
    """Yield what stands between two calls once: chance says more than that a call was made again."""
    between: dict[tuple[str, str, str], Found] = {}
    for found in (*repeated(own), *resolved(calls, later)):
        if not session_id or found.source.session_id == session_id:
            key = found.collection, found.source.key, found.target.key
            told = between.get(key)
            between[key] = replace(found, more={**told.more, **found.more}) if told else found
    yield from between.values()
