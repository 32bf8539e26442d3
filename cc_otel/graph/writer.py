"""
Group commit: many requests wait, one thread writes them together and then answers them all.

A durable write costs a sync of the disk whether it holds one span or thousands, so what arrives while one write
is under way becomes the next.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Final

from cc_otel.complaints import Complaints
from cc_otel.dead_letter import DeadLetter
from cc_otel.graph import mapping
from cc_otel.graph.store import GraphBatch, GraphStore, Refusal, StoreUnavailable
from cc_otel.otlp.decode import Decoded, Rejection
from cc_otel.otlp.sink import Outcome, Unavailable
from cc_otel.span import Span

log = logging.getLogger(__name__)

QUEUE_REQUESTS_MAX: Final = 24
GROUP_SPANS_MAX: Final = 4_096
"""A group is closed when it holds this many; the first request is taken whatever its size."""

MAPPED_SPANS: Final = 32
"""How many spans are mapped and made ready together: their documents are gone before the processor's cache is full."""

PROBE_S: Final = 1.0
"""How often a store that was unavailable is asked whether it is back."""

PRUNE_EVERY_S: Final = 6 * 3_600

_FULL: Final = f"{QUEUE_REQUESTS_MAX} requests are waiting to be stored"


@dataclass(frozen=True, slots=True)
class Written:
    """What the writer has done since it started; ``store_error`` says why it cannot write now, if it cannot."""

    groups: int = 0
    spans_stored: int = 0
    spans_rejected: int = 0
    letters_dropped: int = 0
    store_error: str | None = None


@dataclass(slots=True)
class _Work:
    """A request and its spans' graph, ready to be written; None where the mapping broke on one of them."""

    request: Decoded
    graph: Sequence[GraphBatch] | None
    outcome: Future[Outcome] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.outcome.add_done_callback(self._let_go)

    def _let_go(self, outcome: Future[Outcome]) -> None:
        # While it is still in the queue it must not hold what its client sends again.
        if outcome.cancelled():
            self.request, self.graph = Decoded(()), None


class GroupWriter:
    """A Sink that maps spans and writes them to a store, by one thread of its own."""

    def __init__(
        self,
        store: GraphStore,
        dead: DeadLetter,
        retention_days: float,
        on_health: Callable[[bool], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._dead = dead
        self._retention_days = retention_days
        self._on_health = on_health
        self._clock = clock
        self._queue: queue.Queue[_Work | None] = queue.Queue(QUEUE_REQUESTS_MAX)
        self._thread = threading.Thread(target=self._run, name="graph-writer", daemon=True)
        self._complaints = Complaints()
        self._written = Written()
        self._probe_at = self._prune_at = time.monotonic()

    @property
    def written(self) -> Written:
        """What was done so far."""
        return self._written

    @property
    def waiting(self) -> int:
        """How many requests wait to be written, beside the group that is being written."""
        return self._queue.qsize()

    def start(self) -> None:
        """Make the store ready, or learn that it is not, and begin."""
        self._probe()
        self._thread.start()

    def alive(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    def take(self, request: Decoded) -> Future[Outcome]:
        """See Sink."""
        if self._queue.full():
            raise Unavailable(_FULL)
        # Done by the thread that brings it, while the writer waits for the disk.
        work = _Work(request, self._map(request.spans))
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            raise Unavailable(_FULL) from None
        return work.outcome

    def stop(self, timeout_s: float) -> None:
        """Write what waits, then end; give up waiting for that after ``timeout_s`` seconds."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            if group:
                self._answer(group)
            if not stopping:
                self._keep_house()

    def _next_group(self) -> tuple[list[_Work], bool]:
        """Wait for work, and take what else is there; the second value tells that no more will come."""
        group: list[_Work] = []
        spans = 0
        while spans < GROUP_SPANS_MAX:
            try:
                work = self._queue.get(block=not group, timeout=PROBE_S)
            except queue.Empty:
                break
            if work is None:
                return group, True
            # Whoever has stopped waiting will send it again.
            if work.outcome.set_running_or_notify_cancel():
                group.append(work)
                spans += len(work.request.spans)
        return group, False

    def _answer(self, group: Sequence[_Work]) -> None:
        try:
            outcomes = self._write(group)
        except Exception as error:  # noqa: BLE001 - raised again in each thread that waits, where the seam is
            for work in group:
                work.outcome.set_exception(error)
            return
        for work, outcome in zip(group, outcomes, strict=True):
            work.outcome.set_result(outcome)

    def _write(self, group: Sequence[_Work]) -> list[Outcome]:
        """Store the group's spans and bury what never can be; raise Unavailable where that is impossible now."""
        try:
            refused = self._store_group(group)
        except StoreUnavailable as error:
            self._note_health(str(error))
            raise Unavailable(str(error)) from error
        self._note_health(None)
        by_key = {mapping.key_of(rejection.span): rejection for rejection in refused}
        rejections = [_rejections(work.request, by_key) for work in group]
        self._bury([rejection for of_work in rejections for rejection in of_work])
        self._written = replace(
            self._written,
            groups=self._written.groups + 1,
            spans_stored=self._written.spans_stored + sum(len(work.request.spans) for work in group) - len(refused),
            spans_rejected=self._written.spans_rejected + sum(map(len, rejections)),
        )
        return [_outcome(of_work) for of_work in rejections]

    def _store_group(self, group: Sequence[_Work]) -> list[Rejection]:
        graphs = [work.graph for work in group if work.graph is not None]
        ready = tuple(chain.from_iterable(graphs)) if len(graphs) == len(group) else ()
        return self._store_spans([span for work in group for span in work.request.spans], ready)

    def _store_spans(self, spans: Sequence[Span], ready: Sequence[GraphBatch] = ()) -> list[Rejection]:
        """Store what can be. A span that breaks mapping or store is found by halves: it would come back for ever."""
        if not spans:
            return []
        try:
            graphs = ready or [mapping.of(spans, retention_days=self._retention_days)]
            return _rejected(spans, self._store.write(*graphs))
        except StoreUnavailable:
            raise
        except Exception as error:
            if ready:
                return self._store_spans(spans)
            if len(spans) == 1:
                if self._complaints.due(type(error).__name__):
                    log.exception("a span broke the graph-exporter and goes to the dead letter")
                return [Rejection(spans[0], f"{type(error).__name__}: {error}")]
        half = len(spans) // 2
        return self._store_spans(spans[:half]) + self._store_spans(spans[half:])

    def _map(self, spans: Sequence[Span]) -> Sequence[GraphBatch] | None:
        some = (spans[start : start + MAPPED_SPANS] for start in range(0, len(spans), MAPPED_SPANS))
        try:
            return [self._store.ready(mapping.of(each, retention_days=self._retention_days)) for each in some]
        except Exception:  # noqa: BLE001 - told when the span that it was about is found
            return None

    def _bury(self, rejections: Sequence[Rejection]) -> None:
        if not rejections:
            return
        if self._complaints.due("rejected"):
            log.warning("%d spans can never be stored: %s", len(rejections), rejections[0].reason)
        try:
            kept = self._dead.add([(rejection.reason, {"span": asdict(rejection.span)}) for rejection in rejections])
        except OSError as error:
            raise Unavailable(f"the dead letter cannot be written: {error}") from error
        self._written = replace(self._written, letters_dropped=self._written.letters_dropped + len(rejections) - kept)

    def _keep_house(self) -> None:
        now = time.monotonic()
        if self._written.store_error is not None and now >= self._probe_at:
            self._probe()
        elif self._written.store_error is None and now >= self._prune_at:
            self._prune_at = now + PRUNE_EVERY_S
            try:
                log.info("pruned: %s", dict(self._store.prune(self._clock())))
                self._dead.clear()
            except StoreUnavailable as error:
                self._note_health(str(error))
            except OSError as error:
                log.warning("old dead letters cannot be removed: %s", error)

    def _probe(self) -> None:
        self._probe_at = time.monotonic() + PROBE_S
        try:
            self._store.prepare()
        except StoreUnavailable as error:
            self._note_health(str(error))
        else:
            self._note_health(None)

    def _note_health(self, store_error: str | None) -> None:
        if (store_error is None) != (self._written.store_error is None):
            if store_error is None:
                log.info("the store is back")
            else:
                log.warning("the store is unavailable: %s", store_error)
            self._on_health(store_error is None)
        self._written = replace(self._written, store_error=store_error)


def _rejected(spans: Sequence[Span], refusals: Sequence[Refusal]) -> list[Rejection]:
    """Answer the spans of which not everything was stored."""
    if not refusals:
        return []
    reasons = {(refusal.item.collection, refusal.item.key): refusal.reason for refusal in refusals}
    rejections = []
    for span in spans:
        places = [(item.collection, item.key) for item in mapping.of([span])]
        if found := [reasons[place] for place in places if place in reasons]:
            rejections.append(Rejection(span, found[0]))
    return rejections


def _rejections(request: Decoded, refused: Mapping[str, Rejection]) -> list[Rejection]:
    of_store = [refused[key] for span in request.spans if (key := mapping.key_of(span)) in refused] if refused else []
    return [*request.rejections, *of_store]


def _outcome(rejections: Sequence[Rejection]) -> Outcome:
    if not rejections:
        return Outcome()
    more = f", and {len(rejections) - 1} more" if len(rejections) > 1 else ""
    return Outcome(len(rejections), rejections[0].reason + more)
