"""The hook as a file: where its script comes from, how it gets into a home, and the command that runs it there."""

import shlex
from importlib import resources
from pathlib import Path
from typing import Final

from cc_otel.files import write_whole

SCRIPT_NAME: Final = "record.sh"
STARTER_NAME: Final = "start"

_BEGIN: Final = "trap 'exit 0' 0; h="
_END: Final = f'. "$h/{SCRIPT_NAME}" 2>/dev/null; exit 0'

_BEGUN: Final = (_BEGIN, "h=")
"""How every wired command of a released version begins: they are ours for ever."""
_ENDED: Final = (f"; {_END}", f"; command {_END}")
"""How every one ends."""


def script() -> str:
    """Return the hook's script: from the package, or beside it in a checkout."""
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
    # Here before it is needed: where no inode is free the hook can still add to it.
    (home / "spool" / "lost").touch(mode=0o600)
    _place(home / SCRIPT_NAME, script(), 0o600)


def install_starter(home: Path, python: str, user_home: Path, spool_bytes_max: int) -> None:
    """
    Put the file into a home that the hook runs where no agent is: it starts what the setting ``autostart`` says.

    ``python`` is the interpreter that has this package, by its absolute path; ``user_home`` is the agent's ``HOME``.

    Raises:
        OSError: the home cannot be written.

    """
    _place(home / STARTER_NAME, starter(home, python, user_home, spool_bytes_max), 0o700)


def starter(home: Path, python: str, user_home: Path, spool_bytes_max: int) -> str:
    """
    Return the starter's script.

    It runs at each prompt while no agent does. The hook gives it no environment, so all that the agent must know
    stands in it. Where no agent is to start, or can (the package is gone), it keeps the spool's limit itself
    (docs/spool.md). It looks for autostart in the usual form, to save the start of a Python; any other way to write
    it is left to ``cc-otel autostart``.
    """
    limit_kb = spool_bytes_max >> 10
    return f"""#!/bin/sh
# Written by `cc-otel install`, run by {SCRIPT_NAME} where no agent is (docs/install.md).
HOME={shlex.quote(str(user_home))}; export HOME
h={shlex.quote(str(home))}
used=$(du -sk "$h/spool/new" 2>/dev/null)
used=${{used%%[!0-9]*}}0
[ "$used" -lt {limit_kb}0 ] || printf '' >"$h/spool/full"
if [ -f "$h/config.toml" ]; then
  while IFS=' =' read -r name value comment || [ "$name" ]; do
    case $name:$value:$comment in
      'autostart:"off":' | "autostart:'off':" | 'autostart:"off":#'* | "autostart:'off':#"*)
        [ "$used" -ge {limit_kb * 9 // 10}0 ] || [ ! -e "$h/spool/full" ] || rm -f "$h/spool/full"
        exit 0
        ;;
    esac
  done <"$h/config.toml"
fi
[ -x {shlex.quote(python)} ] || exit 0
exec {shlex.quote(python)} -P -m cc_otel autostart --home "$h"
"""


def starter_python(text: str) -> str:
    """Return the interpreter that a starter runs; empty for a text that is not a starter's."""
    try:
        words = shlex.split(text.rpartition("\nexec ")[2])
    except ValueError:
        return ""
    return words[0] if words[1:4] == ["-P", "-m", "cc_otel"] else ""


def _place(path: Path, text: str, mode: int) -> None:
    # A session may be reading the old one right now.
    write_whole(path, text.encode("utf-8", "surrogateescape"), mode)


def wired_command(home: Path, *, starts_agent: bool = False) -> str:
    """Return the command that Claude Code runs for an event (docs/decisions/0003-hook-in-sh.md says why each part)."""
    start = "s=1; " if starts_agent else ""
    # Claude Code puts its own values for ${CLAUDE_PROJECT_DIR} and the like, wherever they stand.
    quoted = shlex.quote(str(home)).replace("${", "$''{")
    return f"{_BEGIN}{quoted}; {start}{_END}"


def wired_home(command: str) -> Path | None:
    """Return the home that a command of ours, of any version, is wired to; None for a command that is not ours."""
    begin = next((begin for begin in _BEGUN if command.startswith(begin)), None)
    if begin is None or not command.endswith(_ENDED):
        return None
    try:
        first = shlex.split(command.removeprefix(begin))[0]
    except ValueError:
        return None
    return Path(first.removesuffix(";"))
