"""One table of defaults: the ports and setting names that people read are those that the programs use."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml  # type: ignore[import-untyped]  # comes with detect-secrets, without types

from cc_otel.cli.install import STACK
from cc_otel.config import COLLECTOR_PORT, GRAPH_PORT, SETTINGS, UI_PORT, variable
from cc_otel.graph.arango.address import PORT_DEFAULT
from tests.stack.programs import COLLECTOR_CONFIG, JAEGER_CONFIG, ROOT, defaults

COMPOSE: Final = ROOT / "docker-compose.yml"
DOCKERFILE: Final = ROOT / "Dockerfile"

TEXTS: Final = (
    COMPOSE,
    COLLECTOR_CONFIG,
    JAEGER_CONFIG,
    DOCKERFILE,
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "hooks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
"""What people read and operators run."""

PORTS: Final = {
    COLLECTOR_PORT: "the Collector: OTLP over gRPC",
    4318: "the Collector: OTLP over HTTP",
    13133: "the Collector's health",
    8888: "the Collector's metrics",
    GRAPH_PORT: "the graph-exporter, where it listens on TCP",
    UI_PORT: "the page",
    14317: "Jaeger: OTLP over gRPC, beside the Collector's",
    16685: "Jaeger: gRPC API",
    16686: "Jaeger: UI and HTTP API",
    13134: "Jaeger's health",
    8889: "Jaeger's metrics",
    PORT_DEFAULT: "ArangoDB",
    8530: "ArangoDB for the tests, beside the other",
    6379: "the summary cache",
    5432: "PostgreSQL, in an example of what is redacted",
}

BESIDE_SETTINGS: Final = frozenset(
    "CC_OTEL_HOME CC_OTEL_OFF CC_OTEL_SOURCE_APP CC_OTEL_CACHE_PASSWORD CC_OTEL_STACK_DIR CC_OTEL_REQUIRE_STACK "
    "CC_OTEL_TEST_ARANGO_URL CC_OTEL_TEST_ARANGO_PASSWORD".split()
)
"""Variables that are read elsewhere than in the table of settings: by the hook, Compose, or the tests."""

_PORT: Final = re.compile(r"(?:\d\.\d|localhost|host|HOST):(\d{4,5})\b|:-(\d{4,5})\}|`(\d{4,5})` \|")
_NAME: Final = re.compile(r"\bCC_OTEL_[A-Z0-9]++(?:_[A-Z0-9]++)*+(?![_*])")


def named(path: Path) -> str:
    """Name a file as the tree does."""
    return str(path.relative_to(ROOT))


def ports_in(path: Path) -> Iterator[int]:
    """Yield the ports that a text names."""
    for found in _PORT.finditer(path.read_text("utf-8")):
        yield int(next(filter(None, found.groups())))


def stack_defaults() -> dict[str, str]:
    """Return the settings of the stack's own files with their defaults."""
    compose = re.findall(r"\$\{(CC_OTEL_\w+):-([^}]*)\}", COMPOSE.read_text("utf-8"))
    return defaults(COLLECTOR_CONFIG) | defaults(JAEGER_CONFIG) | dict(compose)


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_every_port_in_a_text_is_one_of_ours(path: Path) -> None:
    """No text names a port that the table of ports does not."""
    assert set(ports_in(path)) <= PORTS.keys()


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_every_variable_in_a_text_is_a_setting(path: Path) -> None:
    """No text names a ``CC_OTEL_`` variable that nothing reads."""
    settings = {variable(name) for name in SETTINGS}
    traces = {name.replace("EXPORTER_OTLP_", "EXPORTER_OTLP_TRACES_") for name in settings}
    named_there = set(_NAME.findall(path.read_text("utf-8")))

    assert not named_there - settings - traces - stack_defaults().keys() - BESIDE_SETTINGS


def test_the_graph_exporter_is_asked_and_watched_where_it_listens() -> None:
    """Collector, Compose and the image's health command have one address of the graph-exporter."""
    compose = yaml.safe_load(COMPOSE.read_text("utf-8"))
    [watched] = re.findall(r'^HEALTHCHECK .*"([^"]+)"\]$', DOCKERFILE.read_text("utf-8"), re.MULTILINE)

    assert {
        "Collector": defaults(COLLECTOR_CONFIG)["CC_OTEL_GRAPH_ENDPOINT"],
        "Compose": compose["services"]["graph-exporter"]["environment"]["CC_OTEL_GRAPH_LISTEN"],
        "health": watched,
    } == dict.fromkeys(("Collector", "Compose", "health"), f"127.0.0.1:{GRAPH_PORT}")


def test_the_collector_listens_where_agents_are_pointed() -> None:
    """The Collector's default address is the one that ``cc-otel install --stack`` sends to."""
    listens = defaults(COLLECTOR_CONFIG)["CC_OTEL_COLLECTOR_GRPC_LISTEN"]

    assert (listens, STACK["exporter_otlp_endpoint"]) == (f"127.0.0.1:{COLLECTOR_PORT}", f"http://{listens}")


def test_the_configurations_agree_on_addresses() -> None:
    """The Collector sends to where Jaeger listens; every listener is on loopback, and no two share a port."""
    collector, jaeger = defaults(COLLECTOR_CONFIG), defaults(JAEGER_CONFIG)
    listening = {name: value for name, value in (collector | jaeger).items() if name.endswith(("_LISTEN", "_PORT"))}
    ports = [value.rpartition(":")[2] for value in listening.values()]

    assert collector["CC_OTEL_JAEGER_ENDPOINT"] == jaeger["CC_OTEL_JAEGER_ENDPOINT"]
    assert sorted(set(ports)) == sorted(ports)
    assert all(value.startswith("127.0.0.1:") for name, value in listening.items() if name.endswith("_LISTEN"))


def test_compose_has_the_defaults_of_our_settings() -> None:
    """Where Compose gives one of our own settings a default, it is the setting's."""
    ours = {variable(name): setting.default for name, setting in SETTINGS.items()}
    given = {name: value for name, value in stack_defaults().items() if name in ours}

    assert given.keys() == {"CC_OTEL_GRAPH_TOKEN", "CC_OTEL_RETENTION_DAYS"}
    assert given == {name: f"{ours[name]:g}" if isinstance(ours[name], float) else ours[name] for name in given}


def test_every_setting_of_the_stack_is_documented_with_its_default() -> None:
    """docs/stack.md names each setting that a file of the stack reads, and its default."""
    documented = (ROOT / "docs" / "stack.md").read_text("utf-8")
    rows = {f"| `{name}` | {f'`{default}`' if default else 'none'} |" for name, default in stack_defaults().items()}

    assert not {row for row in rows if row not in documented}


def test_the_image_is_of_the_version_that_is_tested() -> None:
    """The Collector that Compose runs has the version of the one that the tests build."""
    version = yaml.safe_load((ROOT / "stack" / "otelcol-builder.yaml").read_text("utf-8"))["dist"]["version"]
    compose = yaml.safe_load(COMPOSE.read_text("utf-8"))

    assert compose["services"]["collector"]["image"] == f"otel/opentelemetry-collector-contrib:{version}"
