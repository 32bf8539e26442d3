"""The graph stores by the addresses that name them."""

from pathlib import Path
from urllib.parse import urlsplit

from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import GraphStore


class NoSuchBackend(ValueError):
    """The address names no store that there is; the text says which there are, or what has to be installed."""


def open_graph(url: str, password: str = "") -> GraphStore:
    """
    Open a graph store; it is connected to when it is first asked.

    ``url`` is ``sqlite:///PATH`` or ``arangodb+https://USER@HOST:8529/DATABASE`` (docs/arangodb.md); ``password`` is
    ArangoDB's.

    Raises:
        NoSuchBackend: the address names none, or its driver is not installed.

    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SqliteStore(Path(url.removeprefix("sqlite://")))
    if not scheme.startswith("arangodb"):
        raise NoSuchBackend(
            f"no graph store is called {scheme!r}: write sqlite:///PATH or arangodb+https://USER@HOST:8529/DATABASE"
        )
    try:
        # An extra that most do not have.
        from cc_otel.graph.arango.address import BadAddress  # noqa: PLC0415
        from cc_otel.graph.arango.store import ArangoStore  # noqa: PLC0415
    except ImportError as error:
        raise NoSuchBackend("ArangoDB needs a driver that is not installed: install cc-otel[arango]") from error
    try:
        return ArangoStore(url, password)
    except BadAddress as error:
        raise NoSuchBackend(str(error)) from error
