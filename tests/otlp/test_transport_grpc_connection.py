"""OTLP over gRPC: sockets, certificates, proxies, and connections that fail in every way."""

import socket
import threading
import time
from pathlib import Path

import grpc
import pytest

from cc_otel.otlp.destination import Destination
from cc_otel.otlp.transport import Delivered, ExportResult, Retry, connect
from tests.otlp.receivers import (
    SUCCESS,
    TLS,
    WAIT_S,
    grpc_receiver,
    relay,
    silent_port,
)
from tests.otlp.senders import PATIENT_S, REQUEST, export, local_grpc


@pytest.mark.parametrize("form", ["unix:{path}", "unix://{path}"])
def test_a_unix_socket_is_spoken_to(tmp_path: Path, form: str) -> None:
    """``unix:/path`` and ``unix:///path`` reach a receiver on that socket."""
    path = tmp_path / "otlp.sock"
    with grpc_receiver(f"unix:{path}") as receiver:
        outcome = export(connect(Destination(form.format(path=path))))

    assert outcome == Delivered()
    assert receiver.requests == [REQUEST]


def server_credentials(*, mutual: bool = False) -> grpc.ServerCredentials:
    """Make a receiver prove itself, and ask its clients to."""
    pair = ((TLS / "receiver.key").read_bytes(), (TLS / "receiver.pem").read_bytes())
    if not mutual:
        return grpc.ssl_server_credentials([pair])
    return grpc.ssl_server_credentials([pair], (TLS / "client.pem").read_bytes(), require_client_auth=True)


def test_tls_delivers_to_the_receiver_that_is_trusted() -> None:
    """With ``https`` and the receiver's certificate, spans go over an encrypted connection."""
    with grpc_receiver(credentials=server_credentials()) as receiver:
        outcome = export(connect(Destination(f"https://localhost:{receiver.port}", certificate=TLS / "receiver.pem")))

    assert outcome == Delivered()


def test_tls_sends_nothing_to_a_stranger() -> None:
    """A receiver that another certificate vouches for gets no span, and the attempt is made again later."""
    with grpc_receiver(credentials=server_credentials()) as receiver:
        actual = export(connect(Destination(f"https://localhost:{receiver.port}", certificate=TLS / "stranger.pem")))

    assert isinstance(actual, Retry), actual
    assert "CERTIFICATE_VERIFY_FAILED" in actual.reason
    assert receiver.requests == []


def test_a_receiver_may_ask_for_our_certificate() -> None:
    """A client certificate and its key are shown to a receiver that asks; without them it takes nothing."""
    with grpc_receiver(credentials=server_credentials(mutual=True)) as receiver:
        endpoint = f"https://localhost:{receiver.port}"
        known = Destination(
            endpoint,
            certificate=TLS / "receiver.pem",
            client_key=TLS / "client.key",
            client_certificate=TLS / "client.pem",
        )
        unknown = Destination(endpoint, certificate=TLS / "receiver.pem")
        outcomes = export(connect(known)), export(connect(unknown))

    assert outcomes[0] == Delivered()
    assert isinstance(outcomes[1], Retry), outcomes[1]


def test_nobody_there_is_tried_again(unused_port: int) -> None:
    """A refused connection is tried again later."""
    actual = export(local_grpc(unused_port))

    assert isinstance(actual, Retry), actual
    assert "Connection refused" in actual.reason


def test_a_socket_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    """A Unix socket that does not exist yet is tried again later."""
    actual = export(connect(Destination(f"unix:{tmp_path}/none.sock")))

    assert isinstance(actual, Retry), actual
    assert actual.reason.startswith("UNAVAILABLE")


def test_a_receiver_that_never_answers_is_left_at_the_deadline() -> None:
    """A call ends at its deadline, with a server that hangs in the call and with one that never says a word."""
    release = threading.Event()

    def hang(context: grpc.ServicerContext) -> bytes:
        release.wait(WAIT_S)
        return SUCCESS

    with grpc_receiver() as receiver, silent_port() as port:
        receiver.script.append(hang)
        outcomes = export(local_grpc(receiver.port), 0.2), export(local_grpc(port), 0.2)
        release.set()

    for actual in outcomes:
        assert isinstance(actual, Retry), actual
        assert actual.reason.startswith(("DEADLINE_EXCEEDED", "UNAVAILABLE"))


def test_a_connection_that_is_reset_is_made_again() -> None:
    """A connection that breaks off fails one attempt; the next is made over a new one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        transport = local_grpc(port)

        def reset() -> None:
            connection, _ = listener.accept()
            # Linger for no time: the close is a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        thread = threading.Thread(target=reset)
        thread.start()
        broken = transport.export(REQUEST, PATIENT_S)
        thread.join(WAIT_S)
    with grpc_receiver(f"127.0.0.1:{port}"):
        mended = export(transport)

    assert isinstance(broken, Retry), broken
    assert mended == Delivered()


def test_a_connection_that_is_dead_is_replaced() -> None:
    """After a deadline the next attempt takes a new connection: the old one may lead nowhere, and nobody would say."""
    with grpc_receiver() as receiver, relay(receiver.port) as between:
        transport = local_grpc(between.port)
        before = transport.export(REQUEST, PATIENT_S)
        between.freeze()
        frozen = transport.export(REQUEST, 0.3)
        after = export(transport)

    assert before == Delivered()
    assert isinstance(frozen, Retry), frozen
    assert after == Delivered()
    assert between.connections == 2


def test_a_receiver_that_comes_back_is_found_at_once(unused_port: int) -> None:
    """However often it was away, the first attempt after a receiver's return reaches it: no waiting of gRPC's own."""
    transport = local_grpc(unused_port)
    for _ in range(10):
        assert isinstance(transport.export(REQUEST, PATIENT_S), Retry)
    for _ in range(3):
        with grpc_receiver(f"127.0.0.1:{unused_port}") as receiver:
            assert transport.export(REQUEST, PATIENT_S) == Delivered()
            assert receiver.requests == [REQUEST]
        assert isinstance(transport.export(REQUEST, PATIENT_S), Retry)
    transport.close()


def test_a_proxy_does_not_stand_before_this_machine(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
    """A proxy in the environment is not asked for a receiver on the loopback interface."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with grpc_receiver() as receiver:
        outcome = export(local_grpc(receiver.port))

    assert outcome == Delivered()


def test_closing_ends_a_call_under_way() -> None:
    """A transport that is closed from another thread lets go of the call it waits for."""
    entered, release = threading.Event(), threading.Event()

    def hang(context: grpc.ServicerContext) -> bytes:
        entered.set()
        release.wait(WAIT_S)
        return SUCCESS

    outcomes: list[ExportResult] = []
    with grpc_receiver() as receiver:
        receiver.script.append(hang)
        transport = local_grpc(receiver.port)
        thread = threading.Thread(target=lambda: outcomes.append(transport.export(REQUEST, 10 * WAIT_S)))
        thread.start()
        assert entered.wait(WAIT_S)
        transport.close()
        thread.join(WAIT_S)
        release.set()

    assert outcomes == [Retry("CANCELLED: Channel closed!")]


def test_closing_at_any_moment_is_an_outcome() -> None:
    """A transport that is closed again and again while it sends delivers or says that it did not."""
    stop = threading.Event()
    with grpc_receiver() as receiver:
        transport = local_grpc(receiver.port)

        def close() -> None:
            while not stop.wait(0.001):
                transport.close()

        thread = threading.Thread(target=close)
        thread.start()
        kinds = {type(transport.export(REQUEST, PATIENT_S)) for _ in range(300)}
        stop.set()
        thread.join(WAIT_S)
        transport.close()

    assert kinds <= {Delivered, Retry}


def test_failing_for_long_costs_no_threads() -> None:
    """A receiver that is away for many attempts leaves no threads behind."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = local_grpc(port)
    transport.export(REQUEST, PATIENT_S)
    before = threading.active_count()
    for _ in range(50):
        transport.export(REQUEST, PATIENT_S)

    deadline = time.monotonic() + WAIT_S
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before
