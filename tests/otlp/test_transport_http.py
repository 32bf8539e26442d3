"""OTLP over HTTP against a real server: what is sent, and what every answer means."""

import time
from email.utils import formatdate

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # stubs without py.typed
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from cc_otel import __version__
from cc_otel.otlp.destination import HTTP_PROTOBUF, Destination
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.transport import UNREADABLE, Delivered, ExportResult, Poison, Refused, Retry, connect
from cc_otel.span import Span
from tests.otlp.receivers import (
    HttpAnswer,
    http_receiver,
    partial_success,
    reply,
    spans_in,
)
from tests.otlp.sdk import readable
from tests.otlp.senders import PATIENT_S, REQUEST, export, local_http

CLIENT_ERRORS = sorted({*range(401, 419), 421, 423, 424, 426, 428, 451, 499} - {408, 413})
SERVER_ERRORS = (500, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 527, 530, 599)


def outcome_of(answer: HttpAnswer) -> ExportResult:
    """Get one answer from a real receiver."""
    with http_receiver() as receiver:
        receiver.script.append(answer)
        return export(local_http(receiver.port))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Delivered()),
        (202, Delivered()),
        (204, Delivered()),
        *((status, Retry) for status in (408, 425, 429, *SERVER_ERRORS)),
        *((status, Refused) for status in (300, 301, 302, 303, 307, 308, *CLIENT_ERRORS, 501)),
        *((status, Poison) for status in (400, 413, 422, 431)),
    ],
)
def test_every_status_means_what_the_table_says(
    status: int, expected: Delivered | type[Retry | Refused | Poison]
) -> None:
    """A status is a delivery, retried, refused, or poison by docs/delivery.md; the reason names what was said."""
    body = b"" if status < 300 else Status(message="so it is").SerializeToString()

    actual = outcome_of(reply(status, body))

    if isinstance(expected, Delivered):
        assert actual == expected
    else:
        assert isinstance(actual, expected), actual
        assert actual.reason.startswith(f"HTTP {status}")
        assert actual.reason.endswith(": so it is")


def test_a_receiver_says_when_to_come_back_in_seconds() -> None:
    """Retry-After in seconds is the wait that a receiver asks for."""
    actual = outcome_of(reply(503, b"", {"Retry-After": "7"}))

    assert actual == Retry("HTTP 503 Service Unavailable", 7.0)


def test_a_receiver_says_when_to_come_back_as_a_date() -> None:
    """Retry-After as a date is the wait until then, and none if it is past."""
    future, past = (formatdate(time.time() + offset_s, usegmt=True) for offset_s in (1000, -1000))

    later, now = (outcome_of(reply(429, b"", {"Retry-After": date})) for date in (future, past))

    assert isinstance(later, Retry)
    assert later.delay_s is not None
    assert 900 < later.delay_s < 1001
    assert now == Retry("HTTP 429 Too Many Requests", 0.0)


@pytest.mark.parametrize("value", ["soon", "", "-1", "1.5s", "²", "Wed, 99 Foo 2026 00:00:00 GMT", "9" * 400])
def test_a_wait_that_cannot_be_read_is_none_or_very_long(value: str) -> None:
    """A Retry-After that is neither seconds nor a date is passed over, and no number is too large to read."""
    actual = outcome_of(reply(503, b"", {"Retry-After": value}))

    expected_s = float("inf") if value.startswith("9") else None
    assert actual == Retry("HTTP 503 Service Unavailable", expected_s)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (partial_success(2, "two are\nbad"), "application/x-protobuf", Delivered(2, "two are bad")),
        (partial_success(0, "mind the quota"), "application/x-protobuf", Delivered(0, "mind the quota")),
        (b"\xff\xff", "application/x-protobuf", Delivered(message=UNREADABLE)),
        (b"{}", "application/json", Delivered()),
        (
            b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "bad", "new": 1}}',
            "application/json; charset=utf-8",
            Delivered(1, "bad"),
        ),
        (b"[", "application/json", Delivered(message=UNREADABLE)),
        (b"\xff", "application/json", Delivered(message=UNREADABLE)),
        (b"ok", "text/plain", Delivered(message=UNREADABLE)),
        (b"", "text/plain", Delivered()),
    ],
)
def test_success_comes_with_rejections_and_warnings(body: bytes, content_type: str, expected: Delivered) -> None:
    """Rejected spans and a receiver's words are read from protobuf and JSON; anything else delivered with a warning."""
    assert outcome_of(reply(200, body, {"Content-Type": content_type})) == expected


def test_a_web_page_is_not_an_acknowledgement() -> None:
    """A portal that answers everything with a page has not stored a span, so they are kept."""
    actual = outcome_of(reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html; charset=utf-8"}))

    assert isinstance(actual, Refused), actual


def test_an_error_in_any_form_is_told_on_one_line() -> None:
    """What a receiver says of an error is told, as text of printable characters, or as unreadable."""
    plain = outcome_of(reply(400, b"bad\r\n\x1b[31m\xffspan " + b"x" * 5000, {"Content-Type": "text/plain"}))
    garbage = outcome_of(reply(400, b"\xff\xff"))

    assert plain == Poison("HTTP 400 Bad Request: " + ("bad [31m\ufffdspan " + "x" * 300)[:299] + "…")
    assert garbage == Poison("HTTP 400 Bad Request: with a response that is not OTLP")


def test_a_redirect_is_not_followed() -> None:
    """A receiver that points elsewhere gets nothing sent there: not the spans, and not the headers."""
    with http_receiver() as elsewhere, http_receiver() as receiver:
        location = {"Location": f"http://127.0.0.1:{elsewhere.port}/v1/traces"}
        receiver.script.append(reply(307, b"", location))
        actual = export(local_http(receiver.port))

    assert isinstance(actual, Refused), actual
    assert elsewhere.requests == []


def test_the_bytes_are_sent_as_they_are() -> None:
    """The receiver gets the very bytes of the request at /v1/traces, with the headers and a name of ours."""
    with http_receiver() as receiver:
        destination = Destination(
            f"http://127.0.0.1:{receiver.port}/base/", HTTP_PROTOBUF, headers={"Authorization": "Bearer s3cret"}
        )
        outcome = export(connect(destination))

    assert outcome == Delivered()
    assert receiver.requests == [REQUEST]
    assert receiver.paths == ["/base/v1/traces"]
    (headers,) = receiver.headers
    assert (
        headers["authorization"],
        headers["content-type"],
        headers["user-agent"],
        headers.get("content-encoding"),
    ) == ("Bearer s3cret", "application/x-protobuf", f"cc-otel/{__version__}", None)


def test_the_sdk_sends_the_same_spans() -> None:
    """The SDK's own exporter, given the same spans, sends spans equal to ours."""
    spans = [Span("1" * 32, f"{n + 1:016x}", f"span {n}", n, n + 1, attributes={"n": [n, {"k": n}]}) for n in range(3)]
    with http_receiver() as receiver:
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{receiver.port}/v1/traces")
        assert exporter.export([readable(span) for span in spans]) is SpanExportResult.SUCCESS
        exporter.shutdown()  # type: ignore[no-untyped-call]
        transport = local_http(receiver.port)
        assert transport.export(request(map(encode, spans)), PATIENT_S) == Delivered()
        transport.close()

    assert spans_in(receiver.requests[0]) == spans_in(receiver.requests[1])
    assert receiver.paths[0] == receiver.paths[1]


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compression_makes_less_of_it(compression: str) -> None:
    """A compressed body is much smaller, says how it was compressed, and is the request's bytes again after that."""
    large = request([encode(Span("1" * 32, "2" * 16, "n", 1, 2, attributes={"large": "x" * (1 << 20)}))])
    with http_receiver() as receiver:
        transport = local_http(receiver.port, compression)
        outcome = transport.export(large, PATIENT_S)
        transport.close()

    assert outcome == Delivered()
    assert [large] == receiver.requests
    assert compression == receiver.headers[0]["content-encoding"]
    assert len(receiver.bodies[0]) < 1 << 16
