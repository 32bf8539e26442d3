"""What is the machine's fault ends a command with one line, never with a traceback."""

from pathlib import Path

import pytest

from tests.cli.person import Person


@pytest.mark.parametrize("days", ["nan", "inf", "1e300", "-1"])
@pytest.mark.parametrize("command", ["cost", "files"])
def test_days_out_of_bounds(person: Person, command: str, days: str) -> None:
    """Days that no calendar has are wrong usage."""
    done = person.run("query", command, f"--days={days}")

    assert (2, "") == (done.returncode, done.stdout)
    assert "Invalid value for '--days'" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk(person: Person) -> None:
    """A disk that is full is said, and what to do about it."""
    person.home.mkdir()
    person.home.joinpath("off").symlink_to("/dev/full")
    person.home.joinpath("agent.new").symlink_to("/dev/full")

    assert "Error: No space left on device; make room on that disk, and run the command again\n" == person.refused(
        "flush"
    )


def test_a_home_that_is_in_a_file(person: Person) -> None:
    """A home that no folder can be made for is said, and what to do about it."""
    file = person.project / "file"
    file.touch()
    told = person.refused("on", "--home", str(file / "h"))

    reason = "Not a directory; allow it to this user, or name another home with --home"
    assert f"Error: {file}/h/off: {reason}\n" == told
