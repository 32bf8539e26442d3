"""What is the machine's fault ends a command with one line, never with a traceback."""

import pytest

from tests.cli.person import Person


@pytest.mark.parametrize("days", ["nan", "inf", "1e300", "-1"])
@pytest.mark.parametrize("command", ["cost", "files"])
def test_days_out_of_bounds(person: Person, command: str, days: str) -> None:
    """Days that no calendar has are wrong usage."""
    done = person.run("query", command, f"--days={days}")

    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--days'" in done.stderr


def test_a_full_disk(person: Person) -> None:
    """Where nothing more can be written, the message says so, and what to do about it."""
    done = person.run("flush", prefix=["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"])

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: File too large; make room on that disk, and run the command again\n"


def test_a_home_that_is_in_a_file(person: Person) -> None:
    """A home that no folder can be made for is said, and what to do about it."""
    file = person.project / "file"
    file.touch()
    told = person.refused("on", "--home", str(file / "h"))

    reason = "Not a directory; allow it to this user, or name another home with --home"
    assert told == f"Error: {file}/h/off: {reason}\n"
