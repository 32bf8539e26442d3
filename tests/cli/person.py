"""Somebody at a shell: a home folder and a project of their own, and nothing of the test's environment."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEADLINE_S = 60.0


def wait_until(condition: Callable[[], object]) -> None:
    """Look again until something is so."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass
class Person:
    """The person's folder; ``user`` is their HOME, ``project`` where they type."""

    folder: Path

    @property
    def user(self) -> Path:
        """Their HOME, with a path that is not a friendly one."""
        return self.folder / 'it\'s "mine" $(x)'

    @property
    def project(self) -> Path:
        """The folder they work in."""
        return self.folder / "project"

    @property
    def home(self) -> Path:
        """The home of cc-otel."""
        return self.user / ".cc-otel"

    @property
    def settings(self) -> Path:
        """Their Claude Code settings."""
        return self.user / ".claude" / "settings.json"

    def write(self, text: str) -> None:
        """Return them settings."""
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        self.settings.write_bytes(text.encode())

    def read(self) -> str:
        """Return their settings as they are."""
        return self.settings.read_bytes().decode()

    def environment(self, **variables: str) -> dict[str, str]:
        """Return what their shell exports."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.user), **variables}

    def run(
        self, *arguments: str, prefix: Sequence[str] = (), stdin: str = "", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Type a command of cc-otel."""
        return subprocess.run(
            [*prefix, sys.executable, "-P", "-m", "cc_otel", *arguments],
            cwd=self.project,
            env=self.environment(**(variables or {})),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )

    def done(self, *arguments: str, **variables: str) -> str:
        """Type a command that works, and return what it says."""
        done = self.run(*arguments, variables=variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, *arguments: str, **variables: str) -> Any:
        """Type a command that works, and return what it tells a program."""
        return json.loads(self.done(*arguments, "--json", **variables))

    def refused(self, *arguments: str, **variables: str) -> str:
        """Type a command that fails, and return what it says."""
        done = self.run(*arguments, variables=variables)
        assert (done.returncode, done.stdout) == (1, ""), done
        return done.stderr
