"""
What a hook costs: the wired command, as a whole process, beside ``sh -c 'cat >/dev/null'`` in the same shell.

The runs are interleaved, so that whatever else the machine does falls on all of them. The hook never waits for the
agent; that it costs the same with the agent down, up and stopped is measured all the same, in the form that is wired
for the events that look after it.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.table import Row, show
from cc_otel.claude_code.hook import wired_command
from cc_otel.spool import Spool

RECORD_SH = Path(__file__).parents[1] / "hooks" / "record.sh"
SHELLS = {"dash": (["dash"], 1.5), "bash": (["bash"], 1.5), "busybox": (["busybox", "sh"], 2.0)}
SIZES = {"1 KB": 1_000, "800 KB": 800_000}
ROUNDS = 200


def run(rounds: int = ROUNDS) -> list[Row]:
    """Measure each shell that is installed, with each size, in each state of the agent."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as directory, agents() as (alive, stopped):
        homes = {
            "any event": home(Path(directory) / "plain", None),
            "agent down": home(Path(directory) / "down", None),
            "agent up": home(Path(directory) / "up", alive),
            "agent stopped": home(Path(directory) / "stopped", stopped),
        }
        rows: list[Row] = []
        for name, (shell, limit) in SHELLS.items():
            if shutil.which(name) is None:
                print(f"left out: {name} is not installed", file=sys.stderr)
                continue
            for size, size_bytes in SIZES.items():
                payload = b'{"session_id":"s","pad":"' + b"x" * size_bytes + b'"}\n'
                rows += compare(f"hook, {name}, {size}", shell, payload, homes, limit, rounds)
        return rows


def compare(
    what: str, shell: list[str], payload: bytes, homes: dict[str, Path], limit: float, rounds: int
) -> Iterator[Row]:
    times_ms: dict[str, list[float]] = {state: [] for state in ("reference", *homes)}
    for _ in range(rounds):
        times_ms["reference"].append(timed_ms([*shell, "-c", "cat >/dev/null"], payload))
        for state, path in homes.items():
            wired = wired_command(path, starts_agent=state.startswith("agent"))
            times_ms[state].append(timed_ms([*shell, "-c", wired], payload))
            for recorded in (path / "spool" / "new").iterdir():
                recorded.unlink()
    reference_ms = median(times_ms["reference"])
    for state in homes:
        measured_ms = median(times_ms[state])
        ratio = measured_ms / reference_ms
        yield Row(f"{what}, {state}", measured_ms, "ms", reference_ms, ratio, f"≤ {limit} x", ratio <= limit)


def timed_ms(arguments: list[str], payload: bytes) -> float:
    started = time.perf_counter()
    subprocess.run(arguments, input=payload, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


def home(path: Path, agent_pid: int | None) -> Path:
    """Make a home with the hook in it, and an agent as far as the hook can tell."""
    Spool(path / "spool", bytes_max=1 << 30).prepare()
    shutil.copy(RECORD_SH, path)
    (path / "start").write_text("#!/bin/sh\n")
    (path / "start").chmod(0o700)
    if agent_pid is not None:
        (path / "agent.pid").write_text(f"{agent_pid}\n")
    return path


@contextmanager
def agents() -> Iterator[tuple[int, int]]:
    """Yield the process ids of one process that is alive and one that is stopped."""
    with subprocess.Popen(["sleep", "3600"]) as alive, subprocess.Popen(["sleep", "3600"]) as stopped:
        stopped.send_signal(signal.SIGSTOP)
        try:
            yield alive.pid, stopped.pid
        finally:
            alive.kill()
            stopped.kill()


def main() -> None:
    """Print the table."""
    show(run(), "The hook, whole process, medians")


if __name__ == "__main__":
    main()
