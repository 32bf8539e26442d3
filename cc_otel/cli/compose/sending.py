"""Where spans go, and what they carry there."""

import socket
from collections.abc import Mapping
from pathlib import Path

from cc_otel import conventions
from cc_otel.claude_code.projects import folders
from cc_otel.cli.common import fail
from cc_otel.config import Home, Settings
from cc_otel.otlp.destination import BadDestination, Destination, check_socket_path, parse_headers


def graph_address(home: Home, settings: Settings) -> str:
    """Return where the graph-exporter listens."""
    return settings.graph_listen or f"unix:{home.socket}"


def sends_to_own_graph(settings: Settings) -> bool:
    """Whether spans go straight to the embedded graph-exporter."""
    return not (settings.exporter_otlp_endpoint or settings.exporter_otlp_traces_endpoint)


def destination(home: Home, settings: Settings) -> Destination:
    """Return where the agent sends; fail with a message where the settings cannot work."""
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
            insecure=settings.exporter_otlp_insecure or sends_to_own_graph(settings),
            endpoint_is_full=bool(full),
        )
    except BadDestination as error:
        fail(str(error))


def check_addresses(home: Home, settings: Settings) -> None:
    """Fail with a message where an agent could not send, or the graph-exporter started beside it not listen."""
    destination(home, settings)
    listen = graph_address(home, settings)
    if settings.autostart == "up" and listen.startswith("unix:"):
        try:
            check_socket_path(listen.removeprefix("unix:"))
        except BadDestination as error:
            fail(str(error))


def with_content(settings: Settings, target: Destination) -> bool:
    """Whether spans may hold content: as the setting says; without one, only while they stay on this machine."""
    return settings.content == "redacted" or (settings.content == "" and target.local)


def resource(settings: Settings) -> Mapping[str, str]:
    """Return the resource of all spans. Nothing random in it: a span sent again must be the same span."""
    try:
        # The same form as headers, but for names, which keep their case (OTel specification, Resource SDK).
        further = parse_headers(settings.resource_attributes, "attribute")
    except BadDestination as error:
        fail(f"resource_attributes: {error}")
    fixed = {conventions.SERVICE_NAME: conventions.SERVICE_NAME_VALUE, conventions.HOST_NAME: socket.gethostname()}
    return fixed | further


def projects(home: Home, settings: Settings) -> tuple[Path, ...]:
    """Return Claude's projects folders, from which alone transcripts are read; none after `uninstall`."""
    return () if home.uninstalled.exists() else folders(settings.projects_dir)


def _on_this_machine(listen: str) -> str:
    """Return how a server that listens on all addresses of this machine is reached from here."""
    for everywhere, here in (("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")):
        if listen.startswith(everywhere):
            return here + listen.removeprefix(everywhere)
    return listen


def _own_token(settings: Settings) -> dict[str, str]:
    """Return the header that the home's own graph-exporter asks for."""
    if not (sends_to_own_graph(settings) and settings.graph_token):
        return {}
    return {"authorization": f"Bearer {settings.graph_token}"}


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None
