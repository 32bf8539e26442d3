"""`cc-otel uninstall`: settings as they were, nothing of others touched, data kept until it is purged."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cc_otel.agent.lock import is_locked
from tests.cli.person import DEADLINE_S, Person

THEIRS = {"matcher": "Bash", "hooks": [{"type": "command", "command": "./lint.sh"}]}
SETTINGS = json.dumps({"model": "opus", "hooks": {"Stop": [THEIRS], "Setup": []}}, indent=4) + "\n\n"


def names(folder: Path) -> set[str]:
    """Return what is in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\ufeff \r\n",
        "{}",
        '{"hooks":{}}',
        SETTINGS,
        "\ufeff" + SETTINGS.replace("\n", "\r\n").replace("    ", "\t"),
        '{"hooks": {"Stop": []}, "hooks": {"Stop": [ ], "Stop": []}, "\\u0068ooks": {}}',
    ],
)
def test_as_it_was(person: Person, before: str) -> None:
    """Settings come back byte for byte, whatever their style; the home keeps the data and nothing of the wiring."""
    person.write(before)
    person.done("install", "--messages")
    told = person.told("uninstall")

    assert before == person.read()
    assert told == {"home": str(person.home), "changed": [str(person.settings)]}
    assert names(person.home) == {"spool"}


def test_no_file_before(person: Person) -> None:
    """Settings that were not there are removed again."""
    person.done("install")
    person.done("install")
    person.done("uninstall")

    assert names(person.settings.parent) == set()


def test_others_since(person: Person) -> None:
    """Settings that were not there stay if somebody else wrote into them since."""
    person.done("install")
    person.write(json.dumps(json.loads(person.read()) | {"theme": "dark"}))
    person.done("uninstall")

    assert person.read() == '{"theme": "dark"}'


def test_edited_since(person: Person) -> None:
    """What a person changed elsewhere in the file stays, and all else is what it was."""
    person.write(SETTINGS)
    person.done("install")
    person.write(person.read().replace('"opus"', '"haiku",\n\n    "theme":   "dark"'))
    person.done("uninstall")

    assert SETTINGS.replace('"opus"', '"haiku",\n\n    "theme":   "dark"') == person.read()


def test_installed_again_since(person: Person) -> None:
    """Installing again, after others changed the settings, forgets neither the beginning nor the changes."""
    person.write('{"hooks": {}}')
    person.done("install")
    person.write(person.read().replace('{"hooks"', '{"theme": "dark", "hooks"'))
    person.done("install", "--messages")
    person.done("uninstall")

    assert person.read() == '{"theme": "dark", "hooks": {}}'


def test_memory_lost(person: Person) -> None:
    """Without the home, uninstall still takes out what is ours, and deletes no file that may not be ours."""
    person.write(SETTINGS)
    person.done("install")
    person.done("install", "--project")
    shutil.rmtree(person.home)
    person.done("uninstall")
    person.done("uninstall", "--project")

    assert json.loads(person.read()) == {"model": "opus", "hooks": {"Stop": [THEIRS]}}
    assert (person.project / ".claude" / "settings.json").read_text() == "{}\n"


def test_several_files(person: Person) -> None:
    """A scope unwires one file; without one all that are wired to the home are; the scripts go with the last."""
    for scope in ("--user", "--project", "--local"):
        person.done("install", scope)
    person.done("uninstall", "--project")
    scripts = {"record.sh", "start"} & names(person.home)
    shutil.rmtree(person.project / ".claude")

    told = person.told("uninstall")

    assert scripts == {"record.sh", "start"}
    assert told["changed"] == [str(person.settings)]
    assert names(person.home) == {"spool"}


def test_other_folder(person: Person) -> None:
    """A project's settings are found again from anywhere."""
    person.done("install", "--project")
    (person.folder / "elsewhere").mkdir()
    wired = person.project / ".claude" / "settings.json"
    subprocess.run(
        [sys.executable, "-P", "-m", "cc_otel", "uninstall"],
        cwd=person.folder / "elsewhere",
        env=person.environment(),
        check=True,
    )

    assert not wired.exists()


def test_another_home(person: Person) -> None:
    """Settings that are wired to another home stay, and the message says how to unwire that one."""
    person.done("install", "--home", "elsewhere")
    wired = person.read()
    done = person.run("uninstall")

    assert person.read() == wired
    assert f"cc-otel uninstall --home {person.project / 'elsewhere'}" in done.stderr


def test_one_is_broken(person: Person) -> None:
    """A file that cannot be unwired is named and stays remembered; the others are unwired."""
    person.done("install")
    person.done("install", "--project")
    project = person.project / ".claude" / "settings.json"
    project.write_text(project.read_text() + "}")
    done = person.run("uninstall", "--purge", "--yes")
    there = names(person.home)
    project.write_text(project.read_text().removesuffix("}"))
    person.done("uninstall")

    assert done.returncode == 1
    assert f"{project}, line " in done.stderr
    assert not person.settings.exists()
    assert {"record.sh", "start", "installed.json"} <= there
    assert not project.exists()


def test_read_only(person: Person) -> None:
    """Settings that became read-only are left alone, and the message says so."""
    person.write(SETTINGS)
    person.done("install")
    wired = person.read()
    person.settings.chmod(0o444)
    done = person.run("uninstall")

    assert (done.returncode, person.read()) == (1, wired)
    assert f"{person.settings} is read-only: " in done.stderr


def test_dry_run(person: Person) -> None:
    """--dry-run changes nothing and shows what would be."""
    person.done("install")
    wired = person.read()
    diff = person.done("uninstall", "--dry-run", "--purge")

    assert person.read() == wired
    assert diff.startswith(f"--- {person.settings}\n+++ /dev/null\n")
    assert "start" in names(person.home)


def test_never_installed(person: Person) -> None:
    """Where nothing was ever installed nothing is done, and that is said."""
    person.write(SETTINGS)

    assert person.done("uninstall") == f"No settings are wired to {person.home}.\n"
    assert (person.read(), person.home.exists()) == (SETTINGS, False)


def test_damaged_memory(person: Person) -> None:
    """A damaged memory is named, with what to do."""
    person.done("install")
    (person.home / "installed.json").write_text("[")

    assert f"{person.home}/installed.json is damaged: remove it" in person.refused("uninstall")


def test_purge_asks(person: Person) -> None:
    """--purge deletes nothing unless somebody says yes, and then all of it."""
    person.done("install")
    no = person.run("uninstall", "--purge", stdin="n\n")
    there = names(person.home)
    yes = person.run("uninstall", "--purge", stdin="y\n")

    assert (no.returncode, yes.returncode) == (1, 0)
    assert "spool" in there
    assert not person.home.exists()


def test_purge_needs_all(person: Person) -> None:
    """--purge does not delete a home that other settings are still wired to."""
    person.done("install")
    person.done("install", "--project")

    assert f"{person.settings} would still be wired" in person.refused("uninstall", "--project", "--purge", "--yes")
    assert "spool" in names(person.home)


def test_purge_spares_others(person: Person) -> None:
    """A home that somebody works in is purged of what is ours alone."""
    person.done("install", "--home", ".")
    (person.project / "thesis.tex").touch()
    done = person.run("uninstall", "--home", ".", "--purge", "--yes")

    assert done.returncode == 0
    assert names(person.project) == {"thesis.tex"}
    assert "thesis.tex" in done.stderr


@pytest.mark.parametrize("purge", [False, True])
def test_agent(person: Person, purge: bool) -> None:
    """The home's agent ends with the last wiring; purged, a home that was in use leaves nothing."""
    person.done("install")
    start = subprocess.Popen(
        [person.home / "start"], cwd=person.home, env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, text=True
    )
    with start as agent:
        try:
            told = agent.stdout.readline() if agent.stdout else ""
            assert "is up" in told
            person.done("uninstall", *(["--purge", "--yes"] if purge else []))
            left = names(person.home) if person.home.exists() else set()
            agent.wait(DEADLINE_S)
        finally:
            agent.kill()

    assert left if not purge else left == set()
    assert not is_locked(person.home)


def test_not_our_agent(person: Person) -> None:
    """A process whose number stands in the home's pid file, but which has not the home's lock, is not touched."""
    person.done("install")
    with subprocess.Popen(["sleep", "600"]) as other:
        (person.home / "agent.pid").write_text(f"{other.pid}\n")
        person.done("uninstall")
        alive = other.poll() is None
        other.send_signal(signal.SIGKILL)

    assert alive
