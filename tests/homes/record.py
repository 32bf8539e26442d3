"""
Record a home as a build of cc-otel leaves it in the middle of its work, to be upgraded by later builds.

``python -m tests.homes.record PROGRAM NAME`` writes ``NAME.tar.gz`` beside this file, and ``NAME.json``: the spans that
the graph holds once that same build has delivered everything. The home holds a graph with a session, a journal with a
turn that is open and an outbox that waits, spool files, an unreadable event, a dead letter, and a config.toml.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
SESSIONS: Final = FOLDER.parent / "sessions"
NOWHERE: Final = ("--exporter-otlp-endpoint", "http://127.0.0.1:9")
CONFIG: Final = "retention_days = 0\nvalue_max_bytes = 4096\nkeep_h = 100000\n"


class _Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Build:
    """A build of cc-otel with a home."""

    def __init__(self, program: str, home: Path) -> None:
        """Name the program and its home."""
        self.home = home
        self._program = program
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home.parent), "CC_OTEL_HOME": str(home)}

    def run(self, *arguments: str) -> str:
        """Run a command to its end. Return what it printed."""
        done = subprocess.run(
            [self._program, *arguments], env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[None]:
        """Run a command that stays, beside the block, then kill it."""
        process = subprocess.Popen([self._program, *arguments], env=self._environment, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def replay(self, lines: Sequence[str]) -> None:
        """Record events."""
        stream = self.home.parent / "stream.jsonl"
        stream.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        self.run("replay", str(stream))

    def until(self, reached: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait until the home's status is as asked."""
        deadline = time.monotonic() + 60
        while not reached(json.loads(self.run("status", "--json"))):
            if time.monotonic() > deadline:
                raise TimeoutError(self.run("status"))
            time.sleep(0.2)


def record(program: str, name: str) -> None:
    """Record the home of a build under a name."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-recorded-") as folder:
        build = Build(program, Path(folder, "home"))
        build.run("off")
        build.run("on")
        (build.home / "config.toml").write_text(CONFIG, "utf-8")
        _work(build)
        for database in build.home.glob("*.db"):
            with closing(sqlite3.connect(database)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with tarfile.open(FOLDER / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(build.home, "home", filter=_stored)
        build.run("flush")
        (FOLDER / f"{name}.json").write_text(json.dumps(spans_of(build), indent=0) + "\n", "utf-8")


def _work(build: Build) -> None:
    first, second = _lines("parallel"), _lines("subagent")
    with build.serving("up"):
        build.replay(first)
        build.run("flush")
    with _refusing() as port:
        refused = ("--exporter-otlp-endpoint", f"http://127.0.0.1:{port}", "--exporter-otlp-protocol", "http/protobuf")
        with build.serving("agent", *refused):
            build.replay(_lines("denied"))
            build.until(lambda _: _dead(build.home))
    with build.serving("agent", *NOWHERE):
        build.replay([*second[: len(second) // 2], '{"hook_event_name": "Stop"}'])
        build.until(lambda status: status["journal"]["spans_waiting"] > 3 and status["spool"]["events_waiting"] == 0)
        time.sleep(1)
    build.replay(second[len(second) // 2 :])


def _dead(home: Path) -> bool:
    return any(path.is_file() for path in (home / "dead").rglob("*"))


def spans_of(build: Build) -> dict[str, list[Any]]:
    """Return the graph's spans by trace and span id: parent, name, times (ms) and status."""
    rows = [json.loads(line) for line in build.run("query", "spans", "--limit", "10000", "--json").splitlines()]
    return {
        f"{row['trace_id']}-{row['span_id']}": [
            row[key] for key in ("parent_id", "name", "start_ms", "end_ms", "status")
        ]
        for row in sorted(rows, key=lambda row: (row["trace_id"], row["span_id"]))
    }


def _stored(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if member.name.endswith((".sock", "-shm", "-wal")) else member


def _lines(session: str) -> list[str]:
    return (SESSIONS / f"{session}.jsonl").read_text("utf-8").splitlines()


@contextmanager
def _refusing() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2])
