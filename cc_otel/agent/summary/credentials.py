"""
The model's credentials: a file of the home that its owner alone may read.

A started agent has a clean environment, and what Claude Code's hooks inherit may come from the settings of any cloned
repository. So keys and addresses of models are taken from ``model.env`` and from nowhere else.
"""

import os
import stat
from pathlib import Path
from typing import Final

BYTES_MAX: Final = 1 << 20
INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""What the model process sees of the agent's environment. HOME is where gcloud and aws keep what they log in with."""


class BadCredentials(Exception):
    """The file cannot be used; the text says what to do, and holds none of its values."""


class Credentials:
    """The variables of ``model.env``, ``NAME=value`` a line, as they are now."""

    def __init__(self, path: Path) -> None:
        """Take the file's path. It need not exist: a model on this machine asks for no key."""
        self._path = path

    @property
    def folder(self) -> Path:
        """The folder that it stands in, which is for its owner alone."""
        return self._path.parent

    def environment(self) -> dict[str, str]:
        """
        Return the environment of a model process.

        Raises:
            BadCredentials: others may read the file, or it is not of that form.

        """
        return {name: os.environ[name] for name in INHERITED if name in os.environ} | self._read()

    def edition(self) -> tuple[int, int]:
        """Return the file's modification time and size, to notice a change; zeros if there is no file."""
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_mode

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise BadCredentials(f"others may read {self._path}: run chmod 600 {self._path}")
                text = file.read(BYTES_MAX).decode("utf-8", "replace")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BadCredentials(f"{self._path} cannot be read: {error.strerror}") from error
        return dict(self._pair(number, line) for number, line in enumerate(text.splitlines(), 1) if _says(line))

    def _pair(self, number: int, line: str) -> tuple[str, str]:
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not sign or not name.isidentifier() or "\0" in value:
            raise BadCredentials(f"{self._path}, line {number}: write NAME=value")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        return name, value


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
