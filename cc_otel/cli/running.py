"""The commands that stay: ``up``, ``agent`` and ``graph-exporter``."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import click

from cc_otel.cli.common import fail, with_settings
from cc_otel.cli.compose import agent_at_work, graph_exporter_at_work, prepare_home
from cc_otel.cli.logs import log_to
from cc_otel.config import Home, Settings

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
)
STORING = ("store", "arango_password_file", "graph_listen", "graph_token", "retention_days")
CHECK_S = 1.0


@click.command()
@with_settings(*SENDING, *STORING, "log_level")
def up(home: Home, settings: Settings) -> None:
    """
    Run everything in one process: agent and graph-exporter, on SQLite.

    Needs no other server and opens no port. Stops on Ctrl-C; what is not delivered then stays, and goes on next time.
    """
    with _serving(home, settings) as parts:
        exporter = _enter(parts, graph_exporter_at_work(home, settings))
        daemon = _enter(parts, agent_at_work(home, settings))
        click.echo(f"cc-otel is up. Home: {home.path}. Stop with Ctrl-C; look with `cc-otel query sessions`.")
        _until_stopped(lambda: daemon.alive() and exporter.alive())


@click.command()
@with_settings(*SENDING, "graph_listen", "log_level")
def agent(home: Home, settings: Settings) -> None:
    """Run the agent alone: from the spool to an OTLP endpoint."""
    with _serving(home, settings) as parts:
        daemon = _enter(parts, agent_at_work(home, settings))
        click.echo(f"The cc-otel agent is running. Home: {home.path}. Stop with Ctrl-C.")
        _until_stopped(daemon.alive)


@click.command("graph-exporter")
@with_settings(*STORING, "log_level")
def graph_exporter(home: Home, settings: Settings) -> None:
    """Run the graph-exporter alone: an OTLP trace service that writes a graph."""
    prepare_home(home)
    log_to(home.log.with_stem("graph-exporter"), settings.log_level)
    with ExitStack() as parts:
        exporter = _enter(parts, graph_exporter_at_work(home, settings))
        click.echo(f"The graph-exporter listens on {exporter.address}. Stop with Ctrl-C.")
        _until_stopped(exporter.alive)


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
        yield parts


def _enter(parts: ExitStack, part: AbstractContextManager[Part]) -> Part:
    """Start a part; fail in words where it cannot start."""
    from cc_otel.graph.store import StoreUnavailable
    from cc_otel.journal import JournalUnavailable

    try:
        return parts.enter_context(part)
    except (OSError, JournalUnavailable, StoreUnavailable) as error:
        fail(str(error))


def _until_stopped(healthy: Callable[[], bool]) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(CHECK_S):
        if not healthy():
            fail("a part of cc-otel has stopped unexpectedly; its log says why")
