"""The plugin's wiring: which events, and a command that works wherever it finds its script."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from cc_otel.claude_code.event_table import EVENTS as KNOWN_EVENTS
from cc_otel.spool import Spool
from tests.hook.wired import DEADLINE_S, HOOKS, PAYLOAD, SILENT, environment

LATER_THAN_2_1_197 = {"DirectoryAdded", "PreModelSwitch", "PostModelSwitch"}
HARMFUL = {"WorktreeCreate", "MessageDisplay"}


def commands() -> dict[str, str]:
    """Return each wired event with its command, from the file as Claude Code reads it."""
    wired = json.loads((HOOKS / "hooks.json").read_text())["hooks"]
    found: dict[str, str] = {}
    for event, groups in wired.items():
        [handler] = [handler for group in groups for handler in group["hooks"]]
        assert {**handler, "command": ""} == {"type": "command", "command": "", "timeout": 5}
        found[event] = handler["command"]
    return found


def test_events() -> None:
    """The plugin names the events that 2.1.197 knows, but those that an observer would disturb."""
    assert commands().keys() == set(KNOWN_EVENTS) - LATER_THAN_2_1_197 - HARMFUL


def test_left_out() -> None:
    """Each event left out stands in the hooks' README, with its reason."""
    section = (HOOKS / "README.md").read_text().partition("## Events left out")[2]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    reasons = {row[1].strip(" `"): row[2].strip() for row in rows}

    assert reasons.keys() == HARMFUL | LATER_THAN_2_1_197
    assert all(reasons.values())


def test_starting_events() -> None:
    """One command serves all events; the two that begin something also look after the agent."""
    starting = {event: command for event, command in commands().items() if "s=1; " in command}

    assert starting.keys() == {"SessionStart", "UserPromptSubmit"}
    assert len({command.replace("s=1; ", "") for command in commands().values()}) == 1


@pytest.mark.parametrize("installed", ["home", "plugin", "nowhere"])
def test_finds_its_script(shell: list[str], tmp_path: Path, installed: str) -> None:
    """The home's script is preferred to the plugin's; the plugin's does where there is none; without both, silence."""
    user, plugin = tmp_path / "a user", tmp_path / "a plugin"
    spool = Spool(user / ".cc-otel" / "spool", bytes_max=1 << 30)
    spool.prepare()
    (plugin / "hooks").mkdir(parents=True)
    if installed != "nowhere":
        shutil.copy(HOOKS / "record.sh", plugin / "hooks")
    if installed == "home":
        (user / ".cc-otel" / "record.sh").write_text(
            'CC_OTEL_SOURCE_APP=home; . "$CLAUDE_PLUGIN_ROOT/hooks/record.sh"\n'
        )

    done = subprocess.run(
        [*shell, "-c", commands()["Stop"]],
        input=PAYLOAD,
        capture_output=True,
        env=environment({"HOME": str(user), "CLAUDE_PLUGIN_ROOT": str(plugin)}),
        check=False,
        timeout=DEADLINE_S,
    )

    found = [spool.read(entry, entry.mtime_ns) for entry in spool.oldest(2)]
    ours = {"CLAUDE_PLUGIN_ROOT": str(plugin)}
    expected = {"home": [ours | {"CC_OTEL_SOURCE_APP": "home"}], "plugin": [ours], "nowhere": []}[installed]
    assert (done.returncode, done.stdout, done.stderr) == SILENT
    assert [recorded.variables for recorded in found if recorded] == expected


def test_without_home(shell: list[str]) -> None:
    """A plugin on a machine where we never were, even without HOME, does nothing."""
    done = subprocess.run(
        [*shell, "-c", commands()["SessionStart"]], input=PAYLOAD, capture_output=True, env=environment(), check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == SILENT
