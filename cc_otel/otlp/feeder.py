"""
From requests to a sink, in slices: requests take turns, and what is on its way to the disk has a limit.

One thread decodes, because only one at a time can run Python: several would all be ready late, and the sink would first
have nothing to do and then everything.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from cc_otel.otlp.decode import SLICE_BYTES_MAX, Decoded, slices
from cc_otel.otlp.sink import Outcome, Sink, Unavailable

SPANS_IN_SINK_MAX: Final = 6_144
BYTES_IN_SINK_MAX: Final = 8 << 20
"""How much may be in the sink, decoded and not yet durable: as objects it takes several times the memory."""

REMEMBERED_MAX: Final = 32
REMEMBERED_S: Final = 900.0
"""How many large requests are known by their bytes, and how long: a client that gave up on one sends it again."""


@dataclass(eq=False, slots=True)
class Job:
    """A request on its way to the sink. ``outcome`` comes when every slice has one."""

    data: bytes | bytearray
    on_decoded: Callable[[], None]
    outcome: Future[Outcome] = field(default_factory=Future)
    repaired: int = 0
    abandoned: bool = False
    begun_s: float = 0.0
    digest: bytes = b""
    parts: Iterator[Decoded] = field(default_factory=lambda: iter(()))
    part: Decoded | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _unfinished: int = 1
    _in_sink: set[Future[Outcome]] = field(default_factory=set)
    _rejected: int = 0
    _message: str = ""

    def abandon(self) -> None:
        """
        Note that nobody waits any more: what has not been begun is dropped.

        A large request goes on: it takes longer than its client waits, and will be answered when it is sent again.
        """
        self.abandoned = True
        with self._lock:
            in_sink = () if self.digest else tuple(self._in_sink)
        for future in in_sink:
            future.cancel()

    def add(self, future: Future[Outcome]) -> None:
        """Add a slice's outcome."""
        with self._lock:
            self._unfinished += 1
            self._in_sink.add(future)
        future.add_done_callback(self._note)

    def close(self) -> None:
        """Note that there are no more slices."""
        self._finish(Outcome())

    def fail(self, error: BaseException) -> None:
        """End with an error, whatever becomes of slices that are in the sink."""
        self.free()
        with self._lock:
            first = not self.outcome.done()
            if first:
                self.outcome.set_exception(error)

    def follow(self, other: Future[Outcome]) -> None:
        """End as another request of the same bytes does."""
        self.free()
        other.add_done_callback(self._note)

    def free(self) -> None:
        """Free the request's bytes."""
        self.data, self.parts, self.part = b"", iter(()), None
        self.on_decoded()

    def _note(self, future: Future[Outcome]) -> None:
        with self._lock:
            self._in_sink.discard(future)
        try:
            self._finish(future.result())
        except (Exception, CancelledError) as error:  # noqa: BLE001 - raised again where the outcome is awaited
            self.fail(error)

    def _finish(self, outcome: Outcome) -> None:
        with self._lock:
            self._unfinished -= 1
            self._rejected += outcome.rejected_spans
            self._message = self._message or outcome.message
            if not self._unfinished and not self.outcome.done():
                self.outcome.set_result(Outcome(self._rejected, self._message))


class Feeder:
    """Decodes requests and passes them to a sink, by a thread of its own."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._spans_in_sink = self._bytes_in_sink = 0
        self._stopping = False
        self._known: OrderedDict[bytes, Job] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="otlp-decode", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, data: bytes | bytearray, on_decoded: Callable[[], None]) -> Job:
        """Return the request's job. ``on_decoded`` is called once its bytes are needed no more, by any thread."""
        job = Job(data, on_decoded)
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        return job

    def stop(self) -> None:
        """End the thread; requests that are not in the sink yet get no outcome."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._advance(job)
            except Exception as error:  # noqa: BLE001 - raised again where the outcome is awaited
                job.fail(error)

    def _next(self) -> Job | None:
        """Wait for a job and for room in the sink."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or (self._jobs and self._has_room()))
            return None if self._stopping else self._jobs.popleft()

    def _has_room(self) -> bool:
        return self._spans_in_sink < SPANS_IN_SINK_MAX and self._bytes_in_sink < BYTES_IN_SINK_MAX

    def _advance(self, job: Job) -> None:
        """Pass the job's next slice to the sink; its turn comes again behind the others."""
        if not job.begun_s and not self._begin(job):
            return
        part, job.part = job.part, next(job.parts, None)
        if job.part is None:
            # Before the sink makes something of the slice: with a large span it is the memory of several of it.
            job.free()
        if part is not None:
            self._pass_on(job, part)
        if job.part is None:
            job.close()
            return
        with self._changed:
            self._jobs.append(job)

    def _begin(self, job: Job) -> bool:
        """Decode the first slice, unless nobody waits for it, or the same request is under way or was stored."""
        if job.abandoned:
            job.fail(Unavailable("given up by its client"))
            return False
        job.begun_s = time.monotonic()
        if len(job.data) > SLICE_BYTES_MAX and self._is_known(job):
            return False
        job.parts, job.data = slices(job.data), b""
        job.part = next(job.parts, None)
        return True

    def _is_known(self, job: Job) -> bool:
        job.digest = blake2b(job.data, digest_size=32).digest()
        known = self._known.get(job.digest)
        if known is not None and job.begun_s - known.begun_s < REMEMBERED_S and not _failed(known.outcome):
            job.follow(known.outcome)
            return True
        self._known[job.digest] = job
        self._known.move_to_end(job.digest)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return False

    def _pass_on(self, job: Job, part: Decoded) -> None:
        future = self._sink.take(part)
        job.repaired += part.repaired
        spans, size_bytes = len(part.spans) + len(part.rejections), part.size_bytes
        with self._changed:
            self._spans_in_sink += spans
            self._bytes_in_sink += size_bytes
        job.add(future)
        future.add_done_callback(lambda _: self._leave(spans, size_bytes))

    def _leave(self, spans: int, size_bytes: int) -> None:
        with self._changed:
            self._spans_in_sink -= spans
            self._bytes_in_sink -= size_bytes
            self._changed.notify()


def _failed(outcome: Future[Outcome]) -> bool:
    return outcome.done() and outcome.exception() is not None
