"""The budget of model calls: calls a minute, calls and dollars a day. It survives a restart."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import orjson

_MINUTE_S: Final = 60.0
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be used. Days are UTC's, as the vendors' are."""

    usd_per_day: float
    calls_per_day: int
    calls_per_minute: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Usage of one day. ``unpriced`` counts calls of models without a known price; they add no dollars."""

    day: str
    calls: int = 0
    usd: float = 0.0
    unpriced: int = 0


class Budget:
    """Counts calls and dollars against an allowance. Thread-safe."""

    def __init__(self, allowance: Allowance, saved: str, save: Callable[[str], None]) -> None:
        """Take what was saved last, empty at first, and how to save what is used from now on."""
        self._allowance = allowance
        self._save = save
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()
        self._spent = _read(saved)

    def limited(self) -> str:
        """Return the limit that forbids another call, in words, or an empty string."""
        with self._lock:
            return self._limited(time.time())

    def take(self) -> bool:
        """Count a call that begins now and return True, or return False if a limit forbids it. A killed call counts."""
        with self._lock:
            now_s = time.time()
            if self._limited(now_s):
                return False
            self._recent.append(now_s)
            self._change(calls=self._spent.calls + 1)
        return True

    def pay(self, usd: float | None) -> None:
        """Add the cost of a call in dollars; None if its price is not known."""
        with self._lock:
            self._renew(time.time())
            if usd is None:
                self._change(unpriced=self._spent.unpriced + 1)
            elif usd > 0:
                self._change(usd=self._spent.usd + usd)

    def spent(self) -> Spent:
        """Return today's usage."""
        with self._lock:
            self._renew(time.time())
            return self._spent

    def _limited(self, now_s: float) -> str:
        self._renew(now_s)
        while self._recent and abs(now_s - self._recent[0]) >= _MINUTE_S:
            self._recent.popleft()
        allowance = self._allowance
        if self._spent.usd >= allowance.usd_per_day:
            return f"${allowance.usd_per_day:g} a day"
        if self._spent.calls >= allowance.calls_per_day:
            return f"{allowance.calls_per_day} calls a day"
        if len(self._recent) >= allowance.calls_per_minute:
            return f"{allowance.calls_per_minute} calls a minute"
        return ""

    def _renew(self, now_s: float) -> None:
        today = _day(now_s)
        # A clock that is put back must not give the day away twice. Days ahead, it was wrong when that was saved.
        if today > self._spent.day or self._spent.day > _day(now_s + _DAY_S):
            self._spent = Spent(today)

    def _change(self, **changed: float) -> None:
        self._spent = Spent(**(asdict(self._spent) | changed))
        self._save(orjson.dumps(self._spent).decode())


def _read(saved: str) -> Spent:
    try:
        return Spent(**orjson.loads(saved))
    except (ValueError, TypeError):
        return Spent(_day(time.time()))


def _day(now_s: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now_s))
