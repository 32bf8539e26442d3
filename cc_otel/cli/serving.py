"""What the commands that stay share: one agent a home, parts that start and stop, signals, upgrades."""

import importlib.metadata
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Final, TypeVar

import click

from cc_otel.agent.lock import AlreadyRunning, HomeLock
from cc_otel.claude_code import hook
from cc_otel.cli.common import fail
from cc_otel.cli.compose.home import prepare_home
from cc_otel.cli.logs import log_to
from cc_otel.config import Home, Settings
from cc_otel.graph.store import StoreUnavailable
from cc_otel.journal.database import JournalUnavailable

log = logging.getLogger(__name__)

Part = TypeVar("Part")

CHECK_S: Final = 1.0
UPGRADE_CHECK_S: Final = 10.0


@contextmanager
def only_agent(home: Home, settings: Settings) -> Iterator[ExitStack]:
    """Hold the home's lock for the block. Where another agent has it, say so and end: what was asked for is so."""
    prepare_home(home)
    log_to(home.log, settings.log_level)
    with ExitStack() as parts:
        try:
            parts.enter_context(HomeLock(home.path))
        except AlreadyRunning as error:
            click.echo(f"{str(error).capitalize()} for {home.path}; `cc-otel status` shows how it stands.")
            raise click.exceptions.Exit(0) from None
        _refresh_hook(home)
        yield parts


def enter(parts: ExitStack, part: AbstractContextManager[Part]) -> Part:
    """Start a part; fail with a message where it cannot start."""
    try:
        return parts.enter_context(part)
    except (OSError, JournalUnavailable, StoreUnavailable) as error:
        fail(str(error))


def stop_on_signals() -> threading.Event:
    """Return an event that SIGINT, SIGTERM and SIGHUP set; from the start, so that nothing is left half begun."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def until_stopped(stop: threading.Event, healthy: Callable[[], bool]) -> None:
    """Wait for the event, or for another version of this package; fail where a part has stopped by itself."""
    began_as, checked = _installed(), time.monotonic()
    while not stop.wait(CHECK_S):
        if not healthy():
            fail("a part of cc-otel has stopped unexpectedly; its log says why")
        if time.monotonic() - checked > UPGRADE_CHECK_S:
            checked = time.monotonic()
            if _installed() != began_as:
                # The next session starts the new version; what is not delivered yet waits for it.
                log.info("cc-otel was upgraded or removed: this version leaves")
                return


def _installed() -> str:
    """Return the version that is installed now; empty where there is none."""
    try:
        return importlib.metadata.version("cc-otel")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _refresh_hook(home: Home) -> None:
    """Bring the home's hook script to this version, where `install` has put one."""
    script = home.path / hook.SCRIPT_NAME
    with suppress(OSError):
        if script.exists() and script.read_text("utf-8") != hook.script():
            hook.install_script(home.path)
