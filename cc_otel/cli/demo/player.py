"""Plays the recorded session: its events through the hook, its transcripts as a client writes them."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

from cc_otel.claude_code.hook import wired_command

PAUSE_MIN_S: Final = 0.02
"""Between two hooks: what the transcripts say of the time between them needs room, in whole milliseconds."""

_STAMP: Final = re.compile(r'(?<="timestamp":")[^"]+')
_MARGIN_S: Final = 0.002


@dataclass(slots=True)
class Record:
    """A line of a transcript, and when it was recorded (s)."""

    path: Path
    text: str
    at_s: float


class Player:
    """
    One performance: each event at its time after the first, later where the machine cannot keep up.

    What was recorded between two events is written between them, with a time between them: however late a hook
    comes, transcripts and events agree.
    """

    def __init__(self, home: Path) -> None:
        """Read the recording."""
        self._home = home
        self.events: list[dict[str, Any]] = [json.loads(line) for line in _recorded("events.jsonl").splitlines()]
        session = self.events[0]["payload"]["session_id"]
        [agent] = {it["payload"]["agent_id"] for it in self.events if "agent_id" in it["payload"]}
        self.transcript = home / "projects" / "demo" / f"{session}.jsonl"
        self.agents = self.transcript.parent / session / "subagents" / f"agent-{agent}.jsonl"
        records = [*records_of("transcript.jsonl", self.transcript), *records_of("subagent.jsonl", self.agents)]
        self._records = sorted(records, key=lambda record: record.at_s)

    def play(self) -> Iterator[int]:
        """Play event by event; yield the number of each that was played."""
        began_s, first_s = time.time(), self._recorded_s(0)
        after_s = began_s
        for number in range(len(self.events)):
            due_s = began_s + self._recorded_s(number) - first_s
            time.sleep(max(due_s - time.time(), PAUSE_MIN_S))
            self._write(self._recorded_s(number - 1) if number else 0.0, self._recorded_s(number), after_s, time.time())
            self._fire(self.events[number]["payload"], self.events[number]["env"])
            after_s = time.time()
            yield number
        time.sleep(PAUSE_MIN_S)
        self._write(self._recorded_s(-1), float("inf"), after_s, time.time())

    def _recorded_s(self, number: int) -> float:
        return float(self.events[number]["t_ns"] / 1e9)

    def _write(self, from_s: float, until_s: float, after_s: float, before_s: float) -> None:
        """Write what was recorded between two events, its times moved between two moments of now."""
        records = [record for record in self._records if from_s <= record.at_s < until_s]
        if not records:
            return
        first_s, last_s = records[0].at_s, records[-1].at_s
        room_s = before_s - after_s - 2 * _MARGIN_S
        scale = min(1.0, room_s / (last_s - first_s)) if last_s > first_s else 1.0
        for record in records:
            # From the end: what follows an answer in the recording follows it at once.
            moved_s = before_s - _MARGIN_S - (last_s - record.at_s) * scale
            stamp = datetime.fromtimestamp(moved_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            record.path.parent.mkdir(parents=True, exist_ok=True)
            with record.path.open("a", encoding="utf-8") as file:
                file.write(_STAMP.sub(stamp, record.text) + "\n")

    def _fire(self, payload: dict[str, Any], env: dict[str, str]) -> None:
        """Run the hook's command, as Claude Code does."""
        paths = {"transcript_path": str(self.transcript), "agent_transcript_path": str(self.agents)}
        told = payload | {name: path for name, path in paths.items() if name in payload}
        # The recorded client has ended long ago; this process lives as long as the session does.
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")} | env | {"CLAUDE_PID": str(os.getpid())}
        command = ["sh", "-c", wired_command(self._home)]
        subprocess.run(command, input=json.dumps(told).encode(), env=environment, check=True)


def records_of(name: str, path: Path) -> Iterator[Record]:
    """Yield the lines of a recorded transcript that is to be written there."""
    at_s = 0.0
    for line in _recorded(name).splitlines():
        if found := _STAMP.search(line):
            # A line belongs where it stands, whatever it says.
            at_s = max(at_s, datetime.fromisoformat(found[0]).timestamp())
        yield Record(path, line, at_s)


def _recorded(name: str) -> str:
    return resources.files("cc_otel.cli.demo").joinpath(name).read_text("utf-8")
