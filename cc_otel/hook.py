"""The hook as a file: where its script comes from, how it gets into a home, and the command that runs it there."""

import os
import shlex
from importlib import resources
from pathlib import Path
from typing import Final

SCRIPT_NAME: Final = "record.sh"


def script() -> str:
    """Give the hook's script: from the package, or beside it in a checkout."""
    package = resources.files("cc_otel")
    packaged = package.joinpath("hooks", SCRIPT_NAME)
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return Path(str(package)).parent.joinpath("hooks", SCRIPT_NAME).read_text("utf-8")


def install_script(home: Path) -> None:
    """
    Put the script, and the spool it writes to, into a home; a script that is there is replaced at once and whole.

    Raises:
        OSError: the home cannot be written.

    """
    for folder in (home, home / "spool", home / "spool" / "new"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A session may be sourcing the old one right now.
    fresh = home / f"{SCRIPT_NAME}.{os.getpid()}"
    fresh.write_text(script(), "utf-8")
    fresh.chmod(0o600)
    fresh.replace(home / SCRIPT_NAME)


def wired_command(home: Path, *, starts_agent: bool = False) -> str:
    """Give the command that Claude Code runs for an event (docs/decisions/0003-hook-in-sh.md says why each part)."""
    start = "s=1; " if starts_agent else ""
    return f'h={shlex.quote(str(home))}; {start}command . "$h/{SCRIPT_NAME}" 2>/dev/null; exit 0'
