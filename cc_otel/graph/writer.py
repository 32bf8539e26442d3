"""
Group commit: what arrives while one write is in progress is written together in the next.

A durable write costs one sync of the disk whether it holds one span or thousands.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Final, NamedTuple

from cc_otel.complaints import Complaints
from cc_otel.dead_letter import DeadLetter
from cc_otel.graph.mapping import keys, mapping
from cc_otel.graph.store import GraphBatch, GraphStore, Refusal, StoreUnavailable
from cc_otel.otlp.decode import Decoded, Rejection
from cc_otel.otlp.sink import Outcome, Unavailable
from cc_otel.span import Span

log = logging.getLogger(__name__)

QUEUE_SPANS_MAX: Final = 16_384
QUEUE_BYTES_MAX: Final = 64 << 20
"""How much may wait to be written, spans and their bytes on the wire. One request is always accepted."""

GROUP_SPANS_MAX: Final = 4_096
GROUP_BYTES_MAX: Final = 8 << 20
"""A group is closed when it holds as much as either; its first request is accepted whatever its size."""

MAPPED_SPANS: Final = 32
"""How many spans are mapped and made ready together, so that their documents stay in the processor's cache."""

PROBE_S: Final = 1.0
"""How often a store that is unavailable is tried again, s."""

INDEX_EVERY_S: Final = 0.5
"""How long new spans wait at most for a step of the full-text index, beside what is written meanwhile."""

PRUNE_EVERY_S: Final = 6 * 3_600


@dataclass(frozen=True, slots=True)
class Written:
    """What the writer has done since it started; ``store_error`` says why it cannot write now, if so."""

    groups: int = 0
    spans_stored: int = 0
    spans_rejected: int = 0
    letters_dropped: int = 0
    store_error: str | None = None


class _Size(NamedTuple):
    """How much a request is; kept when the request itself is freed."""

    spans: int
    bytes: int


@dataclass(slots=True)
class _Work:
    """A request with the graph of its spans, ready to be written; None if the mapping failed on one of them."""

    request: Decoded
    graph: Sequence[GraphBatch] | None
    size: _Size
    outcome: Future[Outcome] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Cancelled, it stays in the queue, and must not keep in memory what its client sends again.
        self.outcome.add_done_callback(lambda outcome: self.free() if outcome.cancelled() else None)

    def free(self) -> None:
        """Free the spans. Nothing else would soon: work and outcome know each other, and collections are rare here."""
        self.request, self.graph = Decoded(()), None


class GroupWriter:
    """A `Sink` that maps spans and writes them to a store, in a thread of its own."""

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
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = _Size(0, 0)
        self._thread = threading.Thread(target=self._run, name="graph-writer", daemon=True)
        self._complaints = Complaints()
        self._written = Written()
        self._probe_at = self._prune_at = time.monotonic()
        self._pruned: Counter[str] | None = None
        self._index_at = 0.0
        self._behind = True

    @property
    def written(self) -> Written:
        """What it has done so far."""
        return self._written

    @property
    def waiting(self) -> int:
        """How many requests wait to be written, not counting the group that is being written."""
        return self._queue.qsize()

    def start(self) -> None:
        """Prepare the store, if it is available, and start the thread."""
        self._probe()
        self._thread.start()

    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def take(self, request: Decoded) -> Future[Outcome]:
        """See `Sink`."""
        size = _Size(len(request.spans) + len(request.rejections), request.size_bytes)
        self._enter(size)
        # Mapped in the caller's thread, while the writer waits for the disk.
        work = _Work(request, self._map(request.spans), size)
        self._queue.put(work)
        return work.outcome

    def stop(self, timeout_s: float) -> None:
        """Write what waits, then end; stop waiting for that after ``timeout_s`` seconds."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout_s)

    def _enter(self, size: _Size) -> None:
        with self._lock:
            spans, size_bytes = self._waiting.spans + size.spans, self._waiting.bytes + size.bytes
            if self._waiting.spans and (spans > QUEUE_SPANS_MAX or size_bytes > QUEUE_BYTES_MAX):
                raise Unavailable(f"{self._waiting.spans} spans are waiting to be stored")
            self._waiting = _Size(spans, size_bytes)

    def _leave(self, size: _Size) -> None:
        with self._lock:
            self._waiting = _Size(self._waiting.spans - size.spans, self._waiting.bytes - size.bytes)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            if group:
                self._answer(group)
            if not stopping:
                self._keep_house()

    def _next_group(self) -> tuple[list[_Work], bool]:
        """Wait for work, and take what else is there; the second value says that no more will come."""
        group: list[_Work] = []
        spans = size_bytes = 0
        while spans < GROUP_SPANS_MAX and size_bytes < GROUP_BYTES_MAX:
            try:
                # While it prunes or indexes, what arrives goes first and nothing is waited for.
                idle = self._pruned is None and not self._behind
                work = self._queue.get(block=not group and idle, timeout=PROBE_S)
            except queue.Empty:
                break
            if work is None:
                return group, True
            self._leave(work.size)
            # A client that has stopped waiting will send it again.
            if work.outcome.set_running_or_notify_cancel():
                group.append(work)
                spans += len(work.request.spans)
                size_bytes += work.size.bytes
        return group, False

    def _answer(self, group: Sequence[_Work]) -> None:
        try:
            outcomes = self._write(group)
        except Exception as error:  # noqa: BLE001 - raised again where each outcome is awaited
            for work in group:
                work.free()
                work.outcome.set_exception(error)
            return
        for work, outcome in zip(group, outcomes, strict=True):
            work.free()
            work.outcome.set_result(outcome)

    def _write(self, group: Sequence[_Work]) -> list[Outcome]:
        """Store the group's spans, or write them to the dead letter. Raises Unavailable if neither is possible now."""
        try:
            refused = self._store_group(group)
        except StoreUnavailable as error:
            self._note_health(str(error))
            raise Unavailable(str(error)) from error
        self._note_health(None)
        self._behind = True
        by_key = {keys.key_of(rejection.span): rejection for rejection in refused}
        rejections = [_rejections(work.request, by_key) for work in group]
        self._write_dead([rejection for of_work in rejections for rejection in of_work])
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
        """Store what can be. A span that breaks mapping or store is found by bisection, or it would come for ever."""
        if not spans:
            return []
        try:
            graphs = ready or [self._graph_of(spans)]
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
            return [self._store.ready(self._graph_of(each)) for each in some]
        except Exception:  # noqa: BLE001 - logged when the span that causes it is found
            return None

    def _graph_of(self, spans: Sequence[Span]) -> GraphBatch:
        return mapping.of(spans, retention_days=self._retention_days, stored_s=self._clock())

    def _write_dead(self, rejections: Sequence[Rejection]) -> None:
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
        elif self._written.store_error is None and (self._pruned is not None or now >= self._prune_at):
            try:
                self._prune_step()
            except StoreUnavailable as error:
                self._pruned, self._prune_at = None, now + PRUNE_EVERY_S
                self._note_health(str(error))
            except OSError as error:
                log.warning("old dead letters cannot be removed: %s", error)
        if self._behind and (self._queue.empty() or now >= self._index_at):
            self._index_step(now)

    def _index_step(self, now: float) -> None:
        """Index a few spans: what arrived meanwhile is written before the next step."""
        self._index_at = now + INDEX_EVERY_S
        try:
            self._behind = self._written.store_error is None and self._store.index()
        except StoreUnavailable as error:
            self._behind = False  # Until something can be written again.
            self._note_health(str(error))

    def _prune_step(self) -> None:
        """Remove a few expired documents: requests that arrived meanwhile are written before the next step."""
        if self._pruned is None:
            self._pruned = Counter()
        removed = Counter(self._store.prune(self._clock(), steps=1))
        self._pruned.update(removed)
        if not removed.total():
            log.info("pruned: %s", dict(self._pruned))
            self._pruned, self._prune_at = None, time.monotonic() + PRUNE_EVERY_S
            self._dead.clear()

    def _probe(self) -> None:
        self._probe_at = time.monotonic() + PROBE_S
        try:
            self._store.probe()
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
    """Return the spans of which something was refused."""
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
    of_store = [refused[key] for span in request.spans if (key := keys.key_of(span)) in refused] if refused else []
    return [*request.rejections, *of_store]


def _outcome(rejections: Sequence[Rejection]) -> Outcome:
    if not rejections:
        return Outcome()
    more = f", and {len(rejections) - 1} more" if len(rejections) > 1 else ""
    return Outcome(len(rejections), rejections[0].reason + more)
