"""OTLP: spans as protobuf, sent and received."""
