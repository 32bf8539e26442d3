"""OTLP over HTTP, binary protobuf."""

import gzip
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import requests
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # stubs without py.typed
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.utils import get_environ_proxies

from cc_otel.otlp.destination import Destination
from cc_otel.otlp.transport import (
    UNREADABLE,
    USER_AGENT,
    Delivered,
    Outcome,
    Poison,
    Refused,
    Retry,
    delivered,
    one_line,
    reason_of,
)

ANSWER_BYTES_MAX: Final = 1 << 16
"""How much of an answer is read, bytes: a few would do, but for a receiver's explanations."""
_PROTOBUF: Final = "application/x-protobuf"
# What is said of this request: bad data (OTLP 1.11, Bad Data), too large, or not understood. Nothing else costs a span:
# a gateway that is overloaded answers with any number there is.
_POISON: Final = frozenset({400, 413, 422, 431})
# Too late, too early, too often; and every 5xx but 501, which is what gRPC calls UNIMPLEMENTED.
_RETRIED: Final = frozenset({408, 425, 429, *range(500, 600)} - {501})
_COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}


class HttpTransport:
    """A ``Transport`` over HTTP/1.1 with a kept-alive connection."""

    def __init__(self, destination: Destination) -> None:
        self._url = destination.url
        self._compress = _COMPRESS.get(destination.compression)
        self._session = requests.Session()
        # The environment is asked for proxies alone: a .netrc would replace our Authorization header.
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

    def export(self, request: bytes, timeout_s: float) -> Outcome:
        """
        Post the request's bytes; see ``Transport``.

        The time counts for connecting, for sending, for each wait of a head, and for the answer's body as a whole.
        """
        body = request if self._compress is None else self._compress(request)
        deadline = time.monotonic() + timeout_s
        try:
            # A redirect is not followed: it would turn the POST into a GET, or carry our headers to another host.
            with self._session.post(
                self._url, data=body, timeout=timeout_s, allow_redirects=False, stream=True
            ) as response:
                return _outcome(response, _read(response, deadline))
        except (requests.RequestException, OSError) as error:
            return Retry(_cause(error))

    def close(self) -> None:
        """Close the connection; a post under way ends by its own deadline."""
        self._session.close()


def _read(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    # Byte by byte from a buffer, so that the deadline holds against a receiver that sends one at a time.
    for chunk in response.iter_content(1):
        body += chunk
        if len(body) == ANSWER_BYTES_MAX:
            break
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("the answer did not end in time")
    return bytes(body)


def _outcome(response: requests.Response, body: bytes) -> Outcome:
    """Read an answer by the table of docs/delivery.md."""
    status = response.status_code
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        return _accepted(body, content_type)
    reason = reason_of(f"HTTP {status} {one_line(response.reason)}", _message(body, content_type))
    if status in _RETRIED:
        return Retry(reason, _retry_after_s(response.headers.get("Retry-After", "")))
    # Else something is wrong with the address or the settings, and nothing with the spans.
    return Poison(reason) if status in _POISON else Refused(reason)


def _accepted(body: bytes, content_type: str) -> Outcome:
    if content_type == "text/html":
        # A portal or a proxy that says yes to everything; an acknowledgement would be the end of the spans.
        return Refused("answered with a web page: this is no OTLP endpoint, look at its address and path")
    if content_type == "application/json":
        try:
            answer = json_format.Parse(body, ExportTraceServiceResponse(), ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError, RecursionError):
            return Delivered(message=UNREADABLE)
        return delivered(answer.SerializeToString())
    return delivered(body)


def _message(body: bytes, content_type: str) -> str:
    """Find what a receiver says of an error: a ``google.rpc.Status`` by the specification, in practice any text."""
    if content_type == _PROTOBUF:
        try:
            return str(Status.FromString(body).message)
        except DecodeError:
            return "with an answer that is not OTLP"
    return body.decode("utf-8", "replace")


def _retry_after_s(value: str) -> float | None:
    """Read ``Retry-After``: seconds, or a date (RFC 9110 10.2.3)."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _cause(error: BaseException) -> str:
    """Name the innermost error: those around it repeat the URL, and the address of an object."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return reason_of(type(error).__name__, str(error))
