"""The folder that commands make their home: a new one, an empty one, or one that is a home already."""

import stat
from pathlib import Path

import pytest

from tests.cli.person import Person


def mode(path: Path) -> int:
    """Return a folder's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_name_that_is_empty(person: Person) -> None:
    """An empty --home is a variable that was not set: wrong usage, and nothing is done to the current folder."""
    person.project.chmod(0o755)
    done = person.run("off", "--home", "")

    assert (done.returncode, done.stdout, mode(person.project), list(person.project.iterdir())) == (2, "", 0o755, [])


def test_a_folder_that_is_for_something_else(person: Person) -> None:
    """A folder with anything else in it can be made a home, and is not made private: others may need it."""
    person.project.chmod(0o755)
    (person.project / "README.md").touch()
    person.done("off", "--home", ".")

    assert (0o755, {"README.md", "off"}) == (mode(person.project), {path.name for path in person.project.iterdir()})


@pytest.mark.parametrize("brought", [[], ["config.toml", "lost+found"], ["notes.txt", "spool"]])
def test_a_folder_that_is_a_home(person: Person, brought: list[str]) -> None:
    """An empty folder, one with what its owner brings, and a home with anything beside become its owner's alone."""
    person.home.mkdir(mode=0o755)
    for name in brought:
        (person.home / name).touch()
    person.done("off")

    assert (mode(person.home), (person.home / "off").exists()) == (0o700, True)


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_two_scopes(person: Person, command: str) -> None:
    """Two scopes at once are wrong usage: neither is chosen in silence."""
    done = person.run(command, "--user", "--local")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--user and --local exclude each other" in done.stderr
    assert [*person.user.iterdir(), *person.project.iterdir()] == []
