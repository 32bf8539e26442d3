"""The graph store that the settings name."""

from pathlib import Path

from cc_otel.cli.common import fail
from cc_otel.config import Home, Settings
from cc_otel.graph.backends import NoSuchBackend, open_graph
from cc_otel.graph.store import GraphStore


def open_store(home: Home, settings: Settings) -> GraphStore:
    """Open the graph store that the settings name; fail with a message where there is no such store."""
    url = settings.store or f"sqlite://{home.graph}"
    password = settings.arango_password
    try:
        if settings.arango_password_file and url.startswith("arangodb"):
            password = Path(settings.arango_password_file).expanduser().read_text("utf-8").strip()
        return open_graph(url, password)
    except (NoSuchBackend, OSError) as error:
        fail(str(error))
