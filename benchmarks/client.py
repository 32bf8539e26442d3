"""
What our hooks cost inside the real Claude Code: by the client's own account, and by the clock on the wall.

The client tells how long the hooks of each event took in its own telemetry (`hook_execution_complete`, whole
milliseconds), which it sends to the stand-in here. The sessions are those of `tests/client`: a scripted model, and
nothing beyond loopback. Needs the part `claude` of `stack/build.sh`.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.table import Row, show
from cc_otel.claude_code.event_table import wired_rows
from tests.client.loopback import NotPermitted, loopback
from tests.client.script import Script, calls, says, tool
from tests.client.world import World

ROUNDS = 8
TOOLS = 10
EVENTS_A_SESSION = 4 + 3 * TOOLS
TELEMETRY = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
    "OTEL_LOGS_EXPORT_INTERVAL": "200",
}
CAT = {
    event: [{"hooks": [{"type": "command", "command": "cat >/dev/null"}]}]
    for event in (row.name for row in wired_rows())
}


def run(rounds: int = ROUNDS) -> list[Row]:
    """Run the same session without hooks, with `cat` as the hook, and with ours, in turns."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as directory, ExitStack() as parts:
        found = client_in_namespace(parts)
        if found is None:
            return []
        client, enter = found
        worlds = {
            way: parts.enter_context(World(Path(directory) / way, client, enter)) for way in ("none", "cat", "ours")
        }
        for way, world in worlds.items():
            prepare(world, way, rounds)
        wall_ms: dict[str, list[float]] = {way: [] for way in worlds}
        for number in range(rounds + 1):
            for way, world in worlds.items():
                took_ms = session_ms(world, number)
                # The first starts the agent, and fills caches.
                wall_ms[way] += [took_ms] if number else []
        return list(rows(worlds, wall_ms))


def client_in_namespace(parts: ExitStack) -> tuple[Path, tuple[str, ...]] | None:
    """Give the client, and what to put before a command to run it where nothing but loopback is; None without them."""
    build = Path(__file__).parents[1] / "stack" / "build.sh"
    found = subprocess.run(["sh", str(build), "where", "claude"], capture_output=True, text=True, check=False)
    try:
        if found.returncode:
            raise NotPermitted(found.stderr.strip())
        return Path(found.stdout.strip()), parts.enter_context(loopback())
    except NotPermitted as reason:
        print(f"left out: {reason}", file=sys.stderr)
        return None


def prepare(world: World, way: str, rounds: int) -> None:
    """Wire what is to be measured; the client's telemetry goes where the model is."""
    hello = world.project / "hello.txt"
    hello.write_text("hello\n")
    reads = [calls(tool("Read", f"read{number}", file_path=str(hello))) for number in range(TOOLS)]
    script: Script = {f"prompt {number}.": [*reads, says("done")] for number in range(rounds + 1)}
    world.scripted(script)
    port = (world.folder / "port").read_text()
    telemetry = TELEMETRY | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    world.configure({"env": telemetry, "hooks": CAT if way == "cat" else {}})
    if way == "ours":
        world.installed()


def session_ms(world: World, number: int) -> float:
    started = time.perf_counter()
    done = world.asks(f"prompt {number}.")
    took_ms = (time.perf_counter() - started) * 1000
    assert (done.code, done.stdout) == (0, "done\n"), done
    return took_ms


def rows(worlds: dict[str, World], wall_ms: dict[str, list[float]]) -> Iterator[Row]:
    told = {way: list(hook_times_ms(world)) for way, world in worlds.items()}
    count = len(told["ours"])
    assert not told["none"]
    assert count
    ours_ms, cat_ms = median(told["ours"]), median(told["cat"])
    ratio = ours_ms / cat_ms
    yield Row(f"an event's hooks, told by the client ({count} events)", ours_ms, "ms", cat_ms, ratio)
    without_ms = median(wall_ms["none"])
    session = f"session of {TOOLS} tools, {EVENTS_A_SESSION} events"
    for way, hook in (("cat", "`cat >/dev/null`"), ("ours", "ours")):
        measured_ms = median(wall_ms[way])
        yield Row(f"{session}: {hook} against no hooks", measured_ms, "ms", without_ms, measured_ms / without_ms)
    each_ms = (median(wall_ms["ours"]) - without_ms) / EVENTS_A_SESSION
    yield Row("of which for each event", each_ms, "ms", (median(wall_ms["cat"]) - without_ms) / EVENTS_A_SESSION)


def hook_times_ms(world: World) -> Iterator[float]:
    """Give what the client says the hooks of each event took together."""
    for request in world.requests():
        if request["path"] == "/v1/logs":
            for record in log_records(json.loads(request["body"])):
                attributes = {it["key"]: next(iter(it["value"].values())) for it in record["attributes"]}
                if attributes.get("event.name") == "hook_execution_complete":
                    yield float(attributes["total_duration_ms"])


def log_records(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for of_resource in document["resourceLogs"]:
        for of_scope in of_resource["scopeLogs"]:
            yield from of_scope["logRecords"]


def main() -> None:
    """Print the table."""
    show(run(), "Our hooks inside Claude Code")


if __name__ == "__main__":
    main()
