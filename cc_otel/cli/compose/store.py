"""The graph store that the settings name."""

from pathlib import Path
from urllib.parse import urlsplit

from cc_otel.cli.common import fail
from cc_otel.config import Home, Settings
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import GraphStore


def open_store(home: Home, settings: Settings) -> GraphStore:
    """Open the graph store that the settings name; fail with a message where there is no such store."""
    url = settings.store or f"sqlite://{home.graph}"
    scheme = urlsplit(url).scheme
    if scheme.startswith("arangodb"):
        return _open_arango(url, settings)
    if scheme != "sqlite":
        fail(f"no graph store is called {scheme!r}: write sqlite:///PATH or arangodb+https://USER@HOST:8529/DATABASE")
    return SqliteStore(Path(url.removeprefix("sqlite://")))


def _open_arango(url: str, settings: Settings) -> GraphStore:
    try:
        # An extra that most do not have.
        from cc_otel.graph.arango.address import BadAddress  # noqa: PLC0415
        from cc_otel.graph.arango.store import ArangoStore  # noqa: PLC0415
    except ImportError:
        fail("ArangoDB needs a driver that is not installed: install cc-otel[arango]")
    password = settings.arango_password
    try:
        if settings.arango_password_file:
            password = Path(settings.arango_password_file).expanduser().read_text("utf-8").strip()
        return ArangoStore(url, password)
    except (BadAddress, OSError) as error:
        fail(str(error))
