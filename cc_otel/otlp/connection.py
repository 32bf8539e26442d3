"""From a destination to the transport that speaks its protocol. Each is imported only where it is used."""

from cc_otel.otlp.destination import GRPC, Destination
from cc_otel.otlp.transport import Transport


def connect(destination: Destination) -> Transport:
    """Make the transport for a destination. Nothing is connected before the first export."""
    if destination.protocol == GRPC:
        from cc_otel.otlp.transport_grpc import GrpcTransport  # noqa: PLC0415 - 60 ms and 20 MB

        return GrpcTransport(destination)
    from cc_otel.otlp.transport_http import HttpTransport  # noqa: PLC0415 - 150 ms

    return HttpTransport(destination)
