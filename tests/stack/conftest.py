"""The real programs as fixtures. A part that is not built makes a test skip; with CC_OTEL_REQUIRE_STACK=1, fail."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cc_otel.otlp import encode
from cc_otel.otlp.destination import Destination
from cc_otel.otlp.transport import Delivered, connect
from cc_otel.span import Span
from tests.stack.programs import ROOT, Built, Collector, GraphExporter, Jaeger, MakeCollector, Send
from tests.stack.receiver import Receiver


@pytest.fixture(scope="session")
def built() -> Built:
    """Find the program of a part, or skip and say what to do."""

    def find(part: str) -> Path:
        found = subprocess.run(
            ["sh", str(ROOT / "stack" / "build.sh"), "where", part], capture_output=True, text=True, check=False
        )
        if found.returncode == 0:
            return Path(found.stdout.strip())
        if os.environ.get("CC_OTEL_REQUIRE_STACK") == "1":
            pytest.fail(found.stderr)
        pytest.skip(found.stderr)

    return find


@pytest.fixture
def collector(built: Built, tmp_path: Path) -> Iterator[MakeCollector]:
    """Make Collectors, started, between an agent and the two endpoints; they end with the test."""
    with ExitStack() as running:

        def make(graph: str, jaeger: str, **settings: str) -> Collector:
            made = Collector(built("collector"), tmp_path, graph, jaeger, **settings)
            return running.enter_context(made.running())

        yield make


@pytest.fixture
def jaeger(request: pytest.FixtureRequest, built: Built, tmp_path: Path) -> Iterator[Jaeger]:
    """A Jaeger of this test's own, started; parametrize it indirectly with what is to be different."""
    with Jaeger(built("jaeger"), tmp_path, *getattr(request, "param", ())).running() as program:
        yield program


@pytest.fixture
def graph_exporter(tmp_path: Path) -> Iterator[GraphExporter]:
    """A graph-exporter of this test's own, started."""
    with GraphExporter(tmp_path).running() as program:
        yield program


@pytest.fixture
def graph() -> Iterator[Receiver]:
    """In the graph-exporter's place: takes everything, or answers as the test says."""
    with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture
def sink() -> Iterator[Receiver]:
    """A receiver that takes everything: the destination that a test does not look at."""
    with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def send() -> Send:
    """Send as our agent does: its encoding, its transports."""

    def deliver(destination: Destination, spans: list[Span]) -> None:
        transport = connect(destination)
        try:
            assert transport.export(encode.request(map(encode.encode, spans)), timeout_s=30) == Delivered()
        finally:
            transport.close()

    return deliver
