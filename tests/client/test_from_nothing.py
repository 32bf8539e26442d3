"""As a new user would: the wheel, one command, one session of the real client, and there it is."""

import json
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.client.script import bash, calls, says
from tests.client.world import World
from tests.stack.programs import ROOT

pytestmark = pytest.mark.stack


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A new environment with the wheel in it; what it needs comes from the tests' own, since nothing is downloaded."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv")
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel],
        check=True,
    )
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (packages / "needed.pth").write_text("\n".join(site.getsitepackages()))
    return python.with_name("cc-otel")


def test_from_nothing_to_a_live_trace(world: World, fresh: Path) -> None:
    """Wheel, `cc-otel install`, one session: the agent starts itself, and a query shows the session with its cost."""
    world.command = (str(fresh),)
    world.scripted({"the errand": [calls(bash("one", "echo hello")), says("done")]})
    world.cc_otel("install")

    assert world.asks("run the errand").stdout == "done\n"
    world.cc_otel("flush")
    [session] = [json.loads(line) for line in world.cc_otel("query", "sessions", "--json").splitlines()]
    [cost] = [json.loads(line) for line in world.cc_otel("query", "cost", "--json").splitlines()]
    assert (session["turns"], session["tools"], session["errors"]) == (1, 1, 0)
    assert (session["session_id"], 2, 0.010108) == (cost["session_id"], cost["calls"], cost["cost_usd"])
