"""OpenTelemetry tracing for Claude Code: hook events become spans, sessions become a graph."""

__version__ = "0.1.0"
