"""OTLP over HTTP, binary protobuf."""

import gzip
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import requests
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # stubs without py.typed
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.utils import get_environ_proxies

from cc_otel.otlp.destination import Destination, retry_after_s
from cc_otel.otlp.transport import (
    UNREADABLE,
    USER_AGENT,
    Delivered,
    ExportResult,
    Poison,
    Refused,
    Retry,
    delivered,
    one_line,
    reason_of,
)

ANSWER_BYTES_MAX: Final = 1 << 16
"""How much of a response is read, bytes: a few are enough for OTLP, the rest is for error messages."""
_PROTOBUF: Final = "application/x-protobuf"
# About this request: bad data (OTLP 1.11, Bad Data), too large, or not understood. No other status sets a span aside:
# an overloaded gateway may answer with any number.
_POISON: Final = frozenset({400, 413, 422, 431})
# Timeout, too early, too many requests; and every 5xx but 501, which corresponds to gRPC's UNIMPLEMENTED.
_RETRIED: Final = frozenset({408, 425, 429, *range(500, 600)} - {501})
_COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}


class HttpTransport:
    """A ``Transport`` over HTTP/1.1 with a kept-alive connection."""

    def __init__(self, destination: Destination) -> None:
        self._url = destination.url
        self._compress = _COMPRESS.get(destination.compression)
        self._session = requests.Session()
        # Only proxies are read from the environment: a .netrc would replace our Authorization header.
        self._session.trust_env = False
        if not destination.local:
            self._session.proxies = get_environ_proxies(self._url)
        self._session.headers.update(destination.headers)
        self._session.headers.update({"Content-Type": _PROTOBUF, "Accept": _PROTOBUF, "User-Agent": USER_AGENT})
        if self._compress is not None:
            self._session.headers["Content-Encoding"] = destination.compression
        if destination.certificate is not None:
            self._session.verify = str(destination.certificate)
        if destination.client_certificate is not None and destination.client_key is not None:
            self._session.cert = (str(destination.client_certificate), str(destination.client_key))

    def export(self, request: bytes, timeout_s: float) -> ExportResult:
        """
        Post the request's bytes; see ``Transport``.

        The timeout applies to connecting, to sending, to each wait for a head, and to the response body as a whole.
        """
        body = request if self._compress is None else self._compress(request)
        deadline = time.monotonic() + timeout_s
        try:
            # A redirect is not followed: it would turn the POST into a GET, or carry our headers to another host.
            with self._session.post(
                self._url, data=body, timeout=timeout_s, allow_redirects=False, stream=True
            ) as response:
                return _result(response, _read(response, deadline))
        except (requests.RequestException, OSError) as error:
            return Retry(_cause(error))

    def close(self) -> None:
        """Close the connection. A request in progress ends by its own deadline."""
        self._session.close()


def _read(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    # Byte by byte from a buffer, so that the deadline also holds if the receiver sends one byte at a time.
    for chunk in response.iter_content(1):
        body += chunk
        if len(body) == ANSWER_BYTES_MAX:
            break
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("the response did not end in time")
    return bytes(body)


def _result(response: requests.Response, body: bytes) -> ExportResult:
    """Interpret a response by the table of docs/delivery.md."""
    status = response.status_code
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        return _accepted(body, content_type)
    reason = reason_of(f"HTTP {status} {one_line(response.reason)}", _message(body, content_type))
    if status in _RETRIED:
        return Retry(reason, retry_after_s(response.headers.get("Retry-After", "")))
    # Anything else is a problem of the address or the settings, not of the spans.
    return Poison(reason) if status in _POISON else Refused(reason)


def _accepted(body: bytes, content_type: str) -> ExportResult:
    if content_type == "text/html":
        # A captive portal or a proxy that accepts everything: taken for success, it would cost the spans.
        return Refused("answered with a web page: this is not an OTLP endpoint, check its address and path")
    if content_type == "application/json":
        try:
            answer = json_format.Parse(body, ExportTraceServiceResponse(), ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError, RecursionError):
            return Delivered(message=UNREADABLE)
        return delivered(answer.SerializeToString())
    return delivered(body)


def _message(body: bytes, content_type: str) -> str:
    """Return a receiver's error message: in a ``google.rpc.Status`` by the specification, in practice any text."""
    if content_type == _PROTOBUF:
        try:
            return str(Status.FromString(body).message)
        except DecodeError:
            return "with a response that is not OTLP"
    return body.decode("utf-8", "replace")


def _cause(error: BaseException) -> str:
    """Return the innermost error: the outer ones repeat the URL and the address of an object."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return reason_of(type(error).__name__, str(error))
