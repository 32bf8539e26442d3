"""A person at a terminal with the real Claude Code: the keys that they type, and the screen that they see."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pexpect
import pyte

from tests.client.script import Script
from tests.client.world import KEY, World
from tests.stack.process import DEADLINE_S, wait_for

LINES: Final = 50
COLUMNS: Final = 200

THINKING_S: Final = 1.5

PROMPT: Final = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
"""What the line begins with on which one types."""

ENTER: Final = "\r"
ESCAPE: Final = "\x1b"
DOWN: Final = "\x1b[B"
TAB: Final = "\t"
CTRL_D: Final = "\x04"


class Terminal:
    """A pseudo-terminal with the client in it; what the client draws is read all the time, as a terminal does."""

    def __init__(self, process: "pexpect.spawn[bytes]") -> None:
        self._process = process
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._drawn = bytearray()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def screen(self) -> str:
        """What the screen shows now, without what is blank."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display if line.strip())

    @property
    def drawn(self) -> str:
        """All that was ever drawn, with the codes that say where and how."""
        with self._lock:
            return self._drawn.decode(errors="replace")

    def sees(self, text: str) -> None:
        """Wait until the screen shows a text."""
        self._wait_for(f"{text!r}", lambda: text in self.screen)

    def settles(self, turns: int = 1) -> None:
        """Wait until the screen says of so many turns that they are done."""
        self._wait_for(f"the end of {turns} turns", lambda: self.screen.count(" · done ") == turns)

    def is_asked(self, question: str = "Do you want to proceed?") -> None:
        """Wait for a question, and think about it: an answer quicker than a person's, the client may not take."""
        self.sees(question)
        time.sleep(THINKING_S)

    def types(self, keys: str) -> None:
        """Press keys."""
        self._process.send(keys)

    def says(self, prompt: str) -> None:
        """Type a prompt, or a command, and send it off once it stands where one types."""
        self.types(prompt)
        self.has_typed(prompt)
        self.types(ENTER)

    def has_typed(self, prompt: str) -> None:
        """Wait until a prompt stands where one types."""
        self._wait_for(f"{prompt!r} where one types", lambda: self._typed() == prompt)

    def leaves(self) -> int:
        """Leave with `/exit`; return the client's exit code."""
        self.says("/exit")
        return self.ends()

    def ends(self) -> int:
        """Wait until the client has ended; return its exit code, -1 where a signal ended it."""
        self._reader.join(DEADLINE_S)
        wait_for("the client's end", lambda: not self._process.isalive())
        return -1 if self._process.exitstatus is None else self._process.exitstatus

    def hangs_up(self) -> None:
        """Close the terminal over the client's head."""
        self._closing.set()
        self._reader.join()
        with Path(os.devnull).open() as nothing:
            # Only so is the last hold on the terminal lost, without a signal besides the system's own.
            os.dup2(nothing.fileno(), self._process.child_fd)

    def close(self) -> None:
        """End the client, if it goes on, and the terminal."""
        self._closing.set()
        self._reader.join()
        self._process.close(force=True)

    def _typed(self) -> str:
        """Return what stands where one types: on the last line that begins as such lines do."""
        lines = [line[1:] for line in self.screen.splitlines() if line[0] in (PROMPT, "!")]
        return lines[-1].strip() if lines else ""

    def _wait_for(self, what: str, look: Callable[[], bool]) -> None:
        try:
            wait_for(what, look)
        except AssertionError as error:
            raise AssertionError(f"{error}; on the screen:\n{self.screen}") from None

    def _read(self) -> None:
        while not self._closing.is_set():
            try:
                drawn = self._process.read_nonblocking(65536, timeout=0.1)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                return
            with self._lock:
                self._drawn += drawn
                self._stream.feed(drawn)


@contextmanager
def at_terminal(world: World, *arguments: str) -> Iterator[Terminal]:
    """Start the client at a terminal, for a person who has been here before; if it goes on after the block, end it."""
    acquaint(world)
    command, *rest = world.command_line(*arguments)
    process: pexpect.spawn[bytes] = pexpect.spawn(
        command,
        rest,
        cwd=world.project,
        env=world.client_environment() | {"TERM": "xterm-256color"},
        dimensions=(LINES, COLUMNS),
    )
    terminal = Terminal(process)
    try:
        world.wait_for("SessionStart")
        terminal.sees(PROMPT)
        yield terminal
    finally:
        terminal.close()


@contextmanager
def at_prompt(world: World, script: Script, *arguments: str) -> Iterator[Terminal]:
    """Install, start the client at a terminal with a scripted model, and send "prompt 1"."""
    world.scripted(script).installed()
    with at_terminal(world, *arguments) as terminal:
        terminal.says("prompt 1")
        yield terminal


def acquaint(world: World) -> None:
    """Let the client remember that all was answered that it asks a person at first: looks, key, trust."""
    answers = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(world.project): {"hasTrustDialogAccepted": True}},
    }
    (world.home / ".claude.json").write_text(json.dumps(answers))
