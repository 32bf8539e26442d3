"""The user who types the commands."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cc_otel.agent.lock import is_locked, running_pid
from tests.cli.person import Person, wait_until


@pytest.fixture
def person() -> Iterator[Person]:
    """A user without settings, without a home of ours, in an empty project; their agent ends with the test."""
    # Not pytest's folder: its path may leave no room for a socket's.
    with TemporaryDirectory(prefix="cc-otel-") as folder:
        yield from _in(Path(folder))


def _in(folder: Path) -> Iterator[Person]:
    person = Person(folder)
    person.user.mkdir()
    person.project.mkdir()
    yield person
    # No pid where the home is no folder; a signal to 0 would go to every process here.
    if (pid := running_pid(person.home)) and is_locked(person.home):
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_locked(person.home))
