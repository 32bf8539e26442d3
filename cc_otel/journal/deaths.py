"""
Which input an agent was at when it died: one that kills three agents in a row is not given to a fourth.

An error that Python can catch never comes here. This is for what ends the process: a bug of a C library, or memory that
runs out.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Final

from cc_otel.journal.database import Database

DEATHS_MAX: Final = 3
"""How many agents may die at the same input."""

CAREFUL_DEATHS: Final = 2
"""After so many deaths without progress each input is noted before it is assembled, which takes a transaction each."""

_NOTE: Final = "deaths"


@dataclass(frozen=True, slots=True)
class _Deaths:
    """``count`` agents died without progress, ``row_deaths`` at the input ``row``; ``noted`` by the last one."""

    count: int = 0
    row: int = 0
    row_deaths: int = 0
    noted: bool = False


class Deaths:
    """Kept from an agent's start until it has ended in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = _Deaths()
        self.careful = False
        """Whether each input is to be noted before it is assembled."""

    def begin(self) -> int:
        """Note that an agent starts. Return the input that is a dead letter, 0 where none is."""
        found = self._database.all("SELECT value FROM notes WHERE name = ?", _NOTE)
        before = _read(found[0][0]) if found else None
        died_there = before.row_deaths + before.noted if before else 0
        dead = before.row if before and died_there >= DEATHS_MAX else 0
        if before is None or dead:
            self._now = _Deaths()
        else:
            self._now = replace(before, count=before.count + 1, row_deaths=died_there, noted=False)
        self.careful = self._now.count >= CAREFUL_DEATHS
        self._save()
        return dead

    def at(self, row: int) -> None:
        """Note which input is assembled next."""
        known = self._now.row_deaths if row == self._now.row else 0
        self._now = replace(self._now, row=row, row_deaths=known, noted=True)
        self._save()

    def progress(self) -> None:
        """Note that inputs were assembled."""
        if self._now != _Deaths():
            self._now, self.careful = _Deaths(), False
            self._save()

    def end(self) -> None:
        """Note that the agent ends in order."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM notes WHERE name = ?", (_NOTE,))

    def _save(self) -> None:
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (_NOTE, json.dumps(asdict(self._now))))


def _read(value: str) -> _Deaths:
    try:
        stored = json.loads(value)
        return _Deaths(int(stored["count"]), int(stored["row"]), int(stored["row_deaths"]), bool(stored["noted"]))
    except (ValueError, TypeError, KeyError):
        return _Deaths()
