"""An agent under load: sends session after session, each until it is acknowledged, whatever dies on the other side."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from cc_otel.otlp.destination import Destination
from cc_otel.otlp.encode import encode, request
from cc_otel.otlp.transport import Delivered, Retry, connect
from cc_otel.span import Span
from tests.stack.process import wait_for
from tests.stack.trees import session


class Load(threading.Thread):
    """
    Sends sessions from a thread of its own for as long as the ``running`` block lasts.

    ``sent`` holds what was acknowledged; ``interrupted`` counts the attempts that failed before.
    """

    def __init__(self, destination: Destination) -> None:
        super().__init__()
        self.sent: list[Span] = []
        self.interrupted = 0
        self._destination = destination
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Send until the block ends, and what was begun then to its end."""
        self.start()
        try:
            yield self
        finally:
            self._over.set()
            self.join()

    def wait_for_more(self, spans: int) -> None:
        """Wait until so many more spans are acknowledged."""
        goal = len(self.sent) + spans
        wait_for("the load to go on", lambda: len(self.sent) >= goal)

    def run(self) -> None:
        """Send; paced, so that a slow restart elsewhere does not pile up more than there is time to deliver."""
        transport = connect(self._destination)
        for number in count():
            spans = session(f"load {number}", turns=1)
            message = request(map(encode, spans))
            while (outcome := transport.export(message, timeout_s=10)) != Delivered():
                assert isinstance(outcome, Retry), outcome
                self.interrupted += 1
                time.sleep(0.02)
            self.sent.extend(spans)
            if self._over.wait(0.005):
                break
        transport.close()
