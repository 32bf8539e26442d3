"""What `cc-otel status` says of a home."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cc_otel.cli import main
from cc_otel.journal.counters import Counter
from cc_otel.journal.journal import Journal
from cc_otel.journal.status import AgentStatus


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the HOME of somebody without settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    return tmp_path


def typed(*arguments: str) -> str:
    """Type a command that works, and return what it prints."""
    result = CliRunner().invoke(main, [*arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def recording(home: Path) -> tuple[str, bool, list[str]]:
    """Return what is said of recording, as a line and as JSON, and of what problems."""
    lines = typed("status", "--home", str(home)).splitlines()
    stated = json.loads(typed("status", "--json", "--home", str(home)))
    problems = [line.removeprefix("Problem    ") for line in lines if line.startswith("Problem")]
    return lines[1], stated["recording"], problems


def test_where_nothing_is_wired_nothing_is_recorded(person: Path) -> None:
    """Recording is not called on where no settings are wired, and the command that wires them is named."""
    home = person / "home"
    line, on, problems = recording(home)

    assert (line, on) == ("Recording  NOTHING IS RECORDED", False)
    assert problems[0] == f"wiring: Claude Code is not wired to this home -> cc-otel install --home {home}"


def test_where_settings_are_wired_they_are_named(person: Path) -> None:
    """After `install` recording is on, and the settings are named; after `off` it is not."""
    home, settings = person / "home", person / ".claude" / "settings.json"
    typed("install", "--home", str(home))
    assert recording(home) == (f"Recording  on, wired in {settings}", True, [])

    typed("off", "--home", str(home))
    assert recording(home) == ("Recording  off; `cc-otel on` resumes", False, [])

    typed("on", "--home", str(home))
    settings.write_text("{}")
    line, on, [problem] = recording(home)
    assert (line, on) == ("Recording  NOTHING IS RECORDED", False)
    assert problem.startswith(f"wiring: {settings} lacks ")


@pytest.mark.parametrize("kept", ['"disableAllHooks": true', '"hooks": {"Stop": ["an old shape"]}'])
def test_where_hooks_do_not_run_nothing_is_recorded(person: Path, kept: str) -> None:
    """Settings that are wired record nothing where the client skips them or runs no hooks, and the reason is named."""
    home, settings = person / "home", person / ".claude" / "settings.json"
    typed("install", "--home", str(home))
    text = settings.read_text("utf-8")
    name = kept.split(":", maxsplit=1)[0]
    settings.write_text(
        text.replace("{", f"{{{kept},", 1) if name not in text else text.replace('"Stop": [', '"Stop": ["old",')
    )
    line, on, problems = recording(home)

    assert (line, on) == ("Recording  NOTHING IS RECORDED", False)
    assert [problem for problem in problems if str(settings) in problem]


def test_a_check_fails_where_anything_is_wrong(person: Path) -> None:
    """With --check nothing is printed and the exit code is 0 in order; else what is wrong is printed, and it is 1."""
    home = person / "home"
    wrong = CliRunner().invoke(main, ["status", "--check", "--home", str(home)])
    assert (wrong.exit_code, wrong.stdout.splitlines()[0]) == (1, "nothing is recorded")

    typed("install", "--home", str(home))
    assert typed("status", "--check", "--home", str(home)) == ""
    assert json.loads(typed("status", "--check", "--json", "--home", str(home)))["faults"] == []


def test_nothing_that_others_wrote_acts_on_the_terminal(person: Path) -> None:
    """A receiver's complaint is one line of what can be shown."""
    home = person / "home"
    home.mkdir()
    journal = Journal(home / "journal.db", owner=True)
    journal.status.save(AgentStatus(sender={"last_error": "no\x1b[2J\nanswer", "next_attempt_ns": 1}))
    journal.close()
    lines = typed("status", "--home", str(home)).splitlines()

    assert "Delivery   failing: no [2J answer" in lines
    assert [line for line in lines if not line.isprintable()] == []


def test_what_was_lost_is_counted_with_its_times(person: Path) -> None:
    """Each loss has a line with its number, its first time and its last, and what it means."""
    home = person / "home"
    home.mkdir()
    journal = Journal(home / "journal.db", owner=True)
    journal.counters.add(Counter.SPANS_GIVEN_UP, 3)
    journal.close()

    [line] = [line for line in typed("status", "--home", str(home)).splitlines() if line.startswith("Spans given up")]
    assert re.fullmatch(r"Spans given up: 3 \(\S+ \S+ to \S+ \S+\)\. The journal was over its limit: .*", line), line
