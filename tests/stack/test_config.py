"""collector-config.yaml as the real Collector sees it; what can be said without it stands in tests/test_ports.py."""

import subprocess
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with detect-secrets, without types

from tests.stack.programs import COLLECTOR_CONFIG, Built

pytestmark = pytest.mark.stack


def ask(*argv: str) -> str:
    """Return what a program prints; a failure shows what it says."""
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
