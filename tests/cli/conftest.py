"""Whoever types the commands."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_otel.agent.lock import is_locked, running_pid
from tests.cli.person import Person, wait_until


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """Somebody without settings, without a home of ours, in an empty project; their agent ends with the test."""
    person = Person(tmp_path)
    person.user.mkdir()
    person.project.mkdir()
    yield person
    # No pid where the home is no folder; a signal to 0 would go to everybody here.
    if (pid := running_pid(person.home)) and is_locked(person.home):
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_locked(person.home))
