"""The agent's side of the model process: sends questions, returns answers, restarts the process when needed."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from cc_otel.agent.processes import memory_bytes
from cc_otel.agent.redaction.redact import redact_text
from cc_otel.agent.summary.credentials import BadCredentials, Credentials
from cc_otel.agent.summary.wire import Answer, Failure, Question

log = logging.getLogger(__name__)

CALL_TIMEOUT_S: Final = 20.0
"""Longest model call, s. Its spans have left long before; what it says is kept for the next time."""

START_S: Final = 60.0
"""Longest import of LiteLLM, s: four on a good machine, twenty on a cold disk."""

IDLE_S: Final = 900.0
"""After this long without a question the process ends, and its memory is free."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """A caller that waits: set when its answer has arrived."""

    done: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None


@dataclass(eq=False, slots=True)
class _Child:
    """A model process, the time of its last question (s, monotonic), and the callers that wait for it."""

    process: "subprocess.Popen[bytes]"
    asked_s: float
    answered: bool = False
    waiting: dict[int, _Waiter] = field(default_factory=dict)


class ModelProcess:
    """Asks models in a process of their own, which starts with the first question. Any thread may ask."""

    def __init__(self, credentials: Credentials, *, call_timeout_s: float = CALL_TIMEOUT_S) -> None:
        """Take the credentials. Nothing is started yet."""
        self._credentials = credentials
        self._call_timeout_s = call_timeout_s
        self._lock = threading.Lock()
        self._child: _Child | None = None
        # Of the credentials that a process was started with last, or could not be.
        self._edition: tuple[int, int] | None = None
        self._stopped = False
        self._number = 0

    def ask(self, model: str, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any], tokens: int) -> Answer:
        """Ask a model and wait for its answer, at most as long as a call and a start may take. Never raises."""
        waiter = _Waiter()
        with self._lock:
            self._number += 1
            question = Question(self._number, model, messages, schema, self._call_timeout_s, tokens)
            try:
                child = self._started()
            except BadCredentials as error:
                return Answer(question.number, failure=Failure.CREDENTIALS, detail=str(error))
            except OSError as error:
                return Answer(question.number, failure=Failure.UNREACHABLE, detail=f"no model process: {error}")
            child.waiting[question.number] = waiter
            child.asked_s = time.monotonic()
            self._write(child, question.to_line())
            patience_s = self._call_timeout_s * 1.5 + (0.0 if child.answered else START_S)
        if not waiter.done.wait(patience_s):
            # It hangs beyond its own timeout: end it, the next question starts a new one.
            self._end(child)
            return Answer(question.number, failure=Failure.TIMEOUT, detail="no answer from the model process")
        answer = waiter.answer or Answer(question.number, failure=Failure.UNREACHABLE, detail="the model process ended")
        return _clean(answer)

    def warm(self) -> None:
        """Start the process unless it runs, so that its import is done before the first question."""
        with self._lock:
            try:
                self._started().asked_s = time.monotonic()
            except (BadCredentials, OSError) as error:
                log.debug("no model process yet: %s", error)

    def end_if_idle(self) -> bool:
        """End the process if it is idle or the credentials have changed. Return whether they have changed."""
        with self._lock:
            child = self._child
            changed = self._edition not in {None, self._credentials.edition()}
            if changed:
                self._edition = None
        idle = child is not None and not child.waiting and time.monotonic() - child.asked_s > IDLE_S
        if child and (changed or idle):
            self._end(child)
        return changed

    def memory_bytes(self) -> int:
        """Return the resident memory of the process, bytes; 0 if it is not running."""
        with self._lock:
            child = self._child
        return memory_bytes(child.process.pid) if child else 0

    def stop(self) -> None:
        """End the process for good. Waiting and later callers get an UNREACHABLE answer."""
        with self._lock:
            self._stopped = True
            child = self._child
        if child:
            self._end(child)

    def _started(self) -> _Child:
        if self._stopped:
            raise InterruptedError("it was stopped")
        child = self._child
        if child is not None and child.process.poll() is None:
            return child
        self._edition = self._credentials.edition()
        process = subprocess.Popen(
            # -P: the folder it starts in must not become a place to import from.
            [sys.executable, "-P", "-m", "cc_otel.agent.summary.worker"],
            env=self._credentials.environment(),
            cwd=self._credentials.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is the agent's to handle.
            start_new_session=True,
        )
        child = self._child = _Child(process, time.monotonic())
        threading.Thread(target=self._read, args=(child,), name="model answers", daemon=True).start()
        return child

    def _write(self, child: _Child, line: bytes) -> None:
        try:
            assert child.process.stdin is not None
            child.process.stdin.write(line)
            child.process.stdin.flush()
        except OSError:
            # It has died: the reading thread answers the callers that wait.
            log.debug("the model process takes no more questions")

    def _read(self, child: _Child) -> None:
        assert child.process.stdout is not None
        for line in child.process.stdout:
            try:
                answer = Answer.from_line(line)
            except (ValueError, TypeError):
                continue
            child.answered = True
            with self._lock:
                waiter = child.waiting.pop(answer.number, None)
            if waiter:
                waiter.answer = answer
                waiter.done.set()
        self._end(child)

    def _end(self, child: _Child) -> None:
        with self._lock:
            if self._child is child:
                self._child = None
            waiting, child.waiting = child.waiting, {}
        child.process.kill()
        child.process.wait()
        if child.process.stdin:
            # Unwritten input is lost with the process.
            with suppress(OSError):
                child.process.stdin.close()
        for waiter in waiting.values():
            waiter.done.set()


def _clean(answer: Answer) -> Answer:
    """Return the answer with a detail that may be shown: a service may quote the key it refuses."""
    if not answer.detail:
        return answer
    detail, _ = redact_text(answer.detail)
    return Answer(answer.number, answer.text, answer.failure, detail, answer.retry_after_s)
