"""The standard health service (grpc.health.v1), on the connections of a receiver."""

import asyncio
from typing import Final

from google.protobuf.message import DecodeError
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from cc_otel.otlp.http2 import Call

REQUEST_BYTES_MAX: Final = 4 << 10
REQUEST_S: Final = 10.0
"""How large a request may be, and how long a client has to send it."""

_CHECK: Final = "/grpc.health.v1.Health/Check"
_WATCH: Final = "/grpc.health.v1.Health/Watch"
_INVALID, _NOT_FOUND, _UNAVAILABLE = 3, 5, 14


class Health:
    """What is answered to health checks, for the whole server and for ``service`` alike. For one thread only."""

    def __init__(self, service: str) -> None:
        self._services = ("", service)
        self._serving = True
        self._closed = False
        self._changes: set[asyncio.Event] = set()

    def set(self, serving: bool) -> None:
        """Set whether requests can be taken."""
        self._serving = serving
        self._notify()

    def close(self) -> None:
        """Report from now on that nothing is served, and end every watch."""
        self._closed = True
        self._notify()

    async def serve(self, call: Call) -> bool:
        """Handle a call. Return False if it is for another service."""
        if call.path not in (_CHECK, _WATCH):
            return False
        try:
            async with asyncio.timeout(REQUEST_S):
                service = await _service(call)
        except (TimeoutError, EOFError, DecodeError) as error:
            call.finish(_INVALID, f"not a HealthCheckRequest: {error}")
            return True
        if call.path == _WATCH:
            await self._watch(call, service)
        elif service in self._services:
            call.send(self._answer(service))
            call.finish()
        else:
            call.finish(_NOT_FOUND, "unknown service")
        return True

    async def _watch(self, call: Call, service: str) -> None:
        """Send the state at each change, until the client or the server ends."""
        changed = asyncio.Event()
        self._changes.add(changed)
        try:
            while not self._closed:
                changed.clear()
                call.send(self._answer(service))
                await changed.wait()
            call.finish(_UNAVAILABLE, "the server is stopping")
        finally:
            self._changes.discard(changed)

    def _answer(self, service: str) -> bytes:
        status = HealthCheckResponse.SERVICE_UNKNOWN
        if service in self._services:
            serving = self._serving and not self._closed
            status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        answer: bytes = HealthCheckResponse(status=status).SerializeToString()
        return answer

    def _notify(self) -> None:
        for change in self._changes:
            change.set()


async def _service(call: Call) -> str:
    compressed, size_bytes = await call.prefix()
    if compressed or size_bytes > REQUEST_BYTES_MAX:
        raise DecodeError("compressed, or too large")
    service: str = HealthCheckRequest.FromString(bytes(await call.message(size_bytes))).service
    return service
