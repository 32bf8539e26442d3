"""OTLP: our spans as protobuf, sent and received."""
