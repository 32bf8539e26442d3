"""What the tests of OTLP share; their receivers are in ``receivers.py``."""

import socket

import pytest


@pytest.fixture
def unused_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
