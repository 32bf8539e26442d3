"""
From nothing to a live trace, as a new user goes: install the wheel, `cc-otel install`, one session, one query.

The packages come from wherever the installer is told to take them, or from its cache: that first step says more of the
network than of us. The session is one of the real Claude Code with a scripted model, as in `benchmarks.client`; beside
it stands the same session before anything of ours was there. Needs the part `claude` of `stack/build.sh`.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.client import client_in_namespace
from benchmarks.table import Row, show
from tests.client.script import Script, bash, calls, says
from tests.client.world import World

ROOT = Path(__file__).parents[1]
SCRIPT: Script = {f"the {which} errand": [calls(bash("one", "echo hello")), says("done")] for which in ("old", "new")}


def run() -> list[Row]:
    """Go all the way once."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as directory, ExitStack() as parts:
        found = client_in_namespace(parts)
        if found is None:
            return []
        client, enter = found
        program = Path(directory) / "environment" / "bin" / "cc-otel"
        wheel = build(Path(directory))
        world = parts.enter_context(World(Path(directory) / "world", client, enter, (str(program),)))
        world.scripted(SCRIPT)
        before_s = timed(lambda: world.asks("the old errand"))
        steps = {
            "a new environment with the wheel and all it needs": timed(lambda: install(program.parents[1], wheel)),
            "`cc-otel install`": timed(lambda: world.cc_otel("install")),
            "one session": timed(lambda: world.asks("the new errand")),
            "`cc-otel flush`": timed(lambda: world.cc_otel("flush")),
            "`cc-otel query sessions`, `query cost`": timed(lambda: shown(world)),
        }
        rows = [Row(what, took_s, "s") for what, took_s in steps.items()]
        rows[2] = Row("one session, beside one without us", steps["one session"], "s", before_s)
        return [*rows, Row("from nothing to a live trace", sum(steps.values()), "s")]


def timed(step: Callable[[], object]) -> float:
    """Return how long a step takes, s."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def build(folder: Path) -> Path:
    """Build the wheel that a package index would have."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(environment: Path, wheel: Path) -> None:
    """Do what `pip install 'cc-otel[all]'` does, with the versions of the lock."""
    uv: Sequence[str] = (sys.executable, "-m", "uv", "--quiet")
    subprocess.run([*uv, "venv", "--python", sys.executable, environment], check=True)
    needed = [f"cc-otel[all] @ {wheel.as_uri()}", "--constraint", str(ROOT / "requirements" / "lock.txt")]
    subprocess.run([*uv, "pip", "install", "--python", environment / "bin" / "python", *needed], check=True)


def shown(world: World) -> None:
    """See the session, with its cost."""
    [session] = [json.loads(line) for line in world.cc_otel("query", "sessions", "--json").splitlines()]
    [cost] = [json.loads(line) for line in world.cc_otel("query", "cost", "--json").splitlines()]
    assert (session["session_id"], session["tools"], cost["calls"]) == (cost["session_id"], 1, 2)
    assert cost["cost_usd"] > 0


def main() -> None:
    """Print the table."""
    show(run(), "From nothing to a live trace")


if __name__ == "__main__":
    main()
