"""A real store with faults on demand."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import Edge, GraphBatch, Refusal, StoreUnavailable, Vertex

WAIT_S: Final = 30.0


class FaultyStore(SqliteStore):
    """
    A SqliteStore that fails when told to.

    While ``down`` it is unavailable; while ``gate`` is not set its writes wait; a batch with something that ``breaks``
    raises what no store should; what it ``refuses`` it refuses.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.down = False
        self.gate = threading.Event()
        self.gate.set()
        self.breaks: Callable[[Vertex | Edge], bool] = lambda item: False
        self.refuses: Callable[[Vertex | Edge], bool] = lambda item: False
        self.writes = 0

    def prepare(self) -> None:
        """See GraphStore."""
        self._fail_if_down()
        super().prepare()

    def ready(self, batch: GraphBatch) -> GraphBatch:
        """See GraphStore. Faults are in what is written, so that it has to stay as it is."""
        return batch

    def write(self, *batches: GraphBatch) -> Sequence[Refusal]:
        """See GraphStore."""
        batch = mapping.merged(batches)
        self.writes += 1
        self.gate.wait(WAIT_S)
        self._fail_if_down()
        if any(map(self.breaks, batch)):
            raise KeyError("poison")
        taken = GraphBatch(
            [vertex for vertex in batch.vertices if not self.refuses(vertex)],
            [edge for edge in batch.edges if not self.refuses(edge)],
        )
        return [*super().write(taken), *(Refusal(item, "not to my taste") for item in batch if self.refuses(item))]

    def _fail_if_down(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is down")
