"""The commands that stay: ``up``, ``agent`` and ``graph-exporter``."""

import importlib.metadata
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TypeVar

import click

from cc_otel.claude_code import hook
from cc_otel.cli.common import fail, with_settings
from cc_otel.cli.compose import agent_at_work, graph_exporter_at_work, prepare_home
from cc_otel.cli.logs import log_to
from cc_otel.config import Home, Settings

log = logging.getLogger(__name__)

Part = TypeVar("Part")

SENDING = (
    "exporter_otlp_endpoint",
    "exporter_otlp_protocol",
    "exporter_otlp_headers",
    "exporter_otlp_compression",
    "exporter_otlp_timeout",
    "exporter_otlp_certificate",
    "exporter_otlp_client_key",
    "exporter_otlp_client_certificate",
    "exporter_otlp_insecure",
    "resource_attributes",
    "use_otel_env",
    "content",
    "value_max_bytes",
    "spool_max_mb",
    "keep_h",
    "idle_s",
    "projects_dir",
    "summary_model",
)
STORING = ("store", "arango_password_file", "graph_listen", "graph_token", "retention_days")
CHECK_S = 1.0
UPGRADE_CHECK_S = 10.0


@click.command()
@with_settings(*SENDING, *STORING, "log_level")
def up(home: Home, settings: Settings) -> None:
    """
    Run everything in one process: agent and graph-exporter, on SQLite.

    Needs no other server and opens no port. Stops on Ctrl-C; what is not delivered then stays, and goes on next time.
    """
    stop = _stop_on_signals()
    with _serving(home, settings) as parts:
        exporter = _enter(parts, graph_exporter_at_work(home, settings))
        daemon = _enter(parts, agent_at_work(home, settings))
        click.echo(f"cc-otel is up. Home: {home.path}. Stop with Ctrl-C; look with `cc-otel query sessions`.")
        _until_stopped(stop, lambda: daemon.alive() and exporter.alive())


@click.command()
@with_settings(*SENDING, "graph_listen", "log_level")
def agent(home: Home, settings: Settings) -> None:
    """Run the agent alone: from the spool to an OTLP endpoint."""
    stop = _stop_on_signals()
    with _serving(home, settings) as parts:
        daemon = _enter(parts, agent_at_work(home, settings))
        click.echo(f"The cc-otel agent is running. Home: {home.path}. Stop with Ctrl-C.")
        _until_stopped(stop, daemon.alive)


@click.command("graph-exporter")
@with_settings(*STORING, "log_level")
def graph_exporter(home: Home, settings: Settings) -> None:
    """Run the graph-exporter alone: an OTLP trace service that writes a graph."""
    prepare_home(home)
    log_to(home.log.with_stem("graph-exporter"), settings.log_level)
    stop = _stop_on_signals()
    with ExitStack() as parts:
        exporter = _enter(parts, graph_exporter_at_work(home, settings))
        click.echo(f"The graph-exporter listens on {exporter.address}. Stop with Ctrl-C.")
        _until_stopped(stop, exporter.alive)


@contextmanager
def _serving(home: Home, settings: Settings) -> Iterator[ExitStack]:
    """Hold the home's lock for the block. Where another agent has it, say so and leave: what is asked for is so."""
    from cc_otel.agent.lock import AlreadyRunning, HomeLock

    prepare_home(home)
    log_to(home.log, settings.log_level)
    with ExitStack() as parts:
        try:
            parts.enter_context(HomeLock(home.path))
        except AlreadyRunning as error:
            click.echo(f"{str(error).capitalize()} for {home.path}; `cc-otel status` tells how it is.")
            raise click.exceptions.Exit(0) from None
        _refresh_hook(home)
        yield parts


def _enter(parts: ExitStack, part: AbstractContextManager[Part]) -> Part:
    """Start a part; fail in words where it cannot start."""
    from cc_otel.graph.store import StoreUnavailable
    from cc_otel.journal.database import JournalUnavailable

    try:
        return parts.enter_context(part)
    except (OSError, JournalUnavailable, StoreUnavailable) as error:
        fail(str(error))


def _stop_on_signals() -> threading.Event:
    """Give an event that Ctrl-C and its like set; from the start, so that nothing is left half begun."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _until_stopped(stop: threading.Event, healthy: Callable[[], bool]) -> None:
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
    """Give the version that is installed now; empty where none is."""
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
