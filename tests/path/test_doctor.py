"""``doctor`` and ``run``: what is broken is found, told with what mends it, and in the exit code."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.path.processes import CLEAN, cc_otel, recorded, rows, serving


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a home folder of their own."""
    return CLEAN | {"HOME": str(tmp_path)}


def findings(env: dict[str, str], *arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run ``doctor``; give its exit code and what it found, by what it looked at."""
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
    """However often it runs, doctor is one session, and never the one that ``last`` means."""
    cc_otel("install", env=user)
    cc_otel("send", env=user, stdin=b'{"session_id": "mine", "hook_event_name": "SessionStart", "source": "startup"}')
    findings(user)
    findings(user)

    sessions = rows(cc_otel("query", "sessions", "--json", env=user))
    assert [("cc-otel-doctor", 2), ("mine", 1)] == [(it["session_id"], it["spans"]) for it in sessions]
    assert ["mine"] == [it["session_id"] for it in rows(cc_otel("query", "tree", "last", "--json", env=user))]


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


def test_run_keeps_the_exit_code_and_delivers(tmp_path: Path) -> None:
    """``run`` ends with its command's exit code, and what was recorded meanwhile is in the graph."""
    stream = tmp_path / "stream.jsonl"
    stream.write_text("".join(json.dumps(event) + "\n" for event in recorded("basic")), "utf-8")
    home = tmp_path / "h"
    script = f'{sys.executable} -m cc_otel replay --home "$0" "$1" && exit 7'
    done = cc_otel("run", "--home", home, "--", "sh", "-c", script, home, stream)

    assert done.returncode == 7
    (session,) = rows(cc_otel("query", "sessions", "--json", "--home", home))
    assert session["spans"] == len(recorded("basic"))


def test_run_says_what_cannot_be_run(tmp_path: Path) -> None:
    """A command that does not exist is an error of ours, in words."""
    done = cc_otel("run", "--home", tmp_path / "h", "--", "no-such-command-anywhere")

    assert done.returncode == 1
    assert b"no-such-command-anywhere cannot be run" in done.stderr
