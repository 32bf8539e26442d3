"""OTLP over HTTP: certificates, proxies, and connections that fail in every way."""

import errno
import os
import socket
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cc_otel.otlp.destination import HTTP_PROTOBUF, Destination
from cc_otel.otlp.transport import Delivered, Retry, connect
from tests.otlp.receivers import (
    TLS,
    HttpAnswer,
    http_receiver,
    reply,
    silent_port,
)
from tests.otlp.senders import PATIENT_S, REQUEST, export, local_http


def test_a_connection_is_kept() -> None:
    """Requests that succeed or fail use one connection (OTLP 1.11, OTLP/HTTP Connection)."""
    with http_receiver() as receiver:
        receiver.script += [reply(), reply(503, b"later"), reply(200, b"<html>", {"Content-Type": "text/html"})]
        transport = local_http(receiver.port)
        for _ in range(4):
            transport.export(REQUEST, PATIENT_S)
        transport.close()

    assert len(receiver.clients) == 4
    assert len(set(receiver.clients)) == 1


def server_context(*, mutual: bool = False) -> ssl.SSLContext:
    """Make a receiver prove itself, and ask its clients to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "receiver.pem", TLS / "receiver.key")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(TLS / "client.pem")
    return context


def test_tls_delivers_to_the_receiver_that_is_trusted() -> None:
    """With ``https`` and the receiver's certificate, spans go over an encrypted connection."""
    with http_receiver(tls=server_context()) as receiver:
        endpoint = f"https://localhost:{receiver.port}"
        outcome = export(connect(Destination(endpoint, HTTP_PROTOBUF, certificate=TLS / "receiver.pem")))

    assert outcome == Delivered()


@pytest.mark.parametrize("certificate", [TLS / "stranger.pem", None])
def test_tls_sends_nothing_to_a_stranger(certificate: Path | None) -> None:
    """A receiver that nobody vouches for gets no span, and the attempt is made again later."""
    with http_receiver(tls=server_context()) as receiver:
        endpoint = f"https://localhost:{receiver.port}"
        actual = export(connect(Destination(endpoint, HTTP_PROTOBUF, certificate=certificate)))

    assert isinstance(actual, Retry), actual
    assert "CERTIFICATE_VERIFY_FAILED" in actual.reason
    assert receiver.requests == []


def test_a_receiver_may_ask_for_our_certificate() -> None:
    """A client certificate and its key are shown to a receiver that asks; without them it takes nothing."""
    with http_receiver(tls=server_context(mutual=True)) as receiver:
        endpoint = f"https://localhost:{receiver.port}"
        known = Destination(
            endpoint,
            HTTP_PROTOBUF,
            certificate=TLS / "receiver.pem",
            client_key=TLS / "client.key",
            client_certificate=TLS / "client.pem",
        )
        unknown = Destination(endpoint, HTTP_PROTOBUF, certificate=TLS / "receiver.pem")
        outcomes = export(connect(known)), export(connect(unknown))

    assert outcomes[0] == Delivered()
    assert isinstance(outcomes[1], Retry), outcomes[1]
    assert len(receiver.requests) == 1


def test_a_key_that_does_not_fit_is_an_outcome(tmp_path: Path) -> None:
    """A client key that is not the certificate's is told as the reason of an attempt, and not raised."""
    mixed = Destination(
        "https://localhost:1", HTTP_PROTOBUF, client_key=TLS / "receiver.key", client_certificate=TLS / "client.pem"
    )
    actual = export(connect(mixed))

    assert isinstance(actual, Retry), actual


def test_nobody_there_is_tried_again(unused_port: int) -> None:
    """A refused connection is tried again later, and the reason holds no query, where keys are."""
    destination = Destination(f"http://127.0.0.1:{unused_port}/?api-key=s3cret", HTTP_PROTOBUF)

    refused = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    assert export(connect(destination)) == Retry(f"ConnectionRefusedError: {refused}")


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off."""
    # Linger for no time: the close is a reset.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def break_off(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"\n")
    handler.close_connection = True


def babble(handler: BaseHTTPRequestHandler) -> None:
    """Reply with something that is not HTTP."""
    handler.wfile.write(b"\x00\x01\x02 what?\r\n\r\n")
    handler.close_connection = True


def lie(handler: BaseHTTPRequestHandler) -> None:
    """Say that plain text is compressed."""
    reply(200, b"plain", {"Content-Encoding": "gzip"})(handler)


@pytest.mark.parametrize("answer", [reset, hang_up, break_off, babble, lie])
def test_a_connection_that_breaks_is_tried_again(answer: HttpAnswer) -> None:
    """Without a whole answer nothing is acknowledged; the next attempt makes a new connection and succeeds."""
    with http_receiver() as receiver:
        receiver.script.append(answer)
        transport = local_http(receiver.port)
        broken = transport.export(REQUEST, PATIENT_S)
        mended = export(transport)

    assert isinstance(broken, Retry), broken
    assert mended == Delivered()
    assert receiver.requests == [REQUEST, REQUEST]


def test_a_receiver_that_never_answers_is_left_at_the_deadline() -> None:
    """An attempt ends at its deadline: with silence, and with an answer that comes byte by byte."""
    release = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not release.wait(0.05):
            handler.wfile.write(b"\n")
        handler.close_connection = True

    with http_receiver() as receiver, silent_port() as port:
        receiver.script.append(trickle)
        outcomes = export(local_http(receiver.port), 0.3), export(local_http(port), 0.3)
        release.set()

    assert list(outcomes) == [Retry("ReadTimeout: the response did not end in time"), Retry("TimeoutError: timed out")]


def test_an_endless_answer_is_not_read() -> None:
    """Of an answer, only as much is read as an answer can have."""

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(500)
        handler.send_header("Content-Type", "text/plain")
        handler.end_headers()
        with suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b"x" * 65536)
        handler.close_connection = True

    with http_receiver() as receiver:
        receiver.script.append(flood)
        actual = export(local_http(receiver.port))

    assert actual == Retry("HTTP 500 Internal Server Error: " + "x" * 299 + "…")


def test_a_proxy_does_not_stand_before_this_machine(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
    """A proxy in the environment is not asked for a receiver on the loopback interface."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with http_receiver() as receiver:
        outcome = export(local_http(receiver.port))

    assert outcome == Delivered()


def test_a_proxy_is_asked_for_a_receiver_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is asked for a receiver on another machine."""
    with http_receiver() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        outcome = export(connect(Destination("http://otel.example:4318", HTTP_PROTOBUF)))

    assert outcome == Delivered()
    assert proxy.paths == ["http://otel.example:4318/v1/traces"]


def test_a_netrc_does_not_replace_our_authorization(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for the receiver's host in a .netrc is left where it is."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with http_receiver() as receiver:
        destination = Destination(f"http://127.0.0.1:{receiver.port}", HTTP_PROTOBUF, headers={"authorization": "Ours"})
        export(connect(destination))

    assert receiver.headers[0]["authorization"] == "Ours"


def test_our_headers_win_where_the_protocol_needs_them() -> None:
    """A configured Content-Type does not make the receiver take protobuf for something else."""
    with http_receiver() as receiver:
        destination = Destination(
            f"http://127.0.0.1:{receiver.port}", HTTP_PROTOBUF, headers={"content-type": "application/json"}
        )
        export(connect(destination))

    assert receiver.headers[0]["content-type"] == "application/x-protobuf"
