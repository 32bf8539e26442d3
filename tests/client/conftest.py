"""The real Claude Code as a fixture. Where it cannot run a test skips; with CC_OTEL_REQUIRE_STACK=1, it fails."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.client.loopback import NotPermitted, loopback
from tests.client.world import MakeWorld, World
from tests.stack.conftest import built
from tests.stack.programs import Built

__all__ = ["built", "enter", "make_world", "world"]


@pytest.fixture(scope="session")
def enter() -> Iterator[tuple[str, ...]]:
    """What to put before a command to run it where nothing but loopback is."""
    with ExitStack() as namespace:
        try:
            command = namespace.enter_context(loopback())
        except NotPermitted as error:
            if os.environ.get("CC_OTEL_REQUIRE_STACK") == "1":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield command


@pytest.fixture
def make_world(built: Built, enter: tuple[str, ...], tmp_path: Path) -> Iterator[MakeWorld]:
    """Make a person with the real client, anew at each call and at the same place."""
    client = built("claude")
    with ExitStack() as people:

        def make() -> World:
            people.close()
            return people.enter_context(World(tmp_path / "world", client, enter))

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A person with the real client, and with nothing of ours yet."""
    return make_world()
