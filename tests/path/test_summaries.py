"""Summaries by a model on the whole path: a real agent, LiteLLM in its process, and an endpoint on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.summary.endpoints import Endpoint, endpoint_up
from tests.agent.summary.home import MODEL, bash, turn
from tests.path.processes import cc_otel, record, rows


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Return a model that answers."""
    with endpoint_up() as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, endpoint: Endpoint) -> Path:
    """Return a home whose summaries that model writes."""
    home = tmp_path / "h"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(f'summary_model = "{MODEL}"\nsummary_timeout_s = 60\n')
    credentials = home / "model.env"
    credentials.touch(mode=0o600)
    credentials.write_text("".join(f"{name}={value}\n" for name, value in endpoint.environment().items()))
    return home


def test_flush_waits_for_summaries_that_are_being_written(home: Path) -> None:
    """What ``flush`` delivers has the model's sentences where the model answers in time, however slowly it starts."""
    for payload in turn("make it pass", bash("pytest -q", "1 passed")):
        record(home, payload)
    done = cc_otel("flush", "--home", home)

    assert (done.returncode, done.stderr) == (0, b"")
    labels = {it["name"]: it["label"] for it in rows(cc_otel("query", "spans", "--json", "--home", home))}
    assert {name: label for name, label in labels.items() if not name.startswith("hook ")} == {
        "invoke_agent claude-code": "Did this: asked: make it pass.",
        "execute_tool Bash": "Did this: tool: Bash.",
    }
