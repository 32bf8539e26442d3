"""
How long a command takes to start: whole processes beside a bare interpreter.

The home has a journal and a graph, both empty, and no agent. The runs are interleaved, so that whatever else the
machine does falls on all of them; the reference is the same interpreter, isolated in the same way, doing nothing.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.table import Row, show
from cc_otel.cli.compose.home import clean_environment
from cc_otel.cli.compose.store import open_store
from cc_otel.config import Home, Settings
from cc_otel.journal.journal import Journal

COMMANDS = ("--help", "status", "query sessions", "query tree last", "query cost", "top --once", "settings", "flush")
LIMIT = {"--help": 6.0} | dict.fromkeys(("status", "query sessions", "query tree last", "query cost"), 10.0)
"""Of a bare interpreter, which is about 15 ms here: 150 ms are ten times that."""
ROUNDS = 30


def run(rounds: int = ROUNDS) -> list[Row]:
    """Measure the commands that a person waits for."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as folder:
        home = Home(Path(folder))
        Journal(home.journal).close()
        with closing(open_store(home, Settings())) as store:
            store.prepare()
        environment = clean_environment() | {"CC_OTEL_HOME": folder, "CC_OTEL_STORE": f"sqlite://{home.graph}"}
        arguments = {"reference": ["-c", "pass"]} | {name: ["-m", "cc_otel", *name.split()] for name in COMMANDS}
        times_ms: dict[str, list[float]] = {name: [] for name in arguments}
        for _ in range(rounds):
            for name, given in arguments.items():
                times_ms[name].append(timed_ms([sys.executable, "-P", *given], environment))
    reference_ms = median(times_ms["reference"])
    return [row(name, median(times_ms[name]), reference_ms) for name in COMMANDS]


def row(name: str, measured_ms: float, reference_ms: float) -> Row:
    ratio, limit = measured_ms / reference_ms, LIMIT.get(name)
    promise = ("", None) if limit is None else (f"≤ {limit:g} x", ratio <= limit)
    return Row(f"cc-otel {name}", measured_ms, "ms", reference_ms, ratio, *promise)


def timed_ms(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Print the table."""
    show(run(), "Starting a command, whole process, medians")


if __name__ == "__main__":
    main()
