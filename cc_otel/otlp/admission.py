"""How many bytes of messages may be in memory, from when their length is known until they are decoded."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

LARGE_BYTES: Final = 4 << 20
"""A larger message waits for large ones only, so that ordinary ones pass: agents send 2 MiB at most."""

SMALL_TOTAL_BYTES_MAX: Final = 24 << 20

LARGE_TOTAL_BYTES_MAX: Final = 64 << 20
"""The size of the largest message that is accepted, so that one is always let in."""


SMALL_WAITING_MAX: Final = 256
LARGE_WAITING_MAX: Final = 64
"""How many messages wait for memory; each may have sent 64 KiB, the window it began with."""


class Crowded(Exception):
    """Too many messages wait already."""


@dataclass(eq=False, slots=True)
class _Room:
    """A number of bytes that messages share; first come, first served."""

    total_bytes: int
    queue_max: int
    used_bytes: int = 0
    queue: "deque[Ticket]" = field(default_factory=deque)

    def admit_next(self) -> None:
        while self.queue and self.used_bytes + self.queue[0].size_bytes <= self.total_bytes:
            ticket = self.queue.popleft()
            self.used_bytes += ticket.size_bytes
            ticket.admitted = True
            ticket.on_admitted()


@dataclass(eq=False, slots=True)
class Ticket:
    """One message's claim on memory. For one thread only."""

    room: _Room
    size_bytes: int
    on_admitted: Callable[[], None]
    admitted: bool = False

    def shrink(self, size_bytes: int) -> None:
        """Free what turns out not to be needed."""
        if self.admitted and size_bytes < self.size_bytes:
            self.room.used_bytes -= self.size_bytes - size_bytes
            self.size_bytes = size_bytes
            self.room.admit_next()

    def release(self) -> None:
        """Free all of it, or stop waiting. A second time does nothing."""
        if not self.admitted and self in self.room.queue:
            self.room.queue.remove(self)
        self.shrink(0)
        self.room.admit_next()


class Admission:
    """Lets messages in as there is memory for them: small and large ones have a room each."""

    def __init__(self) -> None:
        self._small = _Room(SMALL_TOTAL_BYTES_MAX, SMALL_WAITING_MAX)
        self._large = _Room(LARGE_TOTAL_BYTES_MAX, LARGE_WAITING_MAX)

    @property
    def used_bytes(self) -> int:
        """How many bytes are claimed now."""
        return self._small.used_bytes + self._large.used_bytes

    def request(self, size_bytes: int, on_admitted: Callable[[], None]) -> Ticket:
        """
        Return a ticket. ``on_admitted`` is called, perhaps before this returns, when there is memory for it.

        Raises Crowded where too many wait.
        """
        room = self._large if size_bytes > LARGE_BYTES else self._small
        if len(room.queue) >= room.queue_max:
            raise Crowded(f"{self.used_bytes} bytes are waiting to be stored, and {len(room.queue)} messages for them")
        ticket = Ticket(room, min(size_bytes, room.total_bytes), on_admitted)
        room.queue.append(ticket)
        room.admit_next()
        return ticket
