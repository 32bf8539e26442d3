"""OpenTelemetry tracing for Claude Code: hook events become spans, sessions become a graph."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cc_otel.graph.backends import open_graph
    from cc_otel.graph.store import Query, StoreUnavailable
    from cc_otel.span import Span

__version__ = "0.1.0"

__all__ = ["Query", "Span", "StoreUnavailable", "__version__", "open_graph"]

# Imported when they are asked for: a command that needs none of them starts faster.
_PUBLIC: Final = {
    "open_graph": "cc_otel.graph.backends",
    "Query": "cc_otel.graph.store",
    "StoreUnavailable": "cc_otel.graph.store",
    "Span": "cc_otel.span",
}


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cc_otel' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
