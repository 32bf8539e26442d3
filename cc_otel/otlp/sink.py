"""The contract between what receives OTLP and what stores it: neither side knows the other."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Protocol

from cc_otel.otlp.decode import Decoded

RETRY_AFTER_S: Final = 1.0
"""When a client is asked to come again where nothing better is known, s."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: how many of its spans can never be stored, and why, or a warning."""

    rejected_spans: int = 0
    message: str = ""


class Unavailable(Exception):
    """The spans cannot be taken now; the client is asked to come again after ``retry_after_s`` seconds."""

    def __init__(self, message: str, retry_after_s: float = RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ListenError(OSError):
    """The address cannot be listened on; the text says why."""


class Sink(Protocol):
    """Where received spans go."""

    def take(self, request: Decoded) -> Future[Outcome]:
        """
        Accept a request's spans and rejections. Return a future outcome, without waiting for it.

        The outcome MUST come only once every span that it does not count as rejected is durable; where that is
        impossible now, `take` or the future MUST raise Unavailable. A caller that stops waiting may cancel the
        future; it will send the same spans again.
        """


class Receiver(Protocol):
    """A server that receives OTLP on one address and passes it to a sink."""

    def start(self, sink: Sink) -> str:
        """Listen. Return the address that clients reach it by. Raises ListenError where that is impossible."""

    def set_serving(self, *, serving: bool) -> None:
        """Set what health checks are answered."""

    def answers(self) -> Mapping[str, int]:
        """Return how many exports ended how: ok, partial, the name of a status, or ``failed`` (an error of ours)."""

    def stop(self, grace_s: float) -> None:
        """Refuse new requests, and let accepted ones finish within ``grace_s`` seconds."""
