"""
What a hook costs while everything behind it hangs: agent, graph-exporter, Collector and Jaeger stopped with SIGSTOP.

The chain runs and is stopped in turns, a few events each, with ``sh -c 'cat >/dev/null'`` between them, so that
whatever else the machine does falls on all of them. In the end it runs, and every event has to be in the graph.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.hook import SHELLS, SIZES, timed_ms
from benchmarks.table import Row, show
from cc_otel.claude_code.hook import install_script, wired_command
from tests.stack.process import Program, wait_for
from tests.stack.programs import ROOT, Collector, GraphExporter, Jaeger

TURNS = 12
EVENTS_A_TURN = 5
UNCHANGED = 1.1
DELIVERED_S = 300.0

Times = dict[str, list[float]]
"""What hook and reference took, ms, by what was timed."""


def run(turns: int = TURNS) -> list[Row]:
    """Measure each shell that is installed, with each size, behind as much of the chain as is built."""
    # A short path: there will be sockets in it.
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-", dir="/tmp") as folder, ExitStack() as parts:
        home = Path(folder) / "home"
        install_script(home)
        graph = parts.enter_context(GraphExporter(Path(folder)).running())
        chain = [graph, *others(Path(folder), home, graph, parts)]
        rows: list[Row] = []
        events = 0
        for name, (shell, limit) in SHELLS.items():
            if shutil.which(name) is None:
                left_out(f"{name} is not installed")
                continue
            for size, size_bytes in SIZES.items():
                times = measure(shell, size_bytes, home, chain, turns)
                events += len(times["hook, running"]) + len(times["hook, stopped"])
                rows += compare(f"{name}, {size}", times, limit)
        wait_for("all events in the graph", lambda: graph.spans() >= events, DELIVERED_S)
        delivered = graph.spans()
    rows.append(
        Row("events in the graph afterwards", delivered, "", events, delivered / events, "all", delivered == events)
    )
    return rows


def others(folder: Path, home: Path, graph: GraphExporter, parts: ExitStack) -> Iterator[Program]:
    """Start what else of the chain there is, the agent last; without a Collector it sends to the graph-exporter."""
    url = f"http://{graph.endpoint}"
    if collector := built("collector"):
        beside = graph.endpoint
        if jaeger := built("jaeger"):
            yield (shown := parts.enter_context(Jaeger(jaeger, folder).running()))
            beside = shown.endpoint
        # Where Jaeger is not built the graph gets everything twice, and keeps one copy.
        yield (between := parts.enter_context(Collector(collector, folder, graph.endpoint, beside).running()))
        url = between.destination().endpoint
    yield parts.enter_context(agent(home, url).running())


def built(part: str) -> Path | None:
    """Return where a real program is; say so where it is not built."""
    found = subprocess.run(
        ["sh", str(ROOT / "stack" / "build.sh"), "where", part], capture_output=True, text=True, check=False
    )
    if found.returncode:
        left_out(f"the {part} is not built; `make stack` builds it")
        return None
    return Path(found.stdout.strip())


def left_out(why: str) -> None:
    print(f"left out: {why}", file=sys.stderr)


def agent(home: Path, endpoint: str) -> Program:
    """Return an agent that sends there."""
    arguments = [sys.executable, "-m", "cc_otel", "agent", "--home", str(home), "--exporter-otlp-endpoint", endpoint]
    settings = {"HOME": str(home), "PYTHONPATH": str(ROOT)}
    return Program(arguments, settings, home / "agent.log", (home / "agent.pid").exists)


def measure(shell: list[str], size_bytes: int, home: Path, chain: list[Program], turns: int) -> Times:
    """Time the hook in the form that looks for the agent, and the reference, in both states of the chain."""
    session = f"{shell[0]}-{size_bytes}"
    payload = b'{"session_id":"%s","hook_event_name":"Notification","pad":"%s"}\n' % (
        session.encode(),
        b"x" * size_bytes,
    )
    wired = [*shell, "-c", wired_command(home, starts_agent=True)]
    times: Times = {f"{what}, {state}": [] for what in ("cat", "hook") for state in ("running", "stopped")}
    for turn in range(2 * turns):
        with ExitStack() as stopped:
            state = ("running", "stopped")[turn % 2]
            if state == "stopped":
                for part in chain:
                    stopped.enter_context(part.paused())
            for _ in range(EVENTS_A_TURN):
                times[f"cat, {state}"].append(timed_ms([*shell, "-c", "cat >/dev/null"], payload))
                times[f"hook, {state}"].append(timed_ms(wired, payload))
    return times


def compare(what: str, times: Times, limit: float) -> Iterator[Row]:
    """Answer what the hook took beside the reference, and stopped beside running."""
    medians = {name: median(measured) for name, measured in times.items()}
    for state in ("running", "stopped"):
        measured, reference = medians[f"hook, {state}"], medians[f"cat, {state}"]
        ratio = measured / reference
        yield Row(
            f"hook, {what}, chain {state}, beside cat", measured, "ms", reference, ratio, f"≤ {limit} x", ratio <= limit
        )
    measured, reference = medians["hook, stopped"], medians["hook, running"]
    ratio = measured / reference
    yield Row(
        f"hook, {what}, stopped beside running",
        measured,
        "ms",
        reference,
        ratio,
        f"≤ {UNCHANGED} x",
        ratio <= UNCHANGED,
    )


def main() -> None:
    """Print the table."""
    show(run(), "The hook with everything behind it stopped, medians")


if __name__ == "__main__":
    main()
