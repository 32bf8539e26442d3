"""When to log what goes wrong again and again: a log is read by people."""

import math
import time
from typing import Final

COMPLAIN_S: Final = 60.0


class Complaints:
    """Lets each cause be logged once a minute: what is broken is broken many times a second."""

    def __init__(self) -> None:
        self._logged_s: dict[str, float] = {}

    def due(self, cause: str) -> bool:
        """Whether to log it now. Causes are few: kinds of mishap, not their details."""
        now_s = time.monotonic()
        if now_s - self._logged_s.get(cause, -math.inf) < COMPLAIN_S:
            return False
        self._logged_s[cause] = now_s
        return True
