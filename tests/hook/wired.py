"""The wired command, run as Claude Code runs it: a real shell, a real home."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cc_otel.claude_code.hook import wired_command
from cc_otel.spool import Spool, SpoolFile

HOOKS = Path(__file__).parents[2] / "hooks"
DEADLINE_S = 60.0
PAYLOAD = b'{"session_id":"s","hook_event_name":"Stop"}\n'
SILENT = (0, b"", b"")
"""The only outcome a hook may have: exit code, standard output, standard error."""

_LATER_NS = 60_000_000_000


@dataclass
class Hook:
    """A shell and the home that is wired in it."""

    shell: list[str]
    home: Path

    @property
    def spool(self) -> Spool:
        """The reader's side of what the hook writes."""
        return Spool(self.home / "spool", bytes_max=1 << 30)

    def given(self, script: str) -> None:
        """Bring the machine into a state, by a script that knows the home as ``$h``."""
        subprocess.run(["sh", "-ec", script], env=environment({"h": str(self.home)}), check=True)

    def arguments(self, before: str = "", redirect: str = "") -> list[str]:
        """Return the command line; ``before`` runs in the same shell, ``redirect`` is put around the whole."""
        wired = wired_command(self.home).replace('. "$h/', before + '. "$h/')
        if redirect:
            return ["sh", "-c", f'exec "$@" {redirect}', "sh", *self.shell, "-c", wired]
        return [*self.shell, "-c", wired]

    def run(
        self,
        payload: bytes = PAYLOAD,
        env: Mapping[str, str] | None = None,
        before: str = "",
        redirect: str = "",
        timeout_s: float = DEADLINE_S,
    ) -> tuple[int, bytes, bytes]:
        """Run the hook and return its exit code, standard output and standard error."""
        done = subprocess.run(
            self.arguments(before, redirect),
            input=payload,
            capture_output=True,
            env=environment(env),
            cwd=self.home.parent,
            check=False,
            timeout=timeout_s,
        )
        return done.returncode, done.stdout, done.stderr

    def recorded(self) -> list[SpoolFile]:
        """Return what the spool holds once nobody can be writing any more, oldest first."""
        spool = self.spool
        found = [spool.read(entry, time.time_ns() + _LATER_NS) for entry in spool.oldest(10_000)]
        return [recorded for recorded in found if recorded is not None]


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the given variables and a PATH, and nothing of the test's own environment."""
    return {"PATH": os.environ["PATH"], **(variables or {})}
