"""``doctor``: what is broken is found, told with what mends it, and in the exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.path.processes import CLEAN, cc_otel, rows, serving


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a home folder of their own."""
    return CLEAN | {"HOME": str(tmp_path)}


def findings(env: dict[str, str], *arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run ``doctor``; return its exit code and its checks by name."""
    done = cc_otel("doctor", "--json", *arguments, env=env)
    return done.returncode, {(found := json.loads(line))["what"]: found for line in done.stdout.splitlines()}


def test_an_installed_home_is_well(user: dict[str, str]) -> None:
    """After ``install``, every part works: a test event goes through everything and is read back from the graph."""
    cc_otel("install", env=user)
    code, found = findings(user)

    assert code == 0
    assert {"broken"} & {finding["state"] for finding in found.values()} == set()
    assert found["test event"]["told"].endswith("and read back from the graph")


def test_doctor_is_nobodys_last_session(user: dict[str, str]) -> None:
    """However often it runs, doctor is one session, in no list of sessions and never the one that ``last`` means."""
    cc_otel("install", env=user)
    cc_otel(
        "send",
        "--no-start",
        env=user,
        stdin=b'{"session_id": "mine", "hook_event_name": "SessionStart", "source": "startup"}',
    )
    findings(user)
    findings(user)

    sessions = rows(cc_otel("query", "sessions", "--json", env=user))
    probes = rows(cc_otel("query", "spans", "--session", "cc-otel-doctor", "--json", env=user))
    assert [(it["session_id"], it["spans"]) for it in sessions] == [("mine", 1)]
    assert [it["session_id"] for it in rows(cc_otel("query", "tree", "last", "--json", env=user))] == ["mine"]
    assert len(probes) == 2


def test_what_is_not_wired_is_told_with_what_mends_it(user: dict[str, str]) -> None:
    """A home that Claude Code does not record into is broken, and the command that wires it is named."""
    code, found = findings(user)

    assert code == 1
    assert (found["wiring"]["state"], found["wiring"]["fix"].startswith("cc-otel install")) == ("broken", True)


def test_an_event_that_lost_its_wiring_is_found(user: dict[str, str]) -> None:
    """Where somebody has taken an event out of the settings, ``doctor`` names it."""
    cc_otel("install", env=user)
    settings = Path(user["HOME"]) / ".claude" / "settings.json"
    wired = json.loads(settings.read_text("utf-8"))
    del wired["hooks"]["Stop"]
    settings.write_text(json.dumps(wired), "utf-8")
    code, found = findings(user)

    assert (code, found["wiring"]["state"]) == (1, "broken")
    assert found["wiring"]["told"].endswith("lacks Stop")


def test_a_receiver_that_is_down_is_found(user: dict[str, str]) -> None:
    """An endpoint that does not answer is broken, and so is the test event that waits for it."""
    cc_otel("install", env=user)
    code, found = findings(user, "--exporter-otlp-endpoint", "http://127.0.0.1:9")

    assert code == 1
    assert (found["endpoint"]["state"], found["test event"]["state"]) == ("broken", "broken")


def test_doctor_looks_at_a_running_agent(user: dict[str, str]) -> None:
    """Beside a running agent ``doctor`` starts none, and tells its version."""
    home = Path(user["HOME"]) / "h"
    with serving("up", "--home", home):
        _, found = findings(user, "--home", home)

    assert (found["agent"]["state"], found["test event"]["state"]) == ("ok", "ok")


def quick(env: dict[str, str], *arguments: object) -> dict[str, dict[str, Any]]:
    """Run ``doctor`` with a setting it cannot use: it looks at the home, and sends nothing."""
    return findings(env, "--content", "nonsense", *arguments)[1]


def home_of(user: dict[str, str]) -> Path:
    """Return the home that is used where none is named."""
    return Path(user["HOME"]) / ".cc-otel"


def test_a_starter_that_cannot_start_is_found(user: dict[str, str]) -> None:
    """A ``start`` that is missing, may not be run, is somebody's own or names a Python that is gone is broken."""
    cc_otel("install", env=user)
    start = home_of(user) / "start"
    installed = start.read_text("utf-8")
    found = [quick(user)["start"]["state"]]
    start.chmod(0o600)
    found.append(quick(user)["start"]["told"].partition(str(start))[2])
    start.chmod(0o700)
    start.write_text("#!/bin/sh\n", "utf-8")
    found.append(quick(user)["start"]["told"].partition(str(start))[2])
    start.write_text(installed.replace(sys.executable, "/nowhere/python"), "utf-8")
    found.append(quick(user)["start"]["told"])
    start.unlink()
    missing = quick(user)["start"]

    assert found == [
        "ok",
        " cannot be run: no session can start the agent",
        " is damaged, of another version, or older than spool_max_mb",
        f"/nowhere/python, which {start} runs, is gone or has no cc-otel",
    ]
    assert missing == {
        "what": "start",
        "state": "broken",
        "told": f"{start} is missing: no session can start the agent",
        "fix": "cc-otel install",
    }


def test_doctor_changes_nothing_of_what_it_looks_for(user: dict[str, str]) -> None:
    """A home without the hook's script, and none at all, are told and left as they are."""
    home = home_of(user)
    _, nowhere = findings(user)
    existed = home.exists()
    cc_otel("install", env=user)
    (home / "record.sh").unlink()
    _, found = findings(user)

    assert (existed, nowhere["hook script"]["state"], nowhere["spool"]["state"]) == (False, "broken", "broken")
    assert ((home / "record.sh").exists(), found["hook script"]["state"]) == (False, "broken")


def test_settings_of_claude_code_that_are_no_json_are_told_with_the_line(user: dict[str, str]) -> None:
    """``install`` could not mend them either: a person has to, at the line that is named."""
    cc_otel("install", env=user)
    settings = Path(user["HOME"]) / ".claude" / "settings.json"
    settings.write_text('{\n  "model": oops\n}\n', "utf-8")
    wiring = quick(user)["wiring"]

    assert f"{settings}, line 2, column 12: Expecting value: Claude Code cannot read it either" == wiring["told"]
    assert f"mend that line of {settings}; then `cc-otel install`" == wiring["fix"]


def test_wiring_of_a_project_is_mended_there(user: dict[str, str], tmp_path: Path) -> None:
    """What mends a project's wiring wires the project, and this home."""
    folder, home = tmp_path / "a project", tmp_path / "h"
    (folder / ".claude").mkdir(parents=True)
    settings = folder / ".claude" / "settings.local.json"
    done = subprocess.run(
        [sys.executable, "-m", "cc_otel", "install", "--local", "--home", str(home)],
        cwd=folder,
        env=user,
        capture_output=True,
        check=True,
    )
    settings.write_text("{}", "utf-8")

    assert b"settings.local.json" in done.stdout
    expected = f"cd '{folder}' && cc-otel install --local --home {home}"
    assert expected == quick(user, "--home", home)["wiring"]["fix"]


def test_settings_that_cannot_be_used_are_one_finding(user: dict[str, str]) -> None:
    """An unknown name in the settings file is broken, and the rest is looked at nevertheless."""
    cc_otel("install", env=user)
    (home_of(user) / "config.toml").write_text("nobody_knows = 1\n", "utf-8")
    code, found = findings(user)

    assert (code, found["settings"]["state"], found["hook"]["state"]) == (1, "broken", "ok")
    assert "no setting is called 'nobody_knows'" in found["settings"]["told"]


def test_an_agent_that_nothing_starts_is_told(user: dict[str, str], tmp_path: Path) -> None:
    """With autostart off no session starts it: the command that does is named, for the home that is meant."""
    home = tmp_path / "h"
    home.mkdir()
    (home / "config.toml").write_text('autostart = "off"\n', "utf-8")
    _, found = findings(user, "--home", home)
    _, in_default = findings(user | {"CC_OTEL_HOME": str(home)})

    told = {"what": "agent", "state": "note", "told": "not running, and autostart is off"}
    assert found["agent"] == told | {"fix": f"cc-otel up --home {home}"}
    assert in_default["agent"] == told | {"fix": "cc-otel up"}


@pytest.mark.parametrize(
    ("name", "what", "words"),
    [
        ("journal.db", "agent", "journal.db"),
        ("otlp.sock", "test event", "it is a file, not a socket; move it away"),
        ("graph.db", "test event", "move the file aside"),
    ],
)
def test_a_part_that_cannot_be_used_is_one_finding(user: dict[str, str], name: str, what: str, words: str) -> None:
    """A journal, socket or graph that cannot be used is broken, and the rest is looked at nevertheless."""
    cc_otel("install", env=user)
    if name == "journal.db":
        (home_of(user) / name).mkdir()
    else:
        (home_of(user) / name).write_text("no database " * 100, "utf-8")
    code, found = findings(user)

    assert (code, found[what]["state"], found["endpoint"]["state"], found["summaries"]["state"]) == (
        1,
        "broken",
        "ok",
        "ok",
    )
    assert words in found[what]["told"]
    assert "cc-otel doctor" not in found[what]["told"]


def test_what_fills_the_home_is_told(user: dict[str, str]) -> None:
    """The room the home takes stands beside the room that is left, with what takes most of it."""
    cc_otel("install", env=user)
    (home_of(user) / "dead").mkdir()
    (home_of(user) / "dead" / "letter").write_bytes(b"x" * (3 << 20))

    assert "free; the home holds 3." in (told := quick(user)["disk"]["told"])
    assert "(dead 3.0, " in told
