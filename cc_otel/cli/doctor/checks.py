"""What ``doctor`` tells: findings, and the commands that mend what they are about."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from cc_otel.cli.errors import MISHAPS, in_words
from cc_otel.cli.install import settings_path
from cc_otel.config import BadSettings, Home, default_home

OK: Final = "ok"
BROKEN: Final = "broken"
NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Check:
    """What one look gave: ``state`` is ok, broken, or note where it is for the user to judge; ``fix`` a command."""

    what: str
    state: str
    told: str
    fix: str = ""


def looked(what: str, findings: Iterable[Check]) -> Iterator[Check]:
    """Return a look's findings; where it cannot go on, that is one too, and the other looks are still to come."""
    try:
        yield from findings
    except click.ClickException as error:
        yield Check(what, BROKEN, error.message)
    except BadSettings as error:
        yield Check(what, BROKEN, str(error))
    except MISHAPS as error:
        yield Check(what, BROKEN, in_words(error, otherwise=""))


def command(home: Home, name: str) -> str:
    """Return a command of ours as it is typed for this home."""
    return f"cc-otel {name}" + ("" if home.path == default_home() else f" --home {shlex.quote(str(home.path))}")


def install(home: Home, settings: Path | None = None) -> str:
    """Return the command that wires a settings file to this home, by default the user's own."""
    if settings is None or settings == settings_path("user"):
        return command(home, "install")
    scope = "--local" if settings.name == "settings.local.json" else "--project"
    return f"cd {shlex.quote(str(settings.parent.parent))} && {command(home, f'install {scope}')}"
