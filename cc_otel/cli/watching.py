"""What commands share that watch: the feed of a home, the pace, and an end that leaves the terminal as it was."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final, NoReturn

from cc_otel.cli.compose.sending import destination, with_content
from cc_otel.cli.compose.store import open_store
from cc_otel.config import Home, Settings
from cc_otel.graph.store import GraphStore
from cc_otel.view.live import JournalWatch, LiveFeed

EVERY_S: Final = 0.25
"""Between two looks at what is new."""


@contextmanager
def watched(home: Home, settings: Settings) -> Iterator[tuple[GraphStore, JournalWatch, LiveFeed]]:
    """Open the store that the settings name, and what is open in the home; both may be there later than this."""
    quoting = with_content(settings, destination(home, settings))
    opened = JournalWatch(home.journal, with_content=quoting)
    with closing(open_store(home, settings)) as store:
        yield store, opened, LiveFeed(store, opened)


def keep_looking(step: Callable[[], None], every_s: float) -> None:
    """Take steps until Ctrl-C, which is how this ends and no failure, or SIGTERM, which ends with 143 as everywhere."""
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        while True:
            step()
            time.sleep(every_s)
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
