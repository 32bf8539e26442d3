"""The graph-exporter, put together from settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cc_otel.cli.compose.sending import graph_address
from cc_otel.cli.compose.store import open_store
from cc_otel.config import Home, Settings
from cc_otel.graph.exporter import GraphExporter
from cc_otel.otlp.receive_grpc import TraceServer

STOP_GRACE_S: Final = 5.0


@contextmanager
def graph_exporter_at_work(home: Home, settings: Settings) -> Iterator[GraphExporter]:
    """Run a graph-exporter until the block ends; it finishes what it accepted."""
    server = TraceServer(graph_address(home, settings), settings.graph_token or None)
    exporter = GraphExporter(open_store(home, settings), [server], home.dead, settings.retention_days, home.settled)
    exporter.start()
    try:
        yield exporter
    finally:
        exporter.stop(STOP_GRACE_S)
