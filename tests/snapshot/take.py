"""
Read off a build of cc-otel everything that a script or another program may rely on, through its commands alone.

``python -m tests.snapshot.take PROGRAM SESSIONS`` prints it as JSON, so that any build can be asked, old ones too.
The keys say what a fact is about (``exit``, ``keys``, ``columns``, ``files``, ``wire``), the values are the facts.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

Facts = dict[str, Any]

PLAYED: Final = ("subagent", "parallel", "compact", "denied", "resume", "mcp")
"""The sessions that fill the home which is then asked."""

DAYS: Final = ("--days", "36500")
QUESTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("status",),
    "settings": ("settings",),
    "query sessions": ("query", "sessions"),
    "query tree": ("query", "tree", "last"),
    "query spans": ("query", "spans"),
    "query files": ("query", "files", *DAYS),
    "query cost by session": ("query", "cost", "--by", "session", *DAYS),
    "query cost by turn": ("query", "cost", "--by", "turn", *DAYS),
    "query cost by agent": ("query", "cost", "--by", "agent", *DAYS),
    "query cost by model": ("query", "cost", "--by", "model", *DAYS),
    "cache stats": ("cache", "stats"),
    "prune": ("prune", "--dry-run"),
    "install": ("install", "--dry-run"),
    "uninstall": ("uninstall", "--dry-run"),
    "flush": ("flush", "--timeout", "1"),
}
"""Commands that answer with a table, and with JSON where ``--json`` is given."""

FAILING: Final[Mapping[str, tuple[str, ...]]] = {
    "no command": ("no-such-command",),
    "no option": ("status", "--no-such-option"),
    "no file": ("replay", "no-such-file.jsonl"),
    "no session": ("query", "tree", "no-such-session"),
    "no span": ("query", "span", "0-0"),
    "no setting": ("status", "--spool-max-mb", "much"),
    "no such way to add up": ("query", "cost", "--by", "weather"),
    "nothing to run": ("run",),
    "no program": ("run", "--", "no-such-program"),
    "its own exit code": ("run", "--", "sh", "-c", "exit 7"),
    "nothing sent": ("send",),
    "off": ("off",),
    "on": ("on",),
}
"""Commands that are asked for their exit code alone."""


class World:
    """A person's home folder, with a cc-otel home in it, and one program to ask."""

    def __init__(self, program: str, folder: Path) -> None:
        """Make the home folder below ``folder``."""
        self._program = program
        self.home = folder / "cc-otel"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CC_OTEL_HOME": str(self.home),
            "CC_OTEL_RETENTION_DAYS": "0",
            "COLUMNS": "240",
            "TZ": "UTC",
        }

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run the program with these arguments."""
        return subprocess.run(
            [self._program, *arguments],
            input=stdin,
            env=self._environment,
            cwd=self._environment["HOME"],
            capture_output=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def up(self) -> Iterator[None]:
        """Run agent and graph-exporter beside the block."""
        process = subprocess.Popen(
            [self._program, "up"], env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    def replay(self, sessions: Path, name: str) -> int:
        """Replay a recorded session whose transcripts lie in this home folder. Return the exit code."""
        person = self._environment["HOME"]
        for kept in ("projects", "transcripts"):
            for path in (sessions / kept).rglob("*.json*"):
                target = Path(person, ".claude", "projects", path.relative_to(sessions / kept))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(path.read_text("utf-8").replace("/home/dev", person), "utf-8")
        stream = Path(person, f"{name}.jsonl")
        stream.write_text((sessions / f"{name}.jsonl").read_text("utf-8").replace("/home/dev", person), "utf-8")
        return self.run("replay", str(stream)).returncode

    def until_read(self) -> None:
        """Wait until the agent has read the model calls of the transcripts, and has said how delivery goes."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            (status,) = _json(self.run("status", "--json").stdout)
            if status["sender"] and _json(self.run("query", "cost", *DAYS, "--json").stdout):
                return
            time.sleep(0.2)
        raise TimeoutError("no model call was read from the transcripts")


def take(program: str, sessions: Path) -> Facts:
    """Return all facts about ``program``, asked with the recorded sessions of a folder."""
    facts: Facts = {}
    with tempfile.TemporaryDirectory(prefix="cc-otel-snapshot-") as folder:
        world = World(program, Path(folder))
        facts |= _asked(world, "empty")
        with world.up():
            for name in PLAYED:
                facts[f"exit/replay {name}"] = world.replay(sessions, name)
            facts["exit/flush what was replayed"] = world.run("flush").returncode
            world.until_read()
            facts |= _asked(world, "filled")
        facts |= {f"exit/{name}": world.run(*arguments).returncode for name, arguments in FAILING.items()}
        facts |= _files(world.home)
    with ThreadPoolExecutor(2) as pool:
        for wire in pool.map(lambda path: _wire(program, path), sorted(sessions.glob("*.jsonl"))):
            facts |= wire
    return facts


def _asked(world: World, state: str) -> Facts:
    facts: Facts = {}
    for name, arguments in QUESTIONS.items():
        shown = world.run(*arguments)
        told = world.run(*arguments, "--json")
        facts[f"exit/{state}/{name}"] = [shown.returncode, told.returncode]
        facts[f"columns/{state}/{name}"] = _columns(shown.stdout.decode("utf-8", "replace"))
        facts[f"keys/{state}/{name}"] = sorted(_keys(_json(told.stdout)))
    return facts


def _columns(text: str) -> list[str]:
    """Return the heads of a table, which stand two blanks apart; of other answers the first word of each line."""
    lines = text.splitlines()
    heads = re.split(r"\s{2,}", lines[0].strip()) if lines else []
    return heads if len(heads) > 2 else [line.split()[0] for line in lines if line[:1].isalpha()]


def _json(data: bytes) -> list[Any]:
    values = []
    for line in [data.decode("utf-8", "replace")] if data.strip() else []:
        try:
            values.append(json.loads(line))
        except ValueError:
            values += [json.loads(part) for part in line.splitlines() if part.startswith(("{", "["))]
    return values


def _keys(value: Any, path: str = "") -> set[str]:
    """Return the paths of all keys in a JSON value; items of a list share theirs."""
    if isinstance(value, dict):
        return {deeper for key, inner in value.items() for deeper in {f"{path}/{key}", *_keys(inner, f"{path}/{key}")}}
    if isinstance(value, list):
        return {deeper for inner in value for deeper in _keys(inner, path)}
    return set()


def _files(home: Path) -> Facts:
    files = sorted(path for path in home.rglob("*"))
    return {
        f"files/{path.relative_to(home)}": oct(path.stat().st_mode & 0o777)
        for path in files
        if not re.search(r"\d{6}|-shm$|-wal$", path.name)
    }


def _wire(program: str, session: Path) -> Facts:
    with tempfile.TemporaryDirectory(prefix="cc-otel-snapshot-") as folder:
        replayed = World(program, Path(folder)).run("replay", "--dry-run", "--json", str(session))
    facts: Facts = {f"exit/dry run {session.stem}": replayed.returncode}
    for request in _json(replayed.stdout):
        for span in _spans(request):
            facts[f"wire/{session.stem}/{span['spanId']}"] = _span(span)
    return facts


def _spans(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]


def _span(span: Mapping[str, Any]) -> dict[str, str]:
    """Return the span's place, times and status in words, and a digest of each attribute and of its links."""
    place = [
        span["name"],
        f"trace {span['traceId']}",
        f"parent {span.get('parentSpanId', '-')}",
        f"{span['startTimeUnixNano']} to {span['endTimeUnixNano']}",
        f"kind {span['kind']}",
        f"status {json.dumps(span['status'], sort_keys=True)}",
    ]
    digests = {item["key"]: _digest(item["value"]) for item in span["attributes"]}
    return {"span": ", ".join(place), **digests, **({"links": _digest(span["links"])} if "links" in span else {})}


def _digest(value: Any) -> str:
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=3).hexdigest()


if __name__ == "__main__":
    json.dump(take(sys.argv[1], Path(sys.argv[2])), sys.stdout, indent=0, sort_keys=True, ensure_ascii=False)
