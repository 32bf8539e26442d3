"""Which settings the real client loads, and whether its hooks run: what we say of them is held to it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cc_otel.claude_code.client_settings import obstacles
from tests.claude_code.shapes import LOADED, SKIPPED
from tests.client.script import says
from tests.client.world import World

pytestmark = pytest.mark.stack


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with both: hooks of ours beside theirs."""
    return {**ours, **theirs, "hooks": {**theirs.get("hooks", {}), **ours["hooks"]}}


def runs(world: World, shape: Mapping[str, Any]) -> bool:
    """Put a shape beside a hook that notes when it runs; say whether it runs."""
    world.noting("SessionStart")
    world.configure(merged(json.loads(world.settings.read_text()), shape))
    world.scripted({"hi": [says("done")]}).asks("hi")
    return [it["hook_event_name"] for it in world.fired()] == ["SessionStart"]


@pytest.mark.parametrize("shape", LOADED.values(), ids=list(LOADED))
def test_loaded(world: World, shape: dict[str, Any]) -> None:
    """Beside a shape that counts as right, a hook runs."""
    assert runs(world, shape)
    assert obstacles(world.settings, world.project, []) == []


@pytest.mark.parametrize("shape", SKIPPED.values(), ids=list(SKIPPED))
def test_skipped(world: World, shape: dict[str, Any]) -> None:
    """Beside a shape that counts as wrong, no hook runs."""
    assert not runs(world, shape)
    assert obstacles(world.settings, world.project, []) != []


@pytest.mark.parametrize(
    ("user", "project", "local"),
    [
        (True, None, None),
        (None, True, None),
        (None, False, True),
        (None, True, False),
        (True, False, None),
        (False, None, None),
    ],
)
def test_disabled(world: World, user: bool | None, project: bool | None, local: bool | None) -> None:
    """Of several files that say whether hooks run, the one that decides is known."""
    folder = world.project / ".claude"
    folder.mkdir()
    for name, value in (("settings.json", project), ("settings.local.json", local)):
        if value is not None:
            (folder / name).write_text(json.dumps({"disableAllHooks": value}))
    ran = runs(world, {} if user is None else {"disableAllHooks": user})

    assert ran == (obstacles(world.settings, world.project, []) == [])
