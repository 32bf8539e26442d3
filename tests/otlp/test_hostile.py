"""What a receiver costs and whom it serves while clients do their worst: a process of its own, with real clients."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc
import h2.connection
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.receive_grpc import EXPORT, MESSAGE_BYTES_MAX
from cc_otel.otlp.wire import framed
from cc_otel.span import Span
from tests.otlp.test_receive_grpc import EXPORT_HEADERS

MEMORY_MIB_MAX: Final = 200
WAIT_S: Final = 120.0
ONE: Final = request([encode(Span("1" * 32, "2" * 16, "one", 1, 2))])

PROGRAM: Final = """
import sys
from concurrent.futures import Future
from cc_otel.otlp.receive_grpc import TraceServer
from cc_otel.otlp.sink import Outcome

spans = 0

class Sink:
    def take(self, request):
        global spans
        spans += len(request.spans)
        done = Future()
        done.set_result(Outcome())
        return done

server = TraceServer(sys.argv[1])
print(server.start(Sink()), flush=True)
sys.stdin.readline()
peak_kib = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
server.stop(1)
print(spans, int(peak_kib) >> 10)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


class Receiver:
    """A receiver in a process of its own, whose sink takes everything at once."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.address = address
        self._process = process

    def send(self, data: bytes, timeout_s: float = WAIT_S) -> str:
        """Export as clients do: again and again where a code says so. Answer what came of it."""
        deadline_s = time.monotonic() + WAIT_S
        with channel(self.address) as opened:
            while True:
                try:
                    opened.unary_unary(EXPORT, None, None)(data, timeout=timeout_s)
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline_s:
                        return str(error.code().name)
                    time.sleep(0.2)
                else:
                    return "OK"

    def serves(self) -> bool:
        """Whether it takes an ordinary export and says that it is well, each at the first try."""
        with channel(self.address) as opened:
            opened.unary_unary(EXPORT, None, None)(ONE, timeout=WAIT_S)
            answer = health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(), timeout=WAIT_S)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def end(self) -> tuple[int, int]:
        """End it; answer how many spans its sink was given, and the most memory that it had, MiB."""
        output, _ = self._process.communicate("\n", WAIT_S)
        spans, peak_mib = output.split()
        return int(spans), int(peak_mib)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """Run a receiver."""
    arguments = [sys.executable, "-c", PROGRAM, "127.0.0.1:0"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Receiver(process, process.stdout.readline().strip())
        finally:
            process.kill()


@contextmanager
def channel(address: str) -> Iterator[grpc.Channel]:
    """Open a channel with a connection of its own, for messages of any size."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options) as opened:
        yield opened


def request_of(*spans: bytes) -> bytes:
    """Make a request of spans' bytes."""
    return framed(1, framed(2, b"".join(framed(2, span) for span in spans)))


def test_many_tiny_spans(receiver: Receiver) -> None:
    """A request full of the smallest spans is taken whole, others are served meanwhile, and memory stays low."""
    span = trace_pb2.Span(trace_id=b"t" * 16, span_id=b"s" * 8).SerializeToString()
    count = (MESSAGE_BYTES_MAX - 100) // len(framed(2, span)) // 4
    data = request_of(*[span] * count)
    with ThreadPoolExecutor() as pool:
        sent = pool.submit(receiver.send, data)
        served = receiver.serves()
        finished = sent.done()
        answer = sent.result()

    assert (served, finished, answer) == (True, False, "OK")
    spans, peak_mib = receiver.end()
    assert spans == count + 1
    assert peak_mib < MEMORY_MIB_MAX


def test_many_large_requests_at_once(receiver: Receiver) -> None:
    """Large requests wait for each other at their senders; all are taken, others are served, and memory stays low."""
    span = trace_pb2.Span(trace_id=b"t" * 16, span_id=b"s" * 8)
    span.attributes.add(key="k").value.string_value = "x" * (60 << 20)
    data = request_of(span.SerializeToString())
    with ThreadPoolExecutor() as pool:
        sent = [pool.submit(receiver.send, data) for _ in range(6)]
        served = [receiver.serves() for _ in range(5)]
        answers = [each.result() for each in sent]

    assert (served, answers) == ([True] * 5, ["OK"] * 6)
    _, peak_mib = receiver.end()
    assert peak_mib < MEMORY_MIB_MAX


def test_large_requests_that_stop_halfway(receiver: Receiver) -> None:
    """Clients that announce 60 MiB each and send what they are let cost little, and others are served."""
    host, _, port = receiver.address.rpartition(":")
    clients = []
    for _ in range(24):
        connection = socket.create_connection((host, int(port)), WAIT_S)
        client = h2.connection.H2Connection()
        client.initiate_connection()
        client.send_headers(1, EXPORT_HEADERS)
        client.send_data(1, b"\0" + (60 << 20).to_bytes(4, "big") + b"x" * 10_000)
        connection.sendall(client.data_to_send())
        clients.append((connection, client))
    for connection, client in clients:
        connection.settimeout(0.2)
        try:
            while True:
                client.receive_data(connection.recv(1 << 16))
                connection.sendall(client.data_to_send())
        except TimeoutError:
            pass
        while (window := min(client.local_flow_control_window(1), 16_384)) > 0:
            client.send_data(1, b"x" * window)
            connection.sendall(client.data_to_send())
    served = [receiver.serves() for _ in range(5)]
    for connection, _ in clients:
        connection.close()

    assert served == [True] * 5
    _, peak_mib = receiver.end()
    assert peak_mib < MEMORY_MIB_MAX
