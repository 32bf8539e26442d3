"""Where spans go and how, as users of OpenTelemetry write it; and the words for what cannot work."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cc_otel.otlp.destination import (
    GRPC,
    HTTP_PROTOBUF,
    BadDestination,
    Destination,
    is_loopback,
    parse_headers,
    retry_after_s,
)
from cc_otel.otlp.transport import connect
from cc_otel.otlp.transport_grpc import GrpcTransport
from cc_otel.otlp.transport_http import HttpTransport
from tests.otlp.receivers import TLS


@pytest.mark.parametrize(
    ("endpoint", "insecure", "expected"),
    [
        # endpoint, then: target, secure, local
        ("http://127.0.0.1:4317", False, ("127.0.0.1:4317", False, True)),
        ("http://localhost", False, ("localhost:4317", False, True)),
        ("http://Collector:55680/", False, ("collector:55680", False, False)),
        ("http://[::1]:4317", False, ("[::1]:4317", False, True)),
        ("https://api.example.com", False, ("api.example.com:443", True, False)),
        ("https://api.example.com:4317", True, ("api.example.com:4317", True, False)),
        ("collector:4317", False, ("collector:4317", True, False)),
        ("collector:4317", True, ("collector:4317", False, False)),
        ("agent.localhost", True, ("agent.localhost:4317", False, True)),
        ("unix:/home/me/otlp.sock", False, ("unix:/home/me/otlp.sock", False, True)),
        ("unix:///home/me/otlp.sock", False, ("unix:/home/me/otlp.sock", False, True)),
        ("unix:otlp.sock", False, ("unix:otlp.sock", False, True)),
    ],
)
def test_grpc_connects_where_the_endpoint_says(endpoint: str, insecure: bool, expected: tuple[str, bool, bool]) -> None:
    """The scheme decides on encryption, ``insecure`` where there is none; a port that is left out is the usual one."""
    destination = Destination(endpoint, insecure=insecure)

    assert (destination.target, destination.secure, destination.local) == expected


@pytest.mark.parametrize(
    ("endpoint", "is_full", "expected"),
    [
        ("http://localhost:4318", False, "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/", False, "http://localhost:4318/v1/traces"),
        ("https://example.com/otlp/", False, "https://example.com/otlp/v1/traces"),
        ("https://example.com/otlp?key=k", False, "https://example.com/otlp/v1/traces?key=k"),
        ("https://example.com/v1/traces", True, "https://example.com/v1/traces"),
        ("https://example.com/otlp/", True, "https://example.com/otlp/"),
        ("https://example.com", True, "https://example.com/"),
    ],
)
def test_http_posts_below_the_endpoint_or_right_to_it(endpoint: str, is_full: bool, expected: str) -> None:
    """``/v1/traces`` is added to an endpoint of all signals, and nothing to one of traces (OTLP exporter, URLs)."""
    actual = Destination(endpoint, HTTP_PROTOBUF, endpoint_is_full=is_full).url

    assert actual == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"endpoint": ""}, "the endpoint '' is not an address: write http://host:port or https://host:port"),
        (
            {"endpoint": "http://"},
            "the endpoint 'http://' is not an address: write http://host:port or https://host:port",
        ),
        (
            {"endpoint": "ftp://host:21"},
            "the endpoint 'ftp://host:21' is not an address: write http://host:port or https://host:port",
        ),
        (
            {"endpoint": "http://host:port"},
            "the endpoint 'http://host:port' is not an address: write http://host:port or https://host:port",
        ),
        (
            {"endpoint": "http://host:0"},
            "the endpoint 'http://host:0' is not an address: write http://host:port or https://host:port",
        ),
        (
            {"endpoint": "http://[::1:4317"},
            "the endpoint 'http://[::1:4317' is not an address: write http://host:port or https://host:port",
        ),
        (
            {"endpoint": "localhost:4318", "protocol": HTTP_PROTOBUF},
            "the endpoint 'localhost:4318' has no scheme: write http://host:port or https://host:port",
        ),
        (
            {"endpoint": "http://localhost:4317/v1/traces"},
            "the endpoint 'http://localhost:4317/v1/traces' has a path, which gRPC does not use: leave it out, or set"
            " the protocol to 'http/protobuf'",
        ),
        (
            {"endpoint": "https://me:s3cret@host", "protocol": HTTP_PROTOBUF},
            "the endpoint holds a user name: leave it out, and set an Authorization header",
        ),
        (
            {"endpoint": "me:s3cret@host", "protocol": HTTP_PROTOBUF},
            "the endpoint holds a user name: leave it out, and set an Authorization header",
        ),
        ({"endpoint": "unix:"}, "the endpoint 'unix:' names no socket: write unix:/path/to/socket"),
        (
            {"endpoint": "unix:/s", "protocol": HTTP_PROTOBUF},
            "unix:/s is a Unix socket, which only gRPC uses: set the protocol to 'grpc'",
        ),
        ({"protocol": "http/json"}, "protocol 'http/json' is unknown: write 'grpc' or 'http/protobuf'"),
        ({"compression": "zstd"}, "compression 'zstd' is unknown: write one of none, gzip, deflate"),
        ({"timeout_s": 0.0}, "a timeout of 0.0 s cannot work: write a number of seconds above 0"),
        ({"timeout_s": float("nan")}, "a timeout of nan s cannot work: write a number of seconds above 0"),
        ({"headers": {"a b": "c"}}, "the header name 'a b' has characters that are not allowed in one"),
        ({"headers": {"key": "s3cret\n"}}, "the value of the header key may hold printable ASCII only"),
        ({"headers": {"key": "s3crét"}}, "the value of the header key may hold printable ASCII only"),
        (
            {"headers": {"Grpc-Timeout": "1"}},
            "gRPC reserves header names like Grpc-Timeout: choose another, or leave it out",
        ),
        (
            {"headers": {"key-bin": "1"}},
            "gRPC reserves header names like key-bin: choose another, or leave it out",
        ),
        (
            {"certificate": TLS / "receiver.pem"},
            "a certificate is set, but http://localhost:4317 is not encrypted: write https://, or leave it out",
        ),
        (
            {"endpoint": "https://host", "client_key": TLS / "client.key"},
            "a client key needs a client certificate and the reverse: set both or neither",
        ),
        (
            {"endpoint": "https://host", "certificate": Path("/no/such.pem")},
            "the certificate /no/such.pem cannot be read: No such file or directory",
        ),
        (
            {"endpoint": "https://host", "certificate": Path(__file__).with_name("conftest.py")},
            f"the certificate {Path(__file__).with_name('conftest.py')} is not in PEM format: it has no line"
            " '-----BEGIN ...'",
        ),
    ],
)
def test_what_cannot_work_is_said_with_what_to_do(settings: Mapping[str, object], expected: str) -> None:
    """A wrong setting is refused in a sentence that says which it is and what to write, and no secret."""
    with pytest.raises(BadDestination) as error:
        Destination(**{"endpoint": "http://localhost:4317", **settings})  # type: ignore[arg-type]

    assert str(error.value) == expected


def test_a_socket_path_has_the_systems_limit() -> None:
    """A socket whose path the system cannot take is refused before anybody waits for it."""
    with pytest.raises(BadDestination, match="choose a shorter one"):
        Destination("unix:/" + "x" * 107)
    with pytest.raises(BadDestination, match="choose a shorter one"):
        Destination("unix:/" + "\udcff" * 107)


def test_a_socket_path_with_a_comma_is_refused() -> None:
    """A comma is the end of the path to gRPC, however it is written; nobody would ever be found."""
    with pytest.raises(BadDestination, match="has a comma"):
        Destination("unix:/a,b/otlp.sock")


def test_a_socket_path_is_shown_as_it_is() -> None:
    """What would be a query in a URL is part of a path."""
    assert Destination("unix:/a?b#c/s").name == "unix:/a?b#c/s"


def test_no_secret_is_shown() -> None:
    """Neither headers nor the query of an endpoint are in what is printed of a destination."""
    destination = Destination("http://host/path?key=s3cret", HTTP_PROTOBUF, headers={"authorization": "s3cret"})

    assert repr(destination) == "Destination('http://host/path', 'http/protobuf')"
    assert "s3cret" not in f"{destination} {connect(destination)!r} {connect(Destination('unix:/s'))!r}"


def test_the_protocol_chooses_the_transport() -> None:
    """``grpc``, which is the default, goes over gRPC and ``http/protobuf`` over HTTP."""
    transports = [connect(Destination("http://localhost:4317", protocol)) for protocol in (GRPC, HTTP_PROTOBUF)]

    assert [GrpcTransport, HttpTransport] == [type(transport) for transport in transports]
    assert Destination("http://localhost:4317").protocol == GRPC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("key=value", {"key": "value"}),
        (" Api-Key = a%20b%2Cc , x=1=2,", {"Api-Key": "a b,c", "x": "1=2"}),
        ("key=", {"key": ""}),
    ],
)
def test_headers_are_read_as_opentelemetry_writes_them(text: str, expected: dict[str, str]) -> None:
    """Headers are separated by commas and percent-encoded (OTLP exporter, Specifying headers via environment)."""
    assert parse_headers(text) == expected


@pytest.mark.parametrize("text", ["a=b,s3cret", "=s3cret", "s3cret"])
def test_headers_that_are_none_are_told_by_their_place(text: str) -> None:
    """What is not name=value is refused without being repeated."""
    with pytest.raises(BadDestination, match=r"header \d is not name=value") as error:
        parse_headers(text)

    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", None),
    ],
)
def test_retry_after(value: str, expected_s: float | None) -> None:
    """``Retry-After`` is read as seconds or as a date, a past date as no delay, and anything else is ignored."""
    assert retry_after_s(value) == expected_s


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("LocalHost", True), ("10.0.0.1", False), ("", False)],
)
def test_loopback(host: str, expected: bool) -> None:
    """A host is loopback by its form; a name other than localhost is not resolved."""
    assert is_loopback(host) == expected
