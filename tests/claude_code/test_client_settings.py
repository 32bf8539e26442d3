"""What Claude Code makes of its settings, as far as it decides whether our hooks run."""

import json
from pathlib import Path
from typing import Any

import pytest

from cc_otel.claude_code.client_settings import obstacles, rejections
from cc_otel.claude_code.json_text import Malformed
from tests.claude_code.shapes import LOADED, SKIPPED

ON, OFF = {"disableAllHooks": False}, {"disableAllHooks": True}


@pytest.mark.parametrize("shape", LOADED.values(), ids=list(LOADED))
def test_loaded(shape: dict[str, Any]) -> None:
    """Settings that the client loads are not said to be skipped."""
    assert rejections(json.dumps(shape)) == []


@pytest.mark.parametrize("shape", SKIPPED.values(), ids=list(SKIPPED))
def test_skipped(shape: dict[str, Any]) -> None:
    """Of settings that the client skips, the place that costs them is named."""
    reason, *_ = rejections(json.dumps(shape))

    assert reason.split(" ")[0].split(".")[0] in {"hooks", *shape}


@pytest.mark.parametrize(
    ("hooks", "reasons"),
    [
        ({"Stop": {}}, ["hooks.Stop is not a list"]),
        ({"Stop": [{"hooks": []}, {"command": "x"}]}, ['hooks.Stop[1] has no list called "hooks"']),
        (
            {"Stop": [{"hooks": [{"type": "command"}, {"type": "http", "url": "x", "timeout": 0}]}]},
            [
                'hooks.Stop[0].hooks[0] has no "command", which "command" needs',
                "hooks.Stop[0].hooks[1].url is not an address (http:// or https://)",
                "hooks.Stop[0].hooks[1].timeout is not a number above 0",
            ],
        ),
    ],
)
def test_places(hooks: Any, reasons: list[str]) -> None:
    """Every value that costs the file is named with its place."""
    assert rejections(json.dumps({"hooks": hooks})) == reasons


def test_no_json() -> None:
    """What is no JSON is nothing that shapes could be looked for in."""
    assert rejections("") == []
    assert rejections("[]") == ["the whole is not an object"]
    with pytest.raises(Malformed):
        rejections("{")


class Machine:
    """A user's settings, a project's, and an administrator's."""

    def __init__(self, folder: Path) -> None:
        self.user = folder / ".claude" / "settings.json"
        self.project = folder / "project"
        self.managed = folder / "etc"

    def write(self, **settings: Any) -> None:
        """Write settings: user, project, local, managed, dropin."""
        places = {
            "user": self.user,
            "project": self.project / ".claude" / "settings.json",
            "local": self.project / ".claude" / "settings.local.json",
            "managed": self.managed / "managed-settings.json",
            "dropin": self.managed / "managed-settings.d" / "10-hooks.json",
        }
        for name, value in settings.items():
            places[name].parent.mkdir(parents=True, exist_ok=True)
            places[name].write_text(json.dumps(value))

    def reasons(self) -> list[str]:
        """Return what is in the way of the user's hooks."""
        return [it.reason for it in obstacles(self.user, self.project, [self.managed])]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any settings."""
    return Machine(tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"user": {"model": "opus"}},
        {"user": OFF, "project": ON},
        {"project": OFF, "local": ON},
        {"user": OFF, "managed": ON},
        {"project": {"allowManagedHooksOnly": True, "hooks": []}},
        {"managed": {"hooks": [], "disableAllHooks": "x", "allowManagedHooksOnly": True}},
    ],
)
def test_nothing_in_the_way(machine: Machine, settings: dict[str, Any]) -> None:
    """The first that says whether hooks run decides; policies of others than the administrator do not count."""
    machine.write(**settings)

    assert machine.reasons() == []


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"user": OFF}, "disableAllHooks"),
        ({"project": OFF}, "disableAllHooks"),
        ({"local": OFF, "project": ON}, "disableAllHooks"),
        ({"managed": OFF, "local": ON}, "disableAllHooks"),
        ({"managed": {"allowManagedHooksOnly": True}}, "allowManagedHooksOnly"),
        ({"dropin": {"allowManagedHooksOnly": True}}, "allowManagedHooksOnly"),
        ({"managed": {"strictPluginOnlyCustomization": True}}, "strictPluginOnlyCustomization"),
        ({"user": {"hooks": {"Stop": [{"command": "x"}]}}}, "skips all of"),
    ],
)
def test_in_the_way(machine: Machine, settings: dict[str, Any], word: str) -> None:
    """What keeps hooks from running is named once, with its file."""
    machine.write(**settings)
    [reason] = machine.reasons()

    assert word in reason
    assert str(machine.user.parents[1]) in reason


def test_no_json_in_the_way(machine: Machine) -> None:
    """A file that is no JSON is skipped too, which is said with the place."""
    machine.write(user={})
    machine.user.write_text("{,}")

    assert machine.reasons() == [
        f"Claude Code skips all of {machine.user}, because it is no JSON"
        " (line 1, column 2: Expecting property name enclosed in double quotes)"
    ]
