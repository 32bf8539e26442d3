"""What `install` left behind, at work: events are recorded, and the agent starts itself, once."""

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from cc_otel.agent.lock import is_locked, running_pid
from cc_otel.claude_code.hook import install_starter
from cc_otel.files import BLOCK_BYTES
from cc_otel.spool import Spool
from tests.cli.person import DEADLINE_S, Person, wait_until

CLEAN = {"PATH": "/usr/bin:/bin"}
PAYLOAD = {"session_id": "5e55", "hook_event_name": "SessionStart", "source": "startup"}
SILENT = (0, b"", b"")
SHELLS = ["sh", "dash", "bash", "busybox sh"]


def command(person: Person, event: str) -> str:
    """Return the command that is wired for an event."""
    [group] = json.loads(person.read())["hooks"][event]
    return str(group["hooks"][0]["command"])


def fire(person: Person, event: str, shell: Sequence[str] = ("sh",), **variables: str) -> tuple[int, bytes, bytes]:
    """Run an event's command as Claude Code does, from a folder of its own; return code, output and errors."""
    done = subprocess.run(
        [*shell, "-c", command(person, event)],
        input=json.dumps(PAYLOAD | {"hook_event_name": event}).encode(),
        capture_output=True,
        cwd="/",
        env=CLEAN | variables,
        check=False,
        timeout=DEADLINE_S,
    )
    return done.returncode, done.stdout, done.stderr


def spool(person: Person) -> Spool:
    """Return the spool of the home."""
    return Spool(person.home / "spool", bytes_max=1 << 30)


@contextmanager
def started(person: Person) -> Iterator[subprocess.Popen[str]]:
    """Run the home's start file as the hook does, and end what it became with the block."""
    with subprocess.Popen(
        [person.home / "start"],
        cwd=person.home,
        env=CLEAN,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the first thing that a process says."""
    assert process.stdout
    return process.stdout.readline()


@pytest.mark.parametrize("name", SHELLS)
def test_records(person: Person, name: str) -> None:
    """The wired command records in any shell, from any folder, in a home with any path."""
    shell = name.split()
    if not shutil.which(shell[0]):
        pytest.skip(f"needs {shell[0]}")
    person.done("install")

    assert fire(person, "Stop", shell) == SILENT

    [entry] = spool(person).oldest(2)
    recorded = spool(person).read(entry, entry.mtime_ns)
    assert recorded
    assert json.loads(recorded.payload) == PAYLOAD | {"hook_event_name": "Stop"}
    assert recorded.ended


def test_starts_itself(person: Person) -> None:
    """A session's first event starts the agent: in the home, with its owner's HOME and nothing of the hook's."""
    person.done("install")

    evil = {"HOME": "/evil", "PYTHONPATH": "/evil", "CC_OTEL_HOME": "/evil", "CC_OTEL_EXPORTER_OTLP_ENDPOINT": "evil:1"}
    assert fire(person, "SessionStart", **evil) == SILENT

    wait_until(lambda: is_locked(person.home) and running_pid(person.home))
    agent = psutil.Process(running_pid(person.home))
    given = {name: value for name, value in agent.environ().items() if name not in ("PWD", "OLDPWD", "SHLVL", "_")}
    assert given == CLEAN | {"HOME": str(person.user)}
    assert agent.cwd() == str(person.home)
    assert person.run("flush").returncode == 0
    assert person.told("query", "sessions")["session_id"] == "5e55"
    assert person.told("status")["agent"]["pid"] == agent.pid


def test_race(person: Person) -> None:
    """Started several times at once, one agent stays; the others leave it at that."""
    person.done("install")
    with ExitStack() as running:
        starters = [running.enter_context(started(person)) for _ in range(4)]
        wait_until(lambda: sum(starter.poll() is None for starter in starters) == 1)
        [agent] = [starter for starter in starters if starter.poll() is None]
        told = first_line(agent)
        codes = sorted(starter.poll() or 0 for starter in starters if starter is not agent)
        pid = running_pid(person.home)

    assert "cc-otel is up" in told
    assert codes == [0, 0, 0]
    assert pid == agent.pid


@pytest.mark.parametrize(("autostart", "told"), [("up", "cc-otel is up"), ("agent", "The cc-otel agent is running")])
def test_autostart(person: Person, autostart: str, told: str) -> None:
    """The home's settings say what is started; no new installation is needed."""
    person.done("install")
    (person.home / "config.toml").write_text(f'autostart = "{autostart}"\n')

    with started(person) as process:
        assert first_line(process).startswith(told)


@pytest.mark.parametrize(
    ("config", "python"),
    [
        ('autostart = "off"\n', False),
        ("# mine\nautostart='off' # for now", False),
        ('content = "none"\n  autostart="off"', False),
        ('"autostart" = "off"\n', True),
        ('autostart = "off"\r\n', True),
    ],
)
def test_autostart_off(person: Person, config: str, python: bool) -> None:
    """With autostart off, in any usual form, not even a Python starts; the spool's limit is kept all the same."""
    person.done("install")
    (person.home / "spool" / "full").touch()
    (person.home / "config.toml").write_bytes(config.encode())
    starter = person.home / "start"
    starter.write_text(starter.read_text().replace("\nexec ", '\necho python >"$h/started"; exec '))

    with started(person) as process:
        said, _ = process.communicate(timeout=DEADLINE_S)

    assert (process.returncode, said) == (0, "")
    assert not (person.home / "spool" / "full").exists()
    assert (person.home / "started").exists() == python


@pytest.mark.parametrize("config", ['autostart = "up"\n', '# autostart = "off"\n', 'autostart = "off" + \n', ""])
def test_autostart_not_off(person: Person, config: str) -> None:
    """What does not say off, or is no TOML, is left to the agent's own reading of its settings."""
    person.done("install")
    (person.home / "config.toml").write_text(config)
    starter = person.home / "start"
    starter.write_text(starter.read_text().replace("\nexec ", "\necho python; exit; exec "))

    with started(person) as process:
        said, _ = process.communicate(timeout=DEADLINE_S)

    assert said == "python\n"


@pytest.mark.parametrize("gone", ["interpreter", "package"])
def test_package_gone(person: Person, gone: str) -> None:
    """When the package or its Python is gone the hook is as silent as ever, and still records."""
    person.done("install")
    python = "/gone/bin/python" if gone == "interpreter" else str(Path(sys.base_prefix) / "bin" / "python3")
    install_starter(person.home, python, person.user, 1 << 30)

    assert fire(person, "SessionStart") == SILENT
    with started(person) as process:
        process.wait(DEADLINE_S)

    assert spool(person).count() == 1
    assert gone == "package" or process.returncode == 0
    assert not is_locked(person.home)


def test_limit_without_agent(person: Person) -> None:
    """Where no agent can start, the spool stops growing at its limit: from then on events are counted."""
    person.done("install")
    install_starter(person.home, "/gone/bin/python", person.user, 8 * BLOCK_BYTES)
    for _ in range(8):
        fire(person, "Stop")
    before = spool(person).count()
    fire(person, "SessionStart")
    wait_until(spool(person).is_full)
    fire(person, "Stop")

    assert before == 8
    assert spool(person).count() == 9
    assert spool(person).take_lost() == 1


def test_upgrade(person: Person) -> None:
    """An environment that is made anew in its place, as an upgrade does, is what the start file runs."""
    place = person.folder / "tools" / "cc-otel"
    for _ in range(2):
        venv.create(place, clear=True, symlinks=True)
        [site] = place.glob("lib/python*/site-packages")
        # All that is installed here, and this checkout, without copying them.
        (site / "all.pth").write_text("\n".join(path for path in sys.path if path))
        if not person.home.exists():
            subprocess.run(
                [place / "bin" / "python", "-P", "-m", "cc_otel", "install"], env=person.environment(), check=True
            )

    with started(person) as process:
        assert "cc-otel is up" in first_line(process)
        assert psutil.Process(process.pid).cmdline()[0] == str(place / "bin" / "python")
