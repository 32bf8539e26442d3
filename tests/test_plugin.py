"""The Claude Code plugin: what its manifests promise, and what the real client makes of it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cc_otel import __version__
from tests.cli.person import DEADLINE_S, Person

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / ".claude-plugin"

OFFLINE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
"""A network of its own, where nothing answers: whatever the client would send goes nowhere."""


def manifest(name: str) -> Any:
    """Return a manifest as Claude Code reads it."""
    return json.loads((MANIFESTS / name).read_text())


def test_version() -> None:
    """The plugin has the package's version: a client offers an update when it changes."""
    assert manifest("plugin.json")["version"] == __version__


def test_marketplace() -> None:
    """The repository is a marketplace of one plugin, which is the repository: manifest, hooks and script."""
    [plugin] = manifest("marketplace.json")["plugins"]

    assert plugin["name"] == manifest("plugin.json")["name"]
    assert plugin["source"] == "./"
    assert [(ROOT / "hooks" / name).is_file() for name in ("hooks.json", "record.sh")] == [True, True]


@pytest.fixture(scope="session")
def client() -> str:
    """The real Claude Code, named by CC_OTEL_CLAUDE."""
    found = os.environ.get("CC_OTEL_CLAUDE", "")
    if not found:
        message = "needs Claude Code: set CC_OTEL_CLAUDE to its program"
        if os.environ.get("CC_OTEL_REQUIRE_STACK") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """Somebody with a copy of the plugin in their project; nothing of theirs runs on after the test."""
    person = Person(tmp_path)
    person.user.mkdir()
    person.project.mkdir()
    for folder in (".claude-plugin", "hooks"):
        shutil.copytree(ROOT / folder, person.project / folder)
    yield person
    person.run("uninstall", "--purge", "--yes")


def ask(client: str, person: Person, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the real client: no network, no account, no home but the test's."""
    environment: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "HOME": str(person.user), "DISABLE_AUTOUPDATER": "1"}
    return subprocess.run(
        [*OFFLINE, client, *arguments],
        cwd=person.project,
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * DEADLINE_S,
    )


@pytest.mark.stack
def test_valid(client: str, person: Person) -> None:
    """The real client accepts marketplace and plugin without a warning."""
    done = ask(client, person, "plugin", "validate", "--strict", ".")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.stack
def test_wired_twice(client: str, person: Person) -> None:
    """A session with the plugin and the settings wired is recorded once; uninstalling leaves the client's settings."""
    assert ask(client, person, "plugin", "marketplace", "add", "./").returncode == 0
    assert ask(client, person, "plugin", "install", "cc-otel@cc-otel").returncode == 0
    before = person.read()
    person.done("install", "--plugin")
    person.done("install")

    # Nothing answers here, which the client reports as an error of the server.
    nowhere = {"ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "CLAUDE_CODE_MAX_RETRIES": "0"}
    said = ask(client, person, "-p", "hi", **nowhere)

    # The session's first event has started the agent.
    person.done("flush")
    spans = [json.loads(line) for line in person.done("query", "tree", "last", "--all", "--json").splitlines()]
    expected = ["chat", "hook SessionEnd", "hook StopFailure", "invoke_agent claude-code", "session startup"]
    assert expected == sorted(span["name"] for span in spans)
    assert said.stdout.startswith("API Error: ")
    assert said.stderr == ""
    person.done("uninstall")
    assert person.read() == before
