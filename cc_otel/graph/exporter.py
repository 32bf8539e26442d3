"""The graph-exporter: OTLP in, a graph out, and OK only for what is durable."""

import gc
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cc_otel.dead_letter import DeadLetter
from cc_otel.graph.settle import Settler
from cc_otel.graph.store import GraphStore
from cc_otel.graph.writer import GroupWriter, Written
from cc_otel.otlp.sink import Receiver

COLLECT_EVERY_OBJECTS: Final = 100_000
SWITCH_INTERVAL_S: Final = 0.0003

SETTLE_S: Final = 3.0
"""How long what takes two spans may still be derived at the end: a command that flushes leaves a graph that answers."""

STOP_S: Final = 10.0
"""How long the last write may take after no request is open any more."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a graph-exporter has done since its start: how exports were answered, what was written, what waits."""

    answers: Mapping[str, int]
    written: Written
    requests_waiting: int = 0


class GraphExporter:
    """
    Writes what its receivers receive to ``store``, which it takes over: `stop` closes it.

    What can never be stored goes to ``dead_dir``. Documents expire ``retention_days`` after their spans' end; 0 keeps
    them. What takes two spans is derived beside; ``place`` is the file that keeps how far that has come. Without it
    nothing is derived.
    """

    def __init__(
        self,
        store: GraphStore,
        receivers: Sequence[Receiver],
        dead_dir: Path,
        retention_days: float,
        place: Path | None = None,
    ) -> None:
        self._store = store
        self._receivers = receivers
        self._writer = GroupWriter(store, DeadLetter(dead_dir, time.time), retention_days, self._set_serving)
        self._settler = None
        if place:
            writer = self._writer
            self._settler = Settler(store, place, lambda: writer.waiting, lambda: writer.written.spans_stored)
        self._address = ""

    @property
    def address(self) -> str:
        """Where it listens, once started."""
        return self._address

    def start(self) -> str:
        """
        Start receiving. Return the address. Raises ListenError (an OSError) where it cannot be listened on.

        A store that is down is no reason not to start: until it is back, clients are asked to come again.
        """
        _tune_interpreter()
        self._address = ", ".join(receiver.start(self._writer) for receiver in self._receivers)
        self._writer.start()
        if self._settler:
            self._settler.start()
        return self._address

    def alive(self) -> bool:
        """Return whether it runs: False before the start and after the end."""
        return self._writer.alive()

    def stats(self) -> Stats:
        """Return what was done so far."""
        answers: Counter[str] = Counter()
        for receiver in self._receivers:
            answers.update(receiver.answers())
        return Stats(answers, self._writer.written, self._writer.waiting)

    def stop(self, grace_s: float) -> None:
        """Refuse new requests, finish accepted ones within ``grace_s`` seconds, and close the store."""
        for receiver in self._receivers:
            receiver.stop(grace_s)
        if self._settler:
            self._settler.stop(STOP_S)
        self._writer.stop(STOP_S)
        if self._settler:
            self._settler.finish(SETTLE_S)
        self._store.close()

    def _set_serving(self, serving: bool) -> None:
        for receiver in self._receivers:
            receiver.set_serving(serving=serving)


def _tune_interpreter() -> None:
    """
    Suit the process to its work. The settings hold for all of it, and were measured (docs/graph.md, "Speed").

    Spans are trees of small objects without circles, yet the collector looks through them every few dozen spans, and
    now and then through all that was ever imported. And the writer, back from the disk, waits for the interpreter as
    long as a busy thread may keep it.
    """
    gc.freeze()
    gc.set_threshold(max(COLLECT_EVERY_OBJECTS, gc.get_threshold()[0]))
    sys.setswitchinterval(min(SWITCH_INTERVAL_S, sys.getswitchinterval()))
