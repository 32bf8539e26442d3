"""The graph-exporter: OTLP spans in, vertices and edges out."""
