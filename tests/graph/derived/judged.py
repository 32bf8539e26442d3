"""What the rule says of the failures that were labelled by hand, in the recorded sessions among them."""

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cc_otel.graph.mapping import mapping
from cc_otel.graph.settle import settle_all
from cc_otel.graph.sqlite.store import SqliteStore
from tests.graph.recorded import recorded
from tests.sessions.loader import NAMES

LABELS: Final = Path(__file__).with_name("labels.txt")
NOTHING: Final = "nothing"
_LABEL: Final = re.compile(r"(\S+)  (\S+) -> (.+)")


@dataclass(frozen=True, slots=True)
class Judged:
    """A failure with what a person said of it and what the rule says: an end of an id, or `NOTHING`."""

    session: str
    failure: str
    label: str
    said: str

    @property
    def is_right(self) -> bool:
        """Whether both say the same."""
        return self.label == self.said


def labels() -> Iterator[tuple[str, str, str]]:
    """Return the labels of recorded sessions: session, failure, and what mended it."""
    found = map(_LABEL.fullmatch, LABELS.read_text("utf-8").splitlines())
    yield from ((it[1], it[2], it[3]) for it in found if it and it[1] in NAMES)


def judged() -> list[Judged]:
    """Return every label with what the rule says."""
    return [it for name in sorted({session for session, _, _ in labels()}) for it in _judged_in(name)]


def _judged_in(name: str) -> Iterator[Judged]:
    with tempfile.TemporaryDirectory(prefix="cc-otel-") as folder:
        store = SqliteStore(Path(folder) / "graph.db")
        store.prepare()
        store.write(mapping.of(recorded(name)))
        settle_all(store)
        store.close()
        ids, mended = _mended(Path(folder) / "graph.db")
    for session, failure, label in labels():
        if session == name:
            known = _named(ids, failure)
            said = mended.get(known, NOTHING)
            # A label names the end of an id.
            same = _short(said).endswith(label.split()[-1]) and _alike(said, label)
            yield Judged(session, failure, label, label if same else said)


def _short(call_id: str) -> str:
    return call_id.removeprefix("toolu_01").rstrip("x")


def _named(ids: set[str], name: str) -> str:
    """Return the id that a label names: whole but for what all ids have, or by its end."""
    [found] = [it for it in ids if _short(it) == name] or [it for it in ids if _short(it).endswith(name)]
    return found


def _alike(said: str, label: str) -> bool:
    return said.startswith("chance ") == label.startswith("chance ")


def _mended(path: Path) -> tuple[set[str], dict[str, str]]:
    """Return the ids of all calls, and of each failure what the edges say of it."""
    with closing(sqlite3.connect(path)) as graph:
        called = (
            "SELECT 'spans/' || key, document ->> '$.attributes.gen_ai_tool_call_id' FROM spans WHERE kind = 'tool'"
        )
        calls = {key: str(call_id) for key, call_id in graph.execute(called)}
        resolved = graph.execute("SELECT source, target FROM resolved_by").fetchall()
        chance = graph.execute("SELECT source, target FROM retried WHERE rule = 'flaky' ORDER BY gap_ms").fetchall()
    edges = {calls[source]: calls[target] for source, target in resolved}
    for source, target in chance:
        edges.setdefault(calls[source], f"chance {calls[target]}")
    return set(calls.values()), edges
