"""collector-config.yaml and Jaeger's: valid, of one mind about addresses, and told of in the docs."""

import re
import subprocess
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with detect-secrets, without types

from cc_otel.config import COLLECTOR_PORT, GRAPH_PORT
from tests.stack.programs import COLLECTOR_CONFIG, JAEGER_CONFIG, ROOT, Built, defaults

pytestmark = pytest.mark.stack

MANIFEST = ROOT / "stack" / "otelcol-builder.yaml"


def ask(*argv: str) -> str:
    """Answer what a program prints; a failure shows what it says."""
    answer = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_collector_finds_its_configuration_valid(built: Built) -> None:
    """`otelcol validate` accepts collector-config.yaml as it is, without any setting, and says nothing."""
    assert ask(str(built("collector")), "validate", f"--config={COLLECTOR_CONFIG}") == ""


def test_the_collector_is_built_of_what_the_configuration_names(built: Built) -> None:
    """The manifest holds the components that the configuration names, by their current names, and no other."""
    config = yaml.safe_load(COLLECTOR_CONFIG.read_text())
    kinds = ("receivers", "processors", "exporters", "connectors", "extensions")
    named = {kind: {name.partition("/")[0] for name in config[kind]} for kind in kinds}
    components: dict[str, Any] = yaml.safe_load(ask(str(built("collector")), "components"))

    assert named == {kind: {item["name"] for item in components[kind]} for kind in kinds}


def test_the_configurations_agree_on_addresses() -> None:
    """Without any setting the Collector sends to where Jaeger and the graph-exporter listen, and no port is shared."""
    collector, jaeger = defaults(COLLECTOR_CONFIG), defaults(JAEGER_CONFIG)
    listening = {name: value for name, value in (collector | jaeger).items() if name.endswith(("_LISTEN", "_PORT"))}
    ports = [value.rpartition(":")[2] for value in listening.values()]

    assert collector["CC_OTEL_JAEGER_ENDPOINT"] == jaeger["CC_OTEL_JAEGER_ENDPOINT"]
    assert collector["CC_OTEL_GRAPH_ENDPOINT"] == f"127.0.0.1:{GRAPH_PORT}"
    assert collector["CC_OTEL_COLLECTOR_GRPC_LISTEN"] == f"127.0.0.1:{COLLECTOR_PORT}"
    assert sorted(set(ports)) == sorted(ports)
    assert all(value.startswith("127.0.0.1:") for name, value in listening.items() if name.endswith("_LISTEN"))


def test_every_setting_of_the_stack_is_documented_with_its_default() -> None:
    """docs/stack.md names each setting that a file of the stack reads, and its default."""
    compose = re.findall(r"\$\{(CC_OTEL_\w+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text())
    settings = defaults(COLLECTOR_CONFIG) | defaults(JAEGER_CONFIG) | dict(compose)
    documented = (ROOT / "docs" / "stack.md").read_text()
    rows = {f"| `{name}` | {f'`{default}`' if default else 'none'} |" for name, default in settings.items()}

    assert not {row for row in rows if row not in documented}


def test_the_image_is_of_the_version_that_is_tested() -> None:
    """The Collector that Compose runs has the version of the one that is built here."""
    version = yaml.safe_load(MANIFEST.read_text())["dist"]["version"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    assert compose["services"]["collector"]["image"] == f"otel/opentelemetry-collector-contrib:{version}"
