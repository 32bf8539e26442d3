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
    if is_locked(person.home):
        os.kill(running_pid(person.home), signal.SIGTERM)
        wait_until(lambda: not is_locked(person.home))
