"""
What every stage speaks: a finished span, and the ids it is known by.

Ids are derived from what an event says, never drawn at random, so that the same event told twice is the same
span (docs/decisions/0002-derived-ids.md). They travel as lower-case hexadecimal text, as OTLP's JSON form has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b

AttributeValue = str | bool | int | float | bytes | None | Sequence["AttributeValue"] | Mapping[str, "AttributeValue"]
Attributes = Mapping[str, AttributeValue]

INSTANT_NS = 1_000
"""How long an instant lasts, ns: Jaeger marks a span whose end is not after its start as a negative duration."""


class Kind(IntEnum):
    """The span kinds, by their numbers on the wire (opentelemetry.proto.trace.v1.Span.SpanKind)."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """The status codes, by their numbers on the wire (opentelemetry.proto.trace.v1.Status.StatusCode)."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to a span in this trace or another."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=dict)
    trace_state: str = ""
    flags: int = 0
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """A moment within a span. We write none ourselves; other producers do."""

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """
    A finished span, ours or another producer's.

    Times are ns since the Unix epoch. ``trace_id`` is 32 and ``span_id`` and ``parent_id`` are 16 hexadecimal
    digits; a root has no parent. ``resource`` describes what made the span, ``scope_name`` the library. What follows
    ``scope_version`` only other producers set; ``flags`` are OTLP's, and ``dropped_`` counts what a producer left out.
    """

    trace_id: str
    span_id: str
    name: str
    start_ns: int
    end_ns: int
    parent_id: str | None = None
    kind: Kind = Kind.INTERNAL
    status: StatusCode = StatusCode.UNSET
    status_message: str = ""
    attributes: Attributes = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    events: tuple[SpanEvent, ...] = ()
    resource: Attributes = field(default_factory=dict)
    scope_name: str = ""
    scope_version: str = ""
    scope_attributes: Attributes = field(default_factory=dict)
    scope_schema_url: str = ""
    scope_dropped_attributes: int = 0
    resource_schema_url: str = ""
    resource_dropped_attributes: int = 0
    trace_state: str = ""
    flags: int = 0
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0


def trace_id_of(*parts: str) -> str:
    """Derive a trace id, 32 hexadecimal digits, from the given parts; never all zeros."""
    return _derive(parts, 16)


def span_id_of(*parts: str) -> str:
    """Derive a span id, 16 hexadecimal digits, from the given parts; never all zeros."""
    return _derive(parts, 8)


def _derive(parts: tuple[str, ...], size_bytes: int) -> str:
    # Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
    digest = blake2b(digest_size=size_bytes)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    # An all-zero id is invalid (W3C trace context 3.2.2.3); one digest in 2^64 is.
    return digest.hexdigest() if any(digest.digest()) else "1".zfill(size_bytes * 2)


@dataclass(frozen=True, slots=True)
class EncodedSpan:
    """
    A span as it goes over the wire, encoded once in its life.

    ``span`` is a serialized ``opentelemetry.proto.trace.v1.Span``; ``resource`` a serialized ``ResourceSpans`` that
    holds resource and scope but no span, to group by. On its way into the journal it names the session that it is
    deleted with, and when it began (ns); on its way out it does not.
    """

    trace_id: str
    span_id: str
    resource: bytes
    span: bytes
    session_id: str = ""
    start_ns: int = 0
