"""The home that commands work in, and the environment of what they start there."""

import os
from typing import Final

from cc_otel.cli.common import fail
from cc_otel.config import Home

_BROUGHT: Final = {"config.toml", "model.env", "off", "lost+found"}
"""What may be in a home that is used for the first time: what its owner wrote, and what a fresh disk has."""

_MADE: Final = {
    *("spool", "record.sh", "installed.json", "agent.lock", "journal.db", "graph.db", "cache.db", "dead"),
    *("cc-otel.log", "graph-exporter.log", "ui.log", "ui-token"),
}
"""What marks a home that has been used. A folder that was there for something else is not ours to make private."""


def prepare_home(home: Home) -> None:
    """Create the home, for its owner alone; fail with a message where that is impossible."""
    try:
        found = {path.name for path in home.path.iterdir()} if home.path.is_dir() else set()
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not found - _BROUGHT or found & _MADE:
            home.path.chmod(0o700)
    except OSError as error:
        fail(f"the home {home.path} cannot be used: {error.strerror}. Name another with --home")


def clean_environment() -> dict[str, str]:
    """Return the environment of a started agent: nothing that a repository's settings could have put there."""
    kept = ("HOME", "LANG", "LC_ALL", "TMPDIR")
    return {"PATH": "/usr/local/bin:/usr/bin:/bin"} | {name: os.environ[name] for name in kept if name in os.environ}
