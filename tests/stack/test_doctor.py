"""``doctor`` and Jaeger: the test event is read back from where people look."""

import json
from pathlib import Path

import pytest

from tests.path.processes import CLEAN, cc_otel
from tests.stack.programs import Jaeger

pytestmark = pytest.mark.stack


def test_the_test_event_is_read_back_from_jaeger(jaeger: Jaeger, tmp_path: Path) -> None:
    """With Jaeger's address set, ``doctor`` sends its event through, and finds it there; at another, it says no."""
    env = CLEAN | {"HOME": str(tmp_path)}
    cc_otel("install", env=env)
    to_jaeger = ("doctor", "--json", "--exporter-otlp-endpoint", f"http://{jaeger.endpoint}", "--jaeger-url")
    found = {}
    for url in (jaeger.url, "http://127.0.0.1:9"):
        done = cc_otel(*to_jaeger, url, env=env)
        found[url] = {(line := json.loads(text))["what"]: line["state"] for text in done.stdout.splitlines()}["jaeger"]

    assert found == {jaeger.url: "ok", "http://127.0.0.1:9": "broken"}
