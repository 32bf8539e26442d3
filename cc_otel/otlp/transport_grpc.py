"""OTLP over gRPC: TCP, TLS and Unix sockets."""

import re
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # stubs without py.typed
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from cc_otel.otlp.destination import Destination
from cc_otel.otlp.transport import USER_AGENT, ExportResult, Poison, Refused, Retry, delivered, reason_of

_METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_COMPRESSIONS: Final = {
    "none": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}
_RETRIED: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.DATA_LOSS,
        # Not retried by the specification, but servers report their own failures so (0005-own-sender.md).
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
# Codes that report a limit on the message's size: of gRPC itself, of tonic (Rust), of a proxy that answers HTTP 413.
_MAY_BE_TOO_LARGE: Final = frozenset(
    {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.UNKNOWN}
)
# "larger than max" in C, Go and JavaScript, "exceeds (the) maximum" in Java and .NET, "too large" in Rust.
_TOO_LARGE: Final = re.compile(
    r"message.{0,40}(larger than|too large|exceeds (the )?max)|exceeds maximum size|http2 header with status: 413", re.I
)
# After these the connection itself may be dead, or delayed by gRPC's own backoff.
_RECONNECTED: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class GrpcTransport:
    """A ``Transport`` over a gRPC channel."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._metadata = tuple((name.lower(), value) for name, value in destination.headers.items())
        self._credentials = _credentials(destination) if destination.secure else None
        self._channel: grpc.Channel | None = None

    def export(self, request: bytes, timeout_s: float) -> ExportResult:
        """Send the request's bytes as they are; see ``Transport``."""
        channel = self._channel = self._channel or self._open()
        try:
            # No serializers: the bytes of both sides pass unchanged.
            call = channel.unary_unary(_METHOD, None, None)
            answer: bytes = call(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            if error.code() in _RECONNECTED:
                self.close()
            return _result(error)
        except ValueError as error:
            # Closed by another thread just before the call; closed a moment later, the call is CANCELLED.
            return Retry(reason_of("CANCELLED", str(error)))
        return delivered(answer)

    def close(self) -> None:
        """Close the channel. A call in progress in another thread ends with CANCELLED."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _open(self) -> grpc.Channel:
        destination = self._destination
        options: list[tuple[str, int | str]] = [
            ("grpc.primary_user_agent", USER_AGENT),
            # A failed channel is closed and replaced at the next attempt, which the sender schedules, so gRPC's own
            # reconnect backoff (up to 2 min) delays nothing. Shared subchannels would reintroduce it.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if destination.local:
            options.append(("grpc.enable_http_proxy", 0))
        if destination.unix_path is not None:
            # The default is the socket's path, percent-encoded, which some HTTP/2 servers refuse.
            options.append(("grpc.default_authority", "localhost"))
        compression = _COMPRESSIONS[destination.compression]
        if self._credentials is not None:
            return grpc.secure_channel(destination.target, self._credentials, options, compression)
        return grpc.insecure_channel(destination.target, options, compression)


def _credentials(destination: Destination) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=_content(destination.certificate),
        private_key=_content(destination.client_key),
        certificate_chain=_content(destination.client_certificate),
    )


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


def _result(error: grpc.RpcError) -> ExportResult:
    """Interpret a status by the table of docs/delivery.md."""
    code, details, delay_s = error.code(), error.details() or "", _retry_delay_s(error)
    reason = reason_of(code.name, details)
    if code in _MAY_BE_TOO_LARGE and delay_s is None and _TOO_LARGE.search(details):
        return Poison(reason)
    if code in _RETRIED:
        return Retry(reason, delay_s)
    # Anything else is a problem of the address or the settings, not of the spans.
    return Poison(reason) if code is grpc.StatusCode.INVALID_ARGUMENT else Refused(reason)


def _retry_delay_s(error: grpc.RpcError) -> float | None:
    """Return the delay of RetryInfo, from the status details (the specification) or from where Python's SDK looks."""
    for item in error.trailing_metadata() or ():
        try:
            if item.key == "google.rpc.retryinfo-bin":
                return _seconds(RetryInfo.FromString(item.value))
            if item.key == "grpc-status-details-bin":
                for detail in Status.FromString(item.value).details:
                    info = RetryInfo()
                    if detail.Unpack(info):
                        return _seconds(info)
        except DecodeError:
            continue
    return None


def _seconds(info: RetryInfo) -> float:
    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
