"""What the tests of sending share: spans, a box of them, a transport by script, and a way through them."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from opentelemetry.proto.trace.v1 import trace_pb2

from cc_otel.otlp.destination import HTTP_PROTOBUF, Destination
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.send import Sender, Situation
from cc_otel.otlp.transport import Delivered, ExportResult, Transport, connect
from cc_otel.span import EncodedSpan, Kind, Link, Span, SpanEvent, StatusCode
from tests.otlp.receivers import spans_in

FULL = Span(
    trace_id="0123456789abcdef" * 2,
    span_id="fedcba9876543210",
    parent_id="00000000000000ff",
    name="execute_tool Bash",
    start_ns=1_764_000_000_000_000_000,
    end_ns=1_764_000_001_500_000_000,
    kind=Kind.CLIENT,
    status=StatusCode.ERROR,
    status_message="exit 1",
    attributes={
        "text": "naïve 🦀",
        "flag": True,
        "count": -3,
        "share": 0.5,
        "bytes": b"\x00\xff",
        "nothing": None,
        "list": ["a", 1],
        "map": {"inner": {"deep": "value"}},
    },
    links=(Link("0f" * 16, "f0" * 8, {"cc_otel.link": "previous_turn"}),),
    events=(SpanEvent("moment", 1_764_000_000_500_000_000, {"n": 1}),),
    resource={"service.name": "claude-code", "host.name": "here"},
)
"""A span with everything."""


def encoded_spans(count: int) -> list[EncodedSpan]:
    """Make that many encoded spans, each other than the rest."""
    return [
        encode(Span("1" * 32, f"{n + 1:016x}", f"span {n}", n, n + 1, attributes={"n": n}, resource={"host.name": "h"}))
        for n in range(count)
    ]


ENCODED = encoded_spans(1200)
NOW_NS = 1_764_000_000_000_000_000

Answerer = Callable[[Sequence[trace_pb2.Span]], ExportResult]


class MemoryOutbox:
    """An ``Outbox`` in memory that keeps book."""

    def __init__(self, batch: Sequence[EncodedSpan]) -> None:
        self.left = list(batch)
        self.acknowledged: list[EncodedSpan] = []
        self.set_aside: dict[str, str] = {}

    def waiting(self, spans_max: int, bytes_max: int) -> Sequence[EncodedSpan]:
        """Return the oldest spans."""
        batch: list[EncodedSpan] = []
        size_bytes = 0
        for encoded in self.left[:spans_max]:
            size_bytes += len(encoded.span)
            if batch and size_bytes > bytes_max:
                break
            batch.append(encoded)
        return batch

    def acknowledge(self, batch: Sequence[EncodedSpan]) -> None:
        """Let go of the oldest, which is all that a sender can have been given."""
        assert self.left[: len(batch)] == list(batch)
        self.acknowledged += batch
        del self.left[: len(batch)]

    def dead_letter(self, encoded: EncodedSpan, reason: str) -> None:
        """Set the oldest aside."""
        assert self.left.pop(0) == encoded
        self.set_aside[encoded.span_id] = reason


class ScriptedTransport:
    """A ``Transport`` that answers by a function, and remembers what it was sent."""

    def __init__(self, answer: Answerer) -> None:
        self.requests: list[bytes] = []
        self.outcomes: list[ExportResult] = []
        self._answer = answer

    def export(self, request: bytes, timeout_s: float) -> ExportResult:
        """Return the scripted result."""
        self.requests.append(request)
        self.outcomes.append(self._answer(spans_in(request)))
        return self.outcomes[-1]

    def close(self) -> None:
        """Let go of nothing."""

    @property
    def sizes(self) -> list[int]:
        """How many spans each request had."""
        return [len(spans_in(request)) for request in self.requests]


def by(outcomes: Iterable[ExportResult]) -> ScriptedTransport:
    """Return a transport with these results, then with success."""
    script = deque(outcomes)
    return ScriptedTransport(lambda spans: script.popleft() if script else Delivered())


def sender_of(outbox: MemoryOutbox, transport: ScriptedTransport, jitter: float = 1.0) -> Sender:
    """Make a sender whose waits and times are known."""
    return Sender(outbox, transport, jitter=lambda: jitter, clock_ns=lambda: NOW_NS)


def drain(sender: Sender, steps_max: int = 10_000) -> list[float]:
    """Take steps until nothing waits; answer the waits in between."""
    waits: list[float] = []
    for _ in range(steps_max):
        wait_s = sender.step()
        if sender.state.situation is Situation.IDLE:
            return waits
        waits.append(wait_s)
    raise AssertionError(f"still sending after {steps_max} steps: {sender.state}")


def ids(batch: Iterable[EncodedSpan]) -> list[str]:
    """Name spans."""
    return [encoded.span_id for encoded in batch]


REQUEST = request(encoded_spans(3))
"""Three spans."""

PATIENT_S = 30.0


def export(transport: Transport, timeout_s: float = PATIENT_S) -> ExportResult:
    """Send three spans and close the connection."""
    try:
        return transport.export(REQUEST, timeout_s)
    finally:
        transport.close()


def local_grpc(port: int) -> Transport:
    """Connect to a receiver without encryption."""
    return connect(Destination(f"http://127.0.0.1:{port}"))


def local_http(port: int, compression: str = "none") -> Transport:
    """Connect to a receiver without encryption."""
    return connect(Destination(f"http://127.0.0.1:{port}", HTTP_PROTOBUF, compression=compression))
