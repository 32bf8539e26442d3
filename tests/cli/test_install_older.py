"""`install` and `doctor` beside a Claude Code that drops all hooks over an event that it does not know."""

from pathlib import Path

import pytest

from cc_otel.claude_code.event_table import EVENTS, Choice, wired_rows
from tests.cli.person import Person

EARLY = [row.name for row in wired_rows(Choice(early=True))]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH with a client that says to be 2.1.76, which names 22 events in its own schema."""
    claude = tmp_path / "bin" / "claude"
    claude.parent.mkdir()
    claude.write_text("#!/bin/sh\necho '2.1.76 (Claude Code)'\n")
    claude.chmod(0o755)
    return f"{claude.parent}:/usr/bin:/bin"


def test_wires_what_the_client_knows(person: Person, path: str) -> None:
    """Only its own events are wired, and a person reads why."""
    done = person.run("install", variables={"PATH": path})

    assert person.told("install", "--json", PATH=path)["events"] == EARLY
    assert {name for name, row in EVENTS.items() if row.early} >= set(EARLY)
    assert f"Claude Code 2.1.76 drops all hooks over an event it does not know, so the {len(EARLY)}" in done.stderr


def test_doctor_says_when_the_wiring_does_not_suit_the_client(person: Person, path: str) -> None:
    """Wired for a newer client, an older one records nothing: it is broken, and `install` mends it."""
    person.done("install")
    before = person.run("doctor", variables={"PATH": path}).stdout
    person.done("install", PATH=path)
    after = person.run("doctor", variables={"PATH": path}).stdout

    assert "Claude Code 2.1.76 drops all hooks of" in before
    assert "it does not know CwdChanged" in before
    assert "drops all hooks of /" not in after
    assert f"{len(EARLY)} events in {person.settings}" in after
