"""A person with the real Claude Code: a throw-away HOME and project, a scripted model, and nothing beyond loopback."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import psutil

from cc_otel.claude_code.event_table import Choice, wired_rows
from tests.client.script import Script
from tests.client.trees import render
from tests.stack.process import DEADLINE_S, wait_for

MODEL: Final = "claude-opus-5-5"
KEY: Final = "sk-ant-api03-nobodys"
STANDIN: Final = Path(__file__).with_name("standin.py")

NOTED: Final = Choice(compactions=True)

MakeWorld = Callable[[], "World"]
"""Make a person, always at the same place: who was there before is gone."""


@dataclass
class World:
    """
    The person; ``enter`` goes before each command, so that it runs in the namespace; ``command`` is cc-otel.

    ``retries`` is how often their client asks again what the API did not answer; ``choice`` which events the other hook
    notes.
    """

    folder: Path
    client: Path
    enter: tuple[str, ...]
    command: tuple[str, ...] = (sys.executable, "-P", "-m", "cc_otel")
    retries: int = 0
    choice: Choice = NOTED
    _parts: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Make the folders, and a hook of somebody else's that notes each event."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self.project, self.fired_folder, self.settings.parent, self.folder / "bin"):
            folder.mkdir(parents=True)
        claude = self.folder / "bin" / "claude"
        claude.write_text(f'#!/bin/sh\nexec {self.client} "$@"\n')
        claude.chmod(0o755)
        # Git says nothing of a folder outside: what the model is told is the same on all machines.
        (self.project / ".git").mkdir()
        self.noting(*(row.name for row in wired_rows(self.choice)))
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started, and what that started: the agent and the tools of a killed client."""
        self._parts.close()
        self.end_agent()

    @property
    def home(self) -> Path:
        """Their HOME."""
        return self.folder / "home"

    @property
    def project(self) -> Path:
        """Where they work."""
        return self.folder / "project"

    @property
    def settings(self) -> Path:
        """Their settings of Claude Code."""
        return self.home / ".claude" / "settings.json"

    @property
    def ours(self) -> Path:
        """The home of cc-otel."""
        return self.home / ".cc-otel"

    @property
    def fired_folder(self) -> Path:
        """Where the other hook notes each event as a file."""
        return self.folder / "fired"

    @property
    def environment(self) -> dict[str, str]:
        """What their shell exports: nothing of whoever runs the tests."""
        return {
            "PATH": f"{self.folder / 'bin'}:{os.defpath}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
        }

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write their settings."""
        self.settings.write_text(json.dumps(settings, indent=2))

    def noting(self, *events: str) -> None:
        """Write settings in which that other hook notes these events, and nothing else is."""
        command = f'it=$(mktemp {self.fired_folder}/XXXXXXXX) && cat >"$it" && mv "$it" "$it.json"'
        handler = {"type": "command", "command": command}
        self.configure({"hooks": {event: [{"hooks": [handler]}] for event in events}})

    def scripted(self, script: Script) -> Self:
        """Let the model say what the script says."""
        (self.folder / "script.json").write_text(json.dumps(script))
        command = [
            *self.enter,
            sys.executable,
            str(STANDIN),
            *(str(self.folder / it) for it in ("script.json", "seen", "port")),
        ]
        standin = self._parts.enter_context(subprocess.Popen(command, env={"PATH": os.defpath}))
        self._parts.callback(standin.terminate)
        wait_for("the stand-in's port", (self.folder / "port").exists)
        return self

    def installed(self, *options: str) -> Self:
        """Run `cc-otel install`."""
        self.cc_otel("install", *options)
        return self

    def cc_otel(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run a command of cc-otel that ends with ``code``; return what it says."""
        done = subprocess.run(
            [*self.enter, *self.command, *arguments],
            cwd=self.project,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S * 2,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def serve(self, *arguments: str) -> None:
        """Start a command of cc-otel that goes on until the person leaves."""
        process = self._parts.enter_context(
            subprocess.Popen(
                [*self.enter, *self.command, *arguments],
                cwd=self.project,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        self._parts.callback(process.terminate)

    def command_line(self, *arguments: str) -> list[str]:
        """What starts the client."""
        return [*self.enter, str(self.client), "--model", MODEL, *arguments]

    def client_environment(self) -> dict[str, str]:
        """What the client is started with: where the model is, how often to ask it again, and to ask nobody else."""
        return self.environment | {
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{(self.folder / 'port').read_text()}",
            "ANTHROPIC_API_KEY": KEY,
            "CLAUDE_CODE_MAX_RETRIES": str(self.retries),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }

    def start(self, *arguments: str, talking: bool = False, folder: Path | None = None) -> subprocess.Popen[str]:
        """Start the client, headless; with nothing on its standard input, unless somebody is ``talking`` to it."""
        process = self._parts.enter_context(
            subprocess.Popen(
                self.command_line(*arguments),
                cwd=folder or self.project,
                env=self.client_environment(),
                stdin=subprocess.PIPE if talking else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if talking else subprocess.PIPE,
                stderr=subprocess.DEVNULL if talking else subprocess.PIPE,
                text=True,
            )
        )
        self._parts.callback(process.kill)
        return process

    def claude(self, *arguments: str) -> "Done":
        """Run the client to its end."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=DEADLINE_S * 2)
        return Done(process.returncode, stdout, stderr)

    def asks(self, prompt: str, *arguments: str) -> "Done":
        """Run the client for one prompt; Bash may do anything that reads."""
        return self.claude("-p", prompt, "--allowedTools", "Bash", *arguments)

    @contextmanager
    def talk(self, *arguments: str) -> Iterator[Callable[[str], None]]:
        """Keep a client for several prompts; return what says one to it. At the end of the block its session ends."""
        streams = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
        process = self.start("-p", *streams, *arguments, talking=True)
        assert process.stdin

        def say(prompt: str) -> None:
            assert process.stdin
            process.stdin.write(json.dumps({"type": "user", "message": {"role": "user", "content": prompt}}) + "\n")
            process.stdin.flush()

        yield say
        process.stdin.close()
        process.wait(DEADLINE_S)

    def wait_for(self, event: str, count: int = 1) -> None:
        """Wait until an event has fired so many times."""
        wait_for(event, lambda: [it["hook_event_name"] for it in self.fired()].count(event) >= count)

    def requests(self) -> list[dict[str, Any]]:
        """Return what the client sent to the API so far."""
        seen = self.folder / "seen"
        return [json.loads(line) for line in seen.read_text().splitlines()] if seen.exists() else []

    def fired(self) -> list[dict[str, Any]]:
        """Return the payloads of all events, as the other hook noted them."""
        return [json.loads(path.read_bytes()) for path in self.fired_folder.glob("*.json")]

    def transcripts(self) -> list[Path]:
        """Return the client's transcripts, without those of subagents."""
        return sorted((self.home / ".claude" / "projects").glob("*/*.jsonl"))

    def records(self) -> list[dict[str, Any]]:
        """Return what stands in these transcripts."""
        return [json.loads(line) for path in self.transcripts() for line in path.read_text().splitlines()]

    def tree(self, *, in_order: bool = True) -> str:
        """
        Deliver everything and draw the graph; ``in_order`` puts siblings in the order of their starts, else of names.

        Fails unless each event that fired is exactly one span.
        """
        self.cc_otel("flush", "--timeout", "60")
        spans = self.spans()
        events = Counter(it["attributes"].get("cc_otel_hook_event") for it in spans)
        # Model calls and calls that only a batch names stand for no event.
        del events[None]

        assert events == Counter(payload["hook_event_name"] for payload in self.fired())
        return render(spans, in_order=in_order)

    def spans(self) -> list[dict[str, Any]]:
        """Return the documents of the graph's spans."""
        with sqlite3.connect(self.ours / "graph.db") as database:
            rows = database.execute("SELECT *, rowid FROM spans")
            names = [column[0] for column in rows.description]
            found = [dict(zip(names, row, strict=True)) for row in rows]
        database.close()
        return [{**row, **json.loads(row["document"] or "{}")} for row in found]

    def end_agent(self) -> None:
        """End the agent, and whatever else was left behind by a client of this person."""
        mine = [it for it in psutil.process_iter() if _of(it, str(self.home))]
        for process in mine:
            process.send_signal(signal.SIGTERM)
        _, stubborn = psutil.wait_procs(mine, DEADLINE_S)
        for process in stubborn:
            process.kill()


@dataclass(frozen=True, slots=True)
class Done:
    """How a client ended, and what it printed."""

    code: int
    stdout: str
    stderr: str


def _of(process: psutil.Process, home: str) -> bool:
    """Whether a process has this HOME: everything that the person's commands start has."""
    try:
        return process.environ().get("HOME") == home
    except psutil.Error:
        return False
