"""A TraceService that keeps what it is sent and answers what the test says: the other end of the Collector."""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # stubs without py.typed
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from cc_otel.otlp.decode import decode
from cc_otel.span import Span
from tests.stack.process import free_port

MESSAGE_BYTES_MAX: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with: a status, with or without a word on when to come back, or a rejection."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    retry_after_s: float | None = None
    rejected_spans: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as it came."""

    spans: tuple[Span, ...]
    at_s: float
    size_bytes: int


class Receiver(TraceServiceServicer):
    """Answers requests by ``script``, one answer each, and with success when that is empty."""

    def __init__(self, port: int | None = None) -> None:
        self.endpoint = f"127.0.0.1:{port or free_port()}"
        self.script: deque[Answer] = deque()
        self.attempts: list[Attempt] = []
        self.accepted: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        """Listen for as long as the block lasts."""
        options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), ("grpc.so_reuseport", 0)]
        server = grpc.server(ThreadPoolExecutor(4), options=options)
        add_TraceServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        assert server.add_insecure_port(self.endpoint)
        server.start()
        try:
            yield self
        finally:
            server.stop(grace=None).wait()

    def spans(self) -> dict[str, Span]:
        """Return what came so far, by span id."""
        with self._lock:
            return {span.span_id: span for attempt in self.attempts for span in attempt.spans}

    def Export(  # noqa: N802 - the name in OTLP's service definition
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        """Keep the spans and answer by the script."""
        spans = decode(request.SerializeToString()).spans
        with self._lock:
            answer = self.script.popleft() if self.script else Answer()
            self.attempts.append(Attempt(spans, time.monotonic(), request.ByteSize()))
            if answer.code is grpc.StatusCode.OK:
                self.accepted.update(span.span_id for span in spans)
        if answer.code is not grpc.StatusCode.OK:
            context.abort_with_status(rpc_status.to_status(_status(answer)))
        partial = ExportTracePartialSuccess(rejected_spans=answer.rejected_spans, error_message="as the test says")
        return ExportTraceServiceResponse(partial_success=partial if answer.rejected_spans else None)


def _status(answer: Answer) -> Status:
    status = Status(code=answer.code.value[0], message="as the test says")
    if answer.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(answer.retry_after_s * 1000))
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=delay))
        status.details.append(detail)
    return status
