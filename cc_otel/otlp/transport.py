"""
The contract of one attempt to send, and its four possible results.

gRPC and HTTP have a module each, imported only where it is used; `connect` chooses. The table in docs/delivery.md,
"What an answer means", maps responses to results: the rules of the OTLP specification, read so that nothing is lost.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from cc_otel import __version__
from cc_otel.otlp.destination import GRPC, Destination
from cc_otel.text import squeezed

USER_AGENT: Final = f"cc-otel/{__version__}"
UNREADABLE: Final = "the spans were accepted with a response that is not OTLP"
_REASON_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has the spans except ``rejected_spans`` of them; a message without rejected spans is a warning."""

    rejected_spans: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """The same request may succeed later, and not before ``delay_s`` seconds if the receiver gave a delay."""

    reason: str
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver takes nothing from us until its configuration or ours is changed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Poison:
    """This request will never be accepted, because of its size or of a span in it."""

    reason: str


ExportResult = Delivered | Retry | Refused | Poison


class Transport(Protocol):
    """A connection to one receiver, for one thread at a time."""

    def export(self, request: bytes, timeout_s: float) -> ExportResult:
        """
        Send a serialized ``ExportTraceServiceRequest`` as it is, once.

        MUST give up after ``timeout_s`` seconds. A failure MUST be a result, not an exception.
        """

    def close(self) -> None:
        """Close the connection. From another thread, this also ends a gRPC call in progress."""


def connect(destination: Destination) -> Transport:
    """Return the transport for a destination. Nothing is connected before the first export."""
    if destination.protocol == GRPC:
        from cc_otel.otlp.transport_grpc import GrpcTransport  # noqa: PLC0415 - 60 ms and 20 MB

        return GrpcTransport(destination)
    from cc_otel.otlp.transport_http import HttpTransport  # noqa: PLC0415 - 150 ms

    return HttpTransport(destination)


def delivered(body: bytes) -> Delivered:
    """Return the result of an accepted request. An unreadable response is a warning: the spans are delivered."""
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return Delivered(message=UNREADABLE)
    return Delivered(max(partial.rejected_spans, 0), one_line(partial.error_message))


def reason_of(what: str, details: str) -> str:
    """Return what went wrong, with the receiver's own words if there are any."""
    said = one_line(details)
    return f"{what}: {said}" if said else what


def one_line(text: str) -> str:
    """Return foreign text made safe for a log and a terminal: one line of printable characters, truncated."""
    line = squeezed(text[: 4 * _REASON_CHARS_MAX])
    return line if len(line) <= _REASON_CHARS_MAX else line[: _REASON_CHARS_MAX - 1] + "…"
