"""
What the agent costs and how fast it is: at rest, one event at a time, with a backlog, and after a soak.

The backlog's reference is the least that anything that takes these files must do: list them, read and parse each, and
remove it. Everything else is what the agent adds: journal, redaction, assembling, encoding, durable twice over.

``CC_OTEL_BENCH_SOAK_S`` sets how long the soak takes, s (60; 1,200 is twenty minutes), ``CC_OTEL_BENCH_BACKLOG`` the
files of its backlog (20,000).
"""

import gc
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil

from benchmarks.table import Row, show
from cc_otel.claude_code.hook import install_script, wired_command
from cc_otel.spool import Spool

SESSIONS = Path(__file__).parents[1] / "tests" / "sessions"
NAMES = ("basic", "subagent", "parallel", "mcp")
BACKLOG_EVENTS = 20_000
LATENCY_EVENTS = 60
REST_S = 20.0
MB = 1 << 20
SOAK_S = float(os.environ.get("CC_OTEL_BENCH_SOAK_S", "60"))
SOAK_BACKLOG = int(os.environ.get("CC_OTEL_BENCH_BACKLOG", "20000"))
SOAK_RATE = 50
LARGE_EVENTS = 100
LARGE_BYTES = 600_000
MEMORY_MB = 80


def run() -> list[Row]:
    """Measure all of it."""
    return [*at_rest(), *latency(), *backlog(), *soak()]


def at_rest() -> Iterator[Row]:
    """Measure an agent, and a whole ``up``, that nobody asks for anything."""
    for command in ("agent", "up"):
        with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as folder, serving(command, Path(folder)) as process:
            time.sleep(3)
            watched = psutil.Process(process.pid)
            before = watched.cpu_times()
            time.sleep(REST_S)
            after = watched.cpu_times()
            share = (after.user + after.system - before.user - before.system) / REST_S * 100
            memory = watched.memory_info().rss / MB
            yield Row(f"{command} at rest: memory", memory, "MB", budget="<= 80 MB", met=memory <= 80)
            yield Row(f"{command} at rest: share of a core", share, "%", budget="<= 0.5 %", met=share <= 0.5)


def latency() -> Iterator[Row]:
    """Measure from the start of the hook to the span's acknowledgement by the graph, one event at a time."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as folder, serving("up", Path(folder)):
        home = Path(folder)
        install_script(home)
        journal = sqlite3.connect(f"file:{home / 'journal.db'}?mode=ro", uri=True)
        took_ms = []
        for number in range(LATENCY_EVENTS):
            time.sleep(random.uniform(0.1, 0.4))
            began = time.perf_counter()
            record(home, {"session_id": f"s{number}", "hook_event_name": "UserPromptSubmit", "prompt_id": "p"})
            record(home, {"session_id": f"s{number}", "hook_event_name": "Stop", "prompt_id": "p"})
            while acknowledged(journal) < 2 * (number + 1):
                time.sleep(0.002)
            took_ms.append((time.perf_counter() - began) * 1e3)
    p95 = quantiles(took_ms, n=20)[-1]
    yield Row("hook event to acknowledged span: median", median(took_ms), "ms")
    yield Row("hook event to acknowledged span: p95", p95, "ms", budget="<= 400 ms", met=p95 <= 400)


def backlog() -> Iterator[Row]:
    """Measure an agent that finds 20,000 events, on one core, against the bare loop."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as folder:
        results: dict[str, Any] = {}
        for what in ("bare", "agent"):
            spool = Path(folder) / what
            fill(spool, BACKLOG_EVENTS)
            queue = multiprocessing.get_context("spawn").Queue()
            worker = multiprocessing.get_context("spawn").Process(target=_drain, args=(what, spool, queue))
            worker.start()
            results[what] = queue.get()
            worker.join()
    rate, cpu_rate, first_mb, last_mb, journal_share = results["agent"]
    bare = results["bare"][0]
    yield Row("backlog of 20,000: events a second", rate, "/s", bare, rate / bare)
    yield Row("backlog of 20,000: events a core-second", cpu_rate, "/s", budget=">= 5,000", met=cpu_rate >= 5000)
    yield Row("backlog of 20,000: memory at its end", last_mb, "MB", first_mb, last_mb / first_mb)
    met = journal_share <= 1.2
    yield Row("journal once all is delivered: bytes a byte of event", journal_share, "", budget="<= 1.2", met=met)


def soak() -> Iterator[Row]:
    """Measure the memory of an agent and of a whole ``up`` after events at a steady rate, and after large backlogs."""
    for command in ("agent", "up"):
        for what, load in (("events at 50/s", steady), ("a backlog", files), ("events of 1.2 MB", large)):
            with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as folder:
                home = Path(folder)
                with serving(command, home) as process:
                    load(home)
                    wait_for_empty(home)
                    # Twice the time after which memory is returned.
                    time.sleep(10)
                    memory = psutil.Process(process.pid).memory_info().rss / MB
            met = memory <= MEMORY_MB
            yield Row(f"{command} after {what}: memory", memory, "MB", budget=f"<= {MEMORY_MB} MB", met=met)


def steady(home: Path) -> None:
    """Record sessions, one event after the other at a steady rate, as they happen."""
    lines = recorded()
    spool = Spool(home / "spool", 1 << 40)
    began = time.time()
    for number in range(int(SOAK_S * SOAK_RATE)):
        write(spool, lines[number % len(lines)], number // len(lines), time.time_ns())
        time.sleep(max(0.0, began + number / SOAK_RATE - time.time()))


def files(home: Path) -> None:
    """Put a backlog before the agent."""
    fill(home, SOAK_BACKLOG)


def large(home: Path) -> None:
    """Record events with results of 1.2 MB that nothing makes shorter."""
    spool = Spool(home / "spool", 1 << 40)
    for number in range(LARGE_EVENTS):
        answer = random.Random(number).randbytes(LARGE_BYTES).hex()
        payload = {"session_id": f"s{number % 20}", "hook_event_name": "PostToolUse", "tool_name": "Read"}
        spool.write(json.dumps(payload | {"tool_use_id": f"t{number}", "tool_response": answer}).encode(), {})


def wait_for_empty(home: Path) -> None:
    """Wait until the agent has taken all files."""
    while any(os.scandir(home / "spool" / "new")):
        time.sleep(0.5)


def fill(folder: Path, count: int) -> None:
    """Write recorded sessions into a spool, under session ids of their own, until there are that many events."""
    spool = Spool(folder / "spool", 1 << 40)
    spool.prepare()
    lines = recorded()
    for number in range(count):
        event, copy = lines[number % len(lines)], number // len(lines)
        write(spool, event, copy, event["t_ns"] + copy * 10_000_000)


def recorded() -> list[dict[str, Any]]:
    """Return the events of the recorded sessions."""
    return [json.loads(line) for name in NAMES for line in (SESSIONS / f"{name}.jsonl").read_text().splitlines()]


def write(spool: Spool, event: dict[str, Any], copy: int, clock_ns: int) -> None:
    """Record an event under a session id of its own for each copy."""
    known_as = event["payload"]["session_id"]
    payload = json.dumps(event["payload"]).replace(known_as, f"{copy:08x}{known_as[8:]}").encode()
    spool.write(payload, event["env"], clock_ns)


def _drain(what: str, folder: Path, queue: "multiprocessing.Queue[Any]") -> None:
    queue.put(_drain_bare(folder) if what == "bare" else _drain_agent(folder))


def _drain_bare(folder: Path) -> tuple[float, ...]:
    began = time.perf_counter()
    for entry in sorted(os.scandir(folder / "spool" / "new"), key=lambda entry: entry.stat().st_mtime_ns):
        data = Path(entry.path).read_bytes()
        json.loads(data[data.index(b"\0\0") + 2 : data.rindex(b"\0")])
        os.unlink(entry.path)  # noqa: PTH108 - the bare call is the point
    return (BACKLOG_EVENTS / (time.perf_counter() - began),)


def _drain_agent(folder: Path) -> tuple[float, ...]:
    from cc_otel.agent.daemon import tune_collector  # noqa: PLC0415 - in the worker alone
    from cc_otel.agent.describe import Describer  # noqa: PLC0415
    from cc_otel.agent.pipeline import Agent, Limits  # noqa: PLC0415
    from cc_otel.claude_code.transcript.files import Transcripts  # noqa: PLC0415
    from cc_otel.journal.journal import Journal  # noqa: PLC0415

    tune_collector()
    spool = Spool(folder / "spool", 1 << 40)
    describer = Describer({"service.name": "s", "host.name": "h"}, value_bytes_max=16384, with_content=True)
    limits = Limits(1 << 40, 1e9, 1e9)
    event_bytes = sum(entry.stat().st_size for entry in os.scandir(folder / "spool" / "new"))
    journal = Journal(folder / "journal.db")
    agent = Agent(spool, journal, describer, Transcripts(folder), limits)
    process = psutil.Process()
    began, began_cpu = time.perf_counter(), time.process_time()
    agent.round(time.time_ns())
    first = process.memory_info().rss / MB
    while agent.round(time.time_ns()):
        pass
    took, took_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    gc.collect()
    last = process.memory_info().rss / MB
    while batch := journal.outbox.waiting(512, 2 << 20):
        journal.outbox.acknowledge(batch)
    return BACKLOG_EVENTS / took, BACKLOG_EVENTS / took_cpu, first, last, journal.size_bytes() / event_bytes


@contextmanager
def serving(command: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a command of ours on a home of its own."""
    arguments = [sys.executable, "-m", "cc_otel", command, "--home", str(home)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "Stop with Ctrl-C" in process.stdout.readline()
        yield process
        process.send_signal(signal.SIGTERM)


def record(home: Path, payload: dict[str, Any]) -> None:
    """Run the hook for one event."""
    environ = {"PATH": os.environ["PATH"], "CLAUDE_PID": str(os.getpid())}
    data = json.dumps(payload).encode()
    subprocess.run(["sh", "-c", wired_command(home)], input=data, env=environ, check=True)


def acknowledged(journal: sqlite3.Connection) -> int:
    """Return how many spans the graph has acknowledged."""
    return int(journal.execute("SELECT (SELECT count(*) FROM spans) - (SELECT count(*) FROM outbox)").fetchone()[0])


if __name__ == "__main__":
    show(run(), "The agent")
