"""
One attempt to send, and the four things that can come of it.

gRPC and HTTP have a module each; `connection` chooses. Which answer means what is the table in
docs/delivery.md, "What an answer means": the rules of the OTLP specification, read so that nothing is lost.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from cc_otel import __version__

USER_AGENT: Final = f"cc-otel/{__version__}"
UNREADABLE: Final = "the spans were accepted with an answer that is not OTLP"
_REASON_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has the spans, but for ``rejected_spans`` of them; a message without any rejected is a warning."""

    rejected_spans: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """The same request may succeed later; by the receiver's own word, not before ``delay_s`` seconds."""

    reason: str
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Whoever answered takes nothing from us until somebody changes something: there, or in our settings."""

    reason: str


@dataclass(frozen=True, slots=True)
class Poison:
    """This request will never be taken: its size, or a span in it, is at fault."""

    reason: str


Outcome = Delivered | Retry | Refused | Poison


class Transport(Protocol):
    """A connection to one receiver, for one thread at a time."""

    def export(self, request: bytes, timeout_s: float) -> Outcome:
        """
        Send a serialized ``ExportTraceServiceRequest`` as it is, once.

        MUST give up after ``timeout_s`` seconds. What goes wrong on the way MUST be an outcome, not an exception.
        """

    def close(self) -> None:
        """Let go of the connection. From another thread, this ends a gRPC call that is under way."""


def delivered(body: bytes) -> Delivered:
    """Read the answer to an accepted request. One that cannot be read is a warning: the spans are delivered."""
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return Delivered(message=UNREADABLE)
    return Delivered(max(partial.rejected_spans, 0), one_line(partial.error_message))


def reason_of(what: str, details: str) -> str:
    """Say what went wrong and what the other side says of it, if it does."""
    said = one_line(details)
    return f"{what}: {said}" if said else what


def one_line(text: str) -> str:
    """Make a stranger's text fit for a log and a terminal: one line of printable characters, not too long."""
    start = text[: 4 * _REASON_CHARS_MAX]
    line = " ".join("".join(character if character.isprintable() else " " for character in start).split())
    return line if len(line) <= _REASON_CHARS_MAX else line[: _REASON_CHARS_MAX - 1] + "…"
