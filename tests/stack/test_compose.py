"""docker-compose.yml, judged by Compose's own loader."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cc_otel.config import COLLECTOR_PORT, GRAPH_PORT, SETTINGS, UI_PORT, variable
from tests.stack.programs import COLLECTOR_CONFIG, JAEGER_CONFIG, JAEGER_UI, ROOT, Built, defaults

pytestmark = pytest.mark.stack

PASSWORDS = {"CC_OTEL_ARANGO_PASSWORD": "chosen by the operator", "CC_OTEL_CACHE_PASSWORD": "chosen too"}


def load(loader: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Load docker-compose.yml with nothing but the given environment."""
    return subprocess.run(
        [loader, ROOT / "docker-compose.yml"], capture_output=True, text=True, env=environment, check=False
    )


@pytest.fixture(scope="module")
def model(built: Built) -> dict[str, Any]:
    """What Compose would run."""
    loaded = load(built("compose"), **PASSWORDS)
    assert (loaded.returncode, loaded.stderr) == (0, "")
    found: dict[str, Any] = json.loads(loaded.stdout)
    return found


def test_without_a_password_nothing_starts(built: Built) -> None:
    """Compose refuses to load the file until somebody has chosen ArangoDB's password, and says what to set."""
    loaded = load(built("compose"))

    assert loaded.returncode == 1
    assert "choose the password of ArangoDB and set CC_OTEL_ARANGO_PASSWORD" in loaded.stderr


def test_no_secret_is_in_the_model(model: dict[str, Any]) -> None:
    """Passwords reach containers as files: no command, label or environment variable holds one."""
    services = json.dumps(model["services"])

    assert not [password for password in PASSWORDS.values() if password in services]
    assert {secret["environment"] for secret in model["secrets"].values()} == PASSWORDS.keys()


def test_everything_is_published_on_this_machine_alone(model: dict[str, Any]) -> None:
    """Each published port is on 127.0.0.1, under its own number."""
    ports = [port for service in model["services"].values() for port in service.get("ports", ())]

    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert {str(port["target"]) for port in ports} == {port["published"] for port in ports}
    assert {port["target"] for port in ports} == {COLLECTOR_PORT, UI_PORT, 4318, 6379, 8529, 8888, 13133, 16686}


def test_images_are_pinned_by_version(model: dict[str, Any]) -> None:
    """No image moves on by itself; ours is built from the Dockerfile."""
    pinned = {name: service["image"] for name, service in model["services"].items() if "build" not in service}

    assert pinned == {
        "pod": "busybox:1.37.0",
        "volume-owner": "busybox:1.37.0",
        "collector": "otel/opentelemetry-collector-contrib:0.161.0",
        "jaeger": "jaegertracing/jaeger:2.22.0",
        "arangodb": "arangodb:3.12.12",
        "valkey": "valkey/valkey:9.1.1-alpine",
    }


def test_everything_that_stays_is_watched(model: dict[str, Any]) -> None:
    """Each service has a health check; the Collector's stands at the pod, the graph-exporter's in its image."""
    unwatched = {name for name, service in model["services"].items() if "healthcheck" not in service}

    assert unwatched == {"collector", "graph-exporter", "volume-owner"}
    assert "13133" in str(model["services"]["pod"]["healthcheck"]["test"])
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()


def test_the_programs_of_the_pod_find_each_other(model: dict[str, Any]) -> None:
    """In the shared namespace the addresses are those of a machine without Docker, as the defaults have them."""
    services = model["services"]
    in_pod = {name for name, service in services.items() if service.get("network_mode") == "service:pod"}
    graph = services["graph-exporter"]["environment"]
    collector = defaults(COLLECTOR_CONFIG) | services["collector"]["environment"]
    jaeger = defaults(JAEGER_CONFIG) | services["jaeger"]["environment"]

    assert in_pod == {"collector", "jaeger", "arangodb", "graph-exporter", "page"}
    assert collector["CC_OTEL_GRAPH_ENDPOINT"] == graph["CC_OTEL_GRAPH_LISTEN"] == f"127.0.0.1:{GRAPH_PORT}"
    assert collector["CC_OTEL_JAEGER_ENDPOINT"] == jaeger["CC_OTEL_JAEGER_ENDPOINT"]
    assert collector["CC_OTEL_COLLECTOR_GRPC_LISTEN"] == f"0.0.0.0:{COLLECTOR_PORT}"


def test_every_setting_that_is_given_is_one(model: dict[str, Any]) -> None:
    """No service is given a CC_OTEL_ variable that the program in it does not read."""
    read = {
        "collector": set(defaults(COLLECTOR_CONFIG)),
        "jaeger": set(defaults(JAEGER_CONFIG)),
        "graph-exporter": {variable(name) for name in SETTINGS},
        "page": {variable(name) for name in SETTINGS},
    }
    given = {name: model["services"][name]["environment"] for name in read}

    assert not {
        (service, name)
        for service, names in given.items()
        for name in names
        if name.startswith("CC_OTEL_") and name not in read[service]
    }


def test_what_is_mounted_from_the_tree_is_there(model: dict[str, Any]) -> None:
    """Each configuration file that a container mounts is in the tree, and mounted to be read only."""
    mounts = [mount for service in model["services"].values() for mount in service.get("volumes", ())]
    bound = {Path(mount["source"]): mount.get("read_only") for mount in mounts if mount["type"] == "bind"}

    assert bound == {COLLECTOR_CONFIG: True, JAEGER_CONFIG: True, JAEGER_UI: True}
