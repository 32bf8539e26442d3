"""Settings to parts: the one place where the agent, the graph-exporter and their home are put together."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cc_otel.cli.common import fail
from cc_otel.config import Home, Settings

if TYPE_CHECKING:
    from cc_otel.agent.daemon import AgentDaemon, Plan
    from cc_otel.agent.summary.plan import CachePlan, SummaryPlan
    from cc_otel.graph.exporter import GraphExporter
    from cc_otel.graph.store import GraphStore
    from cc_otel.otlp.destination import Destination

STOP_GRACE_S: Final = 5.0

_BROUGHT: Final = {"config.toml", "model.env", "off", "lost+found"}
"""What may be in a home that is used for the first time: what its owner wrote, and what a fresh disk has."""

_MADE: Final = {
    *("spool", "record.sh", "installed.json", "agent.lock", "journal.db", "graph.db", "cache.db", "dead"),
    *("cc-otel.log", "graph-exporter.log"),
}
"""What tells a home that has been used. A folder that was there for something else is not ours to make private."""


def prepare_home(home: Home) -> None:
    """Make the home, for its owner alone; fail in words where that is impossible."""
    try:
        found = {path.name for path in home.path.iterdir()} if home.path.is_dir() else set()
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not found - _BROUGHT or found & _MADE:
            home.path.chmod(0o700)
    except OSError as error:
        fail(f"the home {home.path} cannot be used: {error.strerror}. Name another with --home")


def graph_address(home: Home, settings: Settings) -> str:
    """Give where the graph-exporter listens."""
    return settings.graph_listen or f"unix:{home.socket}"


def destination(home: Home, settings: Settings) -> "Destination":
    """Give where the agent sends; fail in words where the settings cannot work."""
    from cc_otel.otlp.destination import BadDestination, Destination, parse_headers

    full = settings.exporter_otlp_traces_endpoint
    try:
        return Destination(
            endpoint=full or settings.exporter_otlp_endpoint or _on_this_machine(graph_address(home, settings)),
            protocol=settings.exporter_otlp_protocol,
            headers=parse_headers(settings.exporter_otlp_headers) | _own_token(settings),
            compression=settings.exporter_otlp_compression,
            timeout_s=settings.exporter_otlp_timeout,
            certificate=_path(settings.exporter_otlp_certificate),
            client_key=_path(settings.exporter_otlp_client_key),
            client_certificate=_path(settings.exporter_otlp_client_certificate),
            insecure=settings.exporter_otlp_insecure or not (full or settings.exporter_otlp_endpoint),
            endpoint_is_full=bool(full),
        )
    except BadDestination as error:
        fail(str(error))


def check_addresses(home: Home, settings: Settings) -> None:
    """Fail in words where an agent could not send, or the graph-exporter that is started beside it not listen."""
    from cc_otel.otlp.destination import BadDestination, check_socket_path

    destination(home, settings)
    listen = graph_address(home, settings)
    if settings.autostart == "up" and listen.startswith("unix:"):
        try:
            check_socket_path(listen.removeprefix("unix:"))
        except BadDestination as error:
            fail(str(error))


def with_content(settings: Settings, target: "Destination") -> bool:
    """Whether spans may hold content: what is said, else yes only while they stay on this machine."""
    return settings.content == "redacted" or (settings.content == "" and target.local)


def resource(settings: Settings) -> Mapping[str, str]:
    """Give the resource of all spans. Nothing random in it: a span sent again must be the same span."""
    from cc_otel import conventions
    from cc_otel.otlp.destination import BadDestination, parse_headers

    try:
        # The same form as headers, but for names, which keep their case (OTel specification, Resource SDK).
        further = parse_headers(settings.resource_attributes, "attribute")
    except BadDestination as error:
        fail(f"resource_attributes: {error}")
    fixed = {conventions.SERVICE_NAME: conventions.SERVICE_NAME_VALUE, conventions.HOST_NAME: socket.gethostname()}
    return fixed | further


def plan(home: Home, settings: Settings, *, at_hand: bool = False) -> "Plan":
    """Give the agent's plan; ``at_hand`` says that clients live where it does, so that it can see who is gone."""
    from cc_otel.agent.daemon import Plan
    from cc_otel.agent.evidence import GONE_GRACE_S, UNSEEN_GRACE_S
    from cc_otel.agent.pipeline import Limits

    target = destination(home, settings)
    return Plan(
        home=home.path,
        spool=home.spool,
        journal=home.journal,
        dead=home.dead,
        projects=projects(settings),
        destination=target,
        resource=resource(settings),
        limits=Limits(
            journal_bytes_max=settings.spool_max_mb << 20,
            keep_s=settings.keep_h * 3600,
            # A client that names no pid cannot be seen at all.
            idle_s=GONE_GRACE_S if at_hand else settings.idle_s,
            unseen_s=GONE_GRACE_S if at_hand else UNSEEN_GRACE_S,
        ),
        spool_bytes_max=settings.spool_max_mb << 20,
        value_bytes_max=settings.value_max_bytes,
        with_content=with_content(settings, target),
        summaries=summary_plan(home, settings),
    )


def cache_plan(home: Home, settings: Settings) -> "CachePlan":
    """Give where summaries are kept, and how much of them."""
    from cc_otel.agent.summary.plan import CachePlan

    return CachePlan(
        url=settings.cache_url,
        path=home.cache,
        age_max_s=settings.cache_keep_days * 86_400,
        bytes_max=settings.cache_max_mb << 20,
    )


def summary_models(settings: Settings) -> tuple[str, ...]:
    """Give the models that write summaries, in the order they are asked; none where rules do."""
    if not settings.summary_model:
        return ()
    fallbacks = (model.strip() for model in settings.summary_fallback_models.split(","))
    return (settings.summary_model, *filter(None, fallbacks))


def summary_plan(home: Home, settings: Settings) -> "SummaryPlan | None":
    """Give who writes summaries and what it may cost; None where rules do."""
    models = summary_models(settings)
    if not models:
        return None
    from cc_otel.agent.summary.budget import Allowance
    from cc_otel.agent.summary.plan import SummaryPlan

    return SummaryPlan(
        models=models,
        credentials=home.model_credentials,
        timeout_s=settings.summary_timeout_s,
        allowance=Allowance(
            usd_per_day=settings.summary_budget_usd,
            calls_per_minute=settings.summary_calls_per_min,
            calls_per_day=settings.summary_calls_per_day,
        ),
        cache=cache_plan(home, settings),
    )


def projects(settings: Settings) -> Path:
    """Give Claude's own projects folder, the only one that transcripts are read from."""
    return Path(settings.projects_dir).expanduser() if settings.projects_dir else Path.home() / ".claude" / "projects"


def open_store(home: Home, settings: Settings) -> "GraphStore":
    """Open the graph store that the settings name; fail in words where there is none such."""
    url = settings.store or f"sqlite://{home.graph}"
    scheme = urlsplit(url).scheme
    if scheme.startswith("arangodb"):
        return _open_arango(url, settings)
    if scheme != "sqlite":
        fail(f"no graph store is called {scheme!r}: write sqlite:///PATH or arangodb+https://USER@HOST:8529/DATABASE")
    from cc_otel.graph.sqlite import SqliteStore

    return SqliteStore(Path(url.removeprefix("sqlite://")))


def _open_arango(url: str, settings: Settings) -> "GraphStore":
    try:
        from cc_otel.graph.arango.address import BadAddress
        from cc_otel.graph.arango.store import ArangoStore
    except ImportError:
        fail("ArangoDB needs a driver that is not installed: install cc-otel[arango]")
    password = settings.arango_password
    try:
        if settings.arango_password_file:
            password = Path(settings.arango_password_file).expanduser().read_text("utf-8").strip()
        return ArangoStore(url, password)
    except (BadAddress, OSError) as error:
        fail(str(error))


@contextmanager
def agent_at_work(home: Home, settings: Settings, *, at_hand: bool = False) -> Iterator["AgentDaemon"]:
    """Run an agent until the block ends; ``at_hand`` is `plan`'s. The caller holds the home's lock."""
    from cc_otel.agent.daemon import AgentDaemon

    daemon = AgentDaemon(plan(home, settings, at_hand=at_hand))
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


@contextmanager
def graph_exporter_at_work(home: Home, settings: Settings) -> Iterator["GraphExporter"]:
    """Run a graph-exporter until the block ends; it finishes what it accepted."""
    from cc_otel.graph.exporter import GraphExporter
    from cc_otel.otlp.receive_grpc import TraceServer

    server = TraceServer(graph_address(home, settings), settings.graph_token or None)
    exporter = GraphExporter(open_store(home, settings), [server], home.dead, settings.retention_days)
    exporter.start()
    try:
        yield exporter
    finally:
        exporter.stop(STOP_GRACE_S)


def sends_to_own_graph(settings: Settings) -> bool:
    """Whether spans go straight to the embedded graph-exporter."""
    return not (settings.exporter_otlp_endpoint or settings.exporter_otlp_traces_endpoint)


def _on_this_machine(listen: str) -> str:
    """Give how a server is reached from here, where it listens on all of this machine's addresses."""
    for everywhere, here in (("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")):
        if listen.startswith(everywhere):
            return here + listen.removeprefix(everywhere)
    return listen


def _own_token(settings: Settings) -> dict[str, str]:
    """Give what the home's own graph-exporter asks for."""
    if not (sends_to_own_graph(settings) and settings.graph_token):
        return {}
    return {"authorization": f"Bearer {settings.graph_token}"}


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def clean_environment() -> dict[str, str]:
    """Give the environment for a started agent: nothing of ours, so that nothing a repository says moves it."""
    kept = ("HOME", "LANG", "LC_ALL", "TMPDIR")
    return {"PATH": "/usr/local/bin:/usr/bin:/bin"} | {name: os.environ[name] for name in kept if name in os.environ}
