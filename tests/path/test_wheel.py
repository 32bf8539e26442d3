"""What is shipped is whole: the built wheel, away from the checkout, plays the demo and wires the hook."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.path.processes import CLEAN, WAIT_S, cc_otel, record, recorded, rows, start

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = {
    "cc_otel/hooks/record.sh",
    "cc_otel/hooks/hooks.json",
    "cc_otel/cli/demo/events.jsonl",
    "cc_otel/agent/prices.json",
    "cc_otel/graph/schema.sql",
    "cc_otel/graph/queries/tree.sql",
    "cc_otel/graph/queries/tree.aql",
    "cc_otel/py.typed",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release would, with the locked build tool."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_what_is_needed(wheel: Path) -> None:
    """Hook, queries, schema and demo are in the wheel; tests and benchmarks are not."""
    names = set(zipfile.ZipFile(wheel).namelist())

    assert set() == SHIPPED - names
    assert [name for name in names if name.startswith(("tests/", "benchmarks/"))] == []


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """From the wheel alone, the demo runs and ``install`` puts the hook into a home."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    env = CLEAN | {"HOME": str(tmp_path), "PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "cc_otel", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=3 * WAIT_S, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import cc_otel; print(cc_otel.__file__)"
    imported = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=env, capture_output=True, check=True)
    assert imported.stdout.startswith(bytes(tmp_path))
    run("install")
    assert os.access(tmp_path / ".cc-otel" / "record.sh", os.R_OK)
    run("flush", "--home", str(tmp_path / ".cc-otel"))


def test_an_upgraded_agent_leaves_and_nothing_is_lost_or_doubled(wheel: Path, tmp_path: Path) -> None:
    """When another version is installed, the running agent ends by itself; the next one goes on where it was."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    env = CLEAN | {"PYTHONPATH": str(tmp_path / "site")}
    home = tmp_path / "h"
    events = recorded("subagent_sync")
    old = start("up", "--home", home, env=env)
    for event in events[:10]:
        record(home, event["payload"], event["env"])
    (metadata,) = (tmp_path / "site").glob("cc_otel-*.dist-info/METADATA")
    metadata.write_text(re.sub("(?m)^Version: .*$", "Version: 99.0.0", metadata.read_text("utf-8")), "utf-8")

    assert old.wait(WAIT_S) == 0
    for event in events[10:]:
        record(home, event["payload"], event["env"])
    assert cc_otel("flush", "--home", home, env=env).returncode == 0
    (session,) = rows(cc_otel("query", "sessions", "--json", "--home", home))
    assert session["spans"] == len(events)
