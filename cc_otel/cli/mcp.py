"""The agent's own door: ``mcp`` answers questions over the Model Context Protocol, on standard input and output."""

import time

import click

from cc_otel.cli.common import fail, with_settings
from cc_otel.cli.compose.sending import destination, with_content
from cc_otel.cli.compose.store import open_store
from cc_otel.config import Home, Settings
from cc_otel.graph.store import GraphStore, StoreUnavailable
from cc_otel.view.open_spans import open_spans
from cc_otel.view.trees import TreeSpan


@click.command()
@with_settings("store", "arango_password_file")
def mcp(home: Home, settings: Settings) -> None:
    """
    Let an agent ask what was done before, over MCP (the Model Context Protocol).

    Speaks on standard input and output, and only reads. Claude Code is told of it with
    `claude mcp add cc-otel -- cc-otel mcp`; the plugin brings it.
    """
    try:
        from cc_otel.mcp.server import Questions, serve  # noqa: PLC0415 - the SDK is an extra
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'cc-otel[mcp]'")

    def opened() -> GraphStore:
        # It may be there only later than the client that asks: each question looks again.
        if not settings.store and not home.graph.exists():
            raise StoreUnavailable(f"there is no graph in {home.path} yet: `cc-otel up` makes one")
        return open_store(home, settings)

    def running() -> list[TreeSpan]:
        quoting = with_content(settings, destination(home, settings))
        return open_spans(home.journal, time.time() * 1000, with_content=quoting)

    serve(Questions(opened, running))
