"""
Which Claude Code there is on the PATH, and which events its settings may name.

Clients before 2.1.101 drop all hooks of a settings file over one event that they do not know (tried: 2.1.76 and 2.1.98
do, 2.1.101 does not), and say nothing of it.
"""

import re
import shutil
import subprocess
from functools import cache
from typing import Final

ANSWER_S: Final = 10.0
"""How long a client may take to say its version; it takes a fraction of a second."""

Version = tuple[int, int, int]

TOLERANT: Final[Version] = (2, 1, 101)
"""The first version that ignores a single event which it does not know."""

_VERSION: Final = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b")


def parsed(text: str) -> Version | None:
    """Return the first version in a text, None if there is none."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def written(version: Version) -> str:
    """Return a version as the client writes it."""
    return ".".join(map(str, version))


def is_intolerant(version: Version | None) -> bool:
    """Whether a client drops a settings file that names an event it does not know. One that is not known is new."""
    return version is not None and version < TOLERANT


@cache
def answer() -> str:
    """
    Return what `claude --version` says; empty where no ``claude`` is on the PATH. Asked once.

    Raises:
        OSError: it cannot be run.
        TimeoutExpired: it did not answer within `ANSWER_S`.

    """
    claude = shutil.which("claude")
    if claude is None:
        return ""
    # It must not read what a person types meanwhile.
    done = subprocess.run(
        [claude, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S, check=False
    )
    return done.stdout.decode("utf-8", "replace").strip()


def version() -> Version | None:
    """Return the version of the client on the PATH; None where there is none, or it does not say."""
    try:
        return parsed(answer())
    except (OSError, subprocess.TimeoutExpired):
        return None
