"""Memory that this process has no more use for, returned to the system."""

import ctypes
from typing import Final

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Parameters of glibc's mallopt(3)."""

LARGE_BYTES: Final = 128 << 10
"""What is larger is mapped, and returned as soon as it is freed. glibc raises this to 32 MiB by itself."""

ARENAS_MAX: Final = 2
"""How many heaps the threads share. By default each thread has one, and what one keeps no other can use."""


def keep_little() -> None:
    """Set the C library to keep little of what is freed, before the first thread is started. Only glibc needs it."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_ARENA_MAX, ARENAS_MAX)


def give_back() -> None:
    """Return free memory to the system. It takes a millisecond or less."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
