"""A person's own command, run as if there were nothing between them and it."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import click

from cc_otel.text import line

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
"""A shell's exit codes for a command that it cannot run (POSIX, Exit Status for Commands)."""

KEYBOARD: Final = frozenset({signal.SIGINT, signal.SIGQUIT})
PASSED_ON: Final = (*KEYBOARD, signal.SIGTERM, signal.SIGHUP)


class _NotExecutable(click.ClickException):
    exit_code = NOT_EXECUTABLE


class _NotFound(click.ClickException):
    exit_code = NOT_FOUND


def run_child(command: Sequence[str]) -> int:
    """
    Run a command to its end, passing on signals that ask it to stop.

    Return its exit code, 128 + n where signal n ended it. Afterwards each of those signals raises KeyboardInterrupt.

    Raises:
        click.ClickException: it cannot be run; the exit code is a shell's.

    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        # The command has to stay in our process group to read the terminal, so the keyboard's signals reach it anyway;
        # and a second Ctrl-C means something else to most programs.
        if number in KEYBOARD and _at_keyboard():
            return
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    # A signal that is ignored, as under nohup, is ignored by the command too.
    handled = [number for number in PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, pass_on)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        failure = _NotFound if isinstance(error, FileNotFoundError) else _NotExecutable
        raise failure(line(f"{command[0]} cannot be run: {error.strerror}")) from None
    while early:
        child.send_signal(early.pop())
    code = child.wait()
    for number in handled:
        signal.signal(number, signal.default_int_handler)
    return code if code >= 0 else 128 - code


def _at_keyboard() -> bool:
    """Whether we are in the terminal's foreground process group, which its keys act on."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
