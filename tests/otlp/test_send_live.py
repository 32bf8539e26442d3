"""The sender in its thread, and over real connections."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import grpc
import pytest

from cc_otel.otlp.destination import HTTP_PROTOBUF, Destination
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.send import Sender
from cc_otel.otlp.transport import Retry, connect
from cc_otel.span import EncodedSpan, Span
from tests.otlp.receivers import (
    WAIT_S,
    GrpcReceiver,
    HttpReceiver,
    fail,
    grpc_receiver,
    http_receiver,
    partial_success,
    spans_in,
    succeed,
)
from tests.otlp.senders import ENCODED, NOW_NS, MemoryOutbox, by, drain, ids, sender_of


def wait_for(condition: Callable[[], bool]) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


class Running:
    """A sender in its thread."""

    def __init__(self, sender: Sender) -> None:
        self.stop, self.wake = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=sender.run, args=(self.stop, self.wake))

    def __enter__(self) -> "Running":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


def test_a_running_sender_is_woken_and_stopped() -> None:
    """New spans are sent when the sender is woken, and without that soon after; it ends when it is told to."""
    outbox = MemoryOutbox([])
    with Running(sender_of(outbox, by([]))) as running:
        outbox.left += ENCODED[:1]
        running.wake.set()
        wait_for(lambda: outbox.acknowledged == ENCODED[:1])
        outbox.left += ENCODED[1:2]
        wait_for(lambda: outbox.acknowledged == ENCODED[:2])


def test_a_sender_with_nothing_to_do_rests() -> None:
    """After it was woken for nothing, a sender looks into its outbox once a second and not all the time."""

    class Watched(MemoryOutbox):
        looks = 0

        def waiting(self, spans_max: int, bytes_max: int) -> Sequence[EncodedSpan]:
            self.looks += 1
            return super().waiting(spans_max, bytes_max)

    outbox = Watched([])
    with Running(sender_of(outbox, by([]))) as running:
        wait_for(lambda: outbox.looks == 1)
        running.wake.set()
        wait_for(lambda: outbox.looks == 2)
        time.sleep(0.2)

        assert outbox.looks <= 5


def test_a_stop_ends_a_long_wait_and_new_spans_do_not() -> None:
    """A sender that waits a failure out is not hurried by new spans, and stops at once when told to."""
    outbox, transport = MemoryOutbox(ENCODED[:1]), by([Retry("throttled", 300.0)])
    with Running(sender_of(outbox, transport)) as running:
        wait_for(lambda: len(transport.outcomes) == 1)
        for _ in range(20):
            running.wake.set()
            time.sleep(0.005)

        assert len(transport.requests) == 1


MANY = [
    Span("1" * 32, f"{n + 1:016x}", f"span {n}", NOW_NS + n, NOW_NS + n + 1, attributes={"n": n, "text": "é" * 100})
    for n in range(10_000)
]


def received(requests: Iterable[bytes]) -> list[bytes]:
    """Name every copy of a span that arrived, by its bytes."""
    return [span.SerializeToString(deterministic=True) for sent in requests for span in spans_in(sent)]


@pytest.mark.parametrize("kind", ["grpc", "grpc gzip", "grpc unix", "http", "http gzip"])
def test_ten_thousand_spans_arrive(kind: str, tmp_path: Path) -> None:
    """Over every kind of connection, ten thousand spans arrive once, whole and in order."""
    protocol, _, detail = kind.partition(" ")
    outbox = MemoryOutbox([encode(span) for span in MANY])
    address = f"unix:{tmp_path}/s" if detail == "unix" else "127.0.0.1:0"
    with grpc_receiver(address) as by_grpc, http_receiver() as by_http:
        compression = "gzip" if detail == "gzip" else "none"
        if protocol == "http":
            receiver: GrpcReceiver | HttpReceiver = by_http
            destination = Destination(f"http://127.0.0.1:{by_http.port}", HTTP_PROTOBUF, compression=compression)
        else:
            receiver = by_grpc
            endpoint = address if detail == "unix" else f"http://127.0.0.1:{by_grpc.port}"
            destination = Destination(endpoint, compression=compression)
        transport = connect(destination)
        waits = drain(Sender(outbox, transport, WAIT_S))
        transport.close()

    assert received(receiver.requests) == [encoded.span for encoded in outbox.acknowledged]
    assert ids(outbox.acknowledged) == [span.span_id for span in MANY]
    assert set(waits) == {0.0}


def test_a_receiver_that_restarts_in_the_middle_gets_everything(unused_port: int) -> None:
    """A receiver that goes away and comes back, on the same address, misses no span; each attempt sends equal bytes."""
    outbox = MemoryOutbox(ENCODED)
    transport = connect(Destination(f"http://127.0.0.1:{unused_port}"))
    sender = Sender(outbox, transport, WAIT_S)
    requests: list[bytes] = []
    waits = []
    for _ in range(3):
        waits.append(sender.step())
        with grpc_receiver(f"127.0.0.1:{unused_port}") as receiver:
            waits.append(sender.step())
            requests += receiver.requests
    transport.close()

    assert [wait_s == 0.0 for wait_s in waits] == [False, True] * 3
    assert requests == [request(ENCODED[:512]), request(ENCODED[512:1024]), request(ENCODED[1024:])]
    assert outbox.acknowledged == ENCODED


def test_a_real_receiver_with_every_kind_of_trouble_gets_everything() -> None:
    """Codes, rejections and a poisonous span over one real connection: each span ends where it belongs."""
    outbox = MemoryOutbox(ENCODED[:16])
    with grpc_receiver() as receiver:
        receiver.script += [
            fail(grpc.StatusCode.UNAVAILABLE),
            fail(grpc.StatusCode.UNAUTHENTICATED),
            fail(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue full"),
            fail(grpc.StatusCode.INVALID_ARGUMENT, "bad"),
            succeed(),
            fail(grpc.StatusCode.INVALID_ARGUMENT, "bad"),
            succeed(partial_success(1, "odd one")),
            succeed(partial_success(1, "odd one")),
            succeed(partial_success(1, "odd one")),
        ]
        transport = connect(Destination(f"http://127.0.0.1:{receiver.port}"))
        waits = drain(Sender(outbox, transport, WAIT_S))
        transport.close()

    assert [len(spans_in(sent)) for sent in receiver.requests] == [16, 16, 16, 16, 8, 8, 4, 2, 1, 1, 2, 4]
    assert outbox.set_aside == {ENCODED[8].span_id: "rejected: odd one"}
    assert ids(outbox.acknowledged) == ids(ENCODED[:8] + ENCODED[9:16])
    assert [wait_s >= 1.0 for wait_s in waits[:4]] == [True] * 4
    assert set(received(receiver.requests)) == {encoded.span for encoded in ENCODED[:16]}
