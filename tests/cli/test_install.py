"""`cc-otel install`: what it writes where, and when it refuses."""

import json
import os
import shutil
import stat
import tomllib
from pathlib import Path

import click
import pytest

from cc_otel.claude_code.event_table import wired_rows
from cc_otel.claude_code.wiring import wire
from cc_otel.cli.install import install, unsupported
from cc_otel.cli.uninstall import uninstall
from tests.cli.person import Person

SETTINGS = '\ufeff{\r\n\t"model": "opus",\r\n\t"hooks": {"Stop": [{"hooks": []}]}\r\n}'

EVENTS = [row.name for row in wired_rows()]
COMPACTIONS = {"PreCompact", "PostCompact"}


def everything(folder: Path) -> dict[str, bytes | str]:
    """Return all that is in a folder: files with their content, links with their target."""
    paths = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in paths
    }


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [None, "", SETTINGS])
def test_user_settings(person: Person, before: str | None) -> None:
    """The user's settings are wired to the home, and what they were is kept in it, for the user alone."""
    if before is not None:
        person.write(before)

    told = person.told("install")

    backup = told.pop("backup")
    assert wire(before or "", person.home) == person.read()
    assert told == {
        "home": str(person.home),
        "settings": str(person.settings),
        "events": list(EVENTS),
        "changed": [str(person.settings)],
    }
    assert before == (Path(backup).read_bytes().decode() if backup else None)
    assert backup is None or mode(Path(backup)) == 0o600


def test_home(person: Person) -> None:
    """The home is its owner's alone, and holds the script that the hook sources and the one that it runs."""
    person.done("install")

    found = {path.name: mode(path) for path in [person.home, *person.home.iterdir()]}
    assert found == {".cc-otel": 0o700, "record.sh": 0o600, "start": 0o700, "spool": 0o700, "installed.json": 0o600}


def test_twice(person: Person) -> None:
    """Installing twice is installing once, byte for byte, in the settings and in the home."""
    person.write(SETTINGS)
    person.done("install")
    once = everything(person.user)
    told = person.told("install")

    assert once == everything(person.user)
    assert told["changed"] == []


def test_other_home(person: Person) -> None:
    """Installing with another home moves the wiring there."""
    person.write(SETTINGS)
    person.done("install")
    person.done("install", "--home", "elsewhere")

    assert wire(SETTINGS, person.project / "elsewhere") == person.read()
    person.done("uninstall", "--home", "elsewhere")
    assert person.read() == SETTINGS


@pytest.mark.parametrize(
    ("options", "variables", "path"),
    [
        ([], {"CLAUDE_CONFIG_DIR": "config"}, "project/config/settings.json"),
        (["--project"], {}, "project/.claude/settings.json"),
        (["--local"], {}, "project/.claude/settings.local.json"),
    ],
)
def test_scopes(person: Person, options: list[str], variables: dict[str, str], path: str) -> None:
    """A scope chooses the settings; CLAUDE_CONFIG_DIR moves the user's, as it does for Claude Code."""
    told = person.told("install", *options, **variables)

    expected = person.folder / path
    assert told["settings"] == str(expected)
    assert wire("", person.home) == expected.read_text()
    assert not person.settings.exists()


def test_config_dir(person: Person) -> None:
    """Where CLAUDE_CONFIG_DIR moves the transcripts, they are read there too, as those of config folders before."""
    for config in ("config", "other", "config"):
        person.done("install", CLAUDE_CONFIG_DIR=config)

    folders = f"{person.project}/config/projects:{person.project}/other/projects"
    assert (person.home / "config.toml").read_text() == f'projects_dir = "{folders}"\n'


def test_config_dir_beside_the_own(person: Person) -> None:
    """Where Claude's own config folder is wired, its transcripts are read besides those of another one."""
    person.done("install")
    person.done("install", CLAUDE_CONFIG_DIR="config")

    folders = f"{person.user}/.claude/projects:{person.project}/config/projects"
    assert tomllib.loads((person.home / "config.toml").read_text()) == {"projects_dir": folders}


def test_projects(person: Person) -> None:
    """--projects adds folders that transcripts are read from, beside Claude's own, each once."""
    for name in ("a", "b"):
        (person.project / name).mkdir()
    person.done("install", "--projects", "a")
    person.done("install", "--projects", "b", "--projects", "a")

    folders = f"{person.user}/.claude/projects:{person.project}/a:{person.project}/b"
    assert tomllib.loads((person.home / "config.toml").read_text()) == {"projects_dir": folders}
    assert person.run("install", "--projects", "gone").returncode == 2


def test_stack(person: Person) -> None:
    """--stack points the agent at the Collector and leaves the rest of its settings as it is, for its owner alone."""
    person.home.mkdir()
    (person.home / "config.toml").write_text('# mine\nexporter_otlp_endpoint = "unix:/x"\ncontent = "none"\n')
    person.done("install", "--stack")
    person.done("install", "--stack")

    expected = (
        '# mine\nexporter_otlp_endpoint = "http://127.0.0.1:4317"\ncontent = "none"\nexporter_otlp_protocol = "grpc"\n'
        'autostart = "agent"\n'
    )
    assert expected == (person.home / "config.toml").read_text()
    [endpoint] = [row["value"] for row in person.told("settings") if row["name"] == "exporter_otlp_endpoint"]
    assert endpoint == "http://127.0.0.1:4317"


def test_stack_leaves_what_is_to_be_started(person: Person) -> None:
    """--stack changes nothing about what a session starts where somebody has said what that is."""
    person.home.mkdir()
    (person.home / "config.toml").write_text('autostart = "off"\n')
    person.done("install", "--stack")

    [value] = [row["value"] for row in person.told("settings") if row["name"] == "autostart"]
    assert value == "off"


def test_messages(person: Person) -> None:
    """MessageDisplay is wired only as long as it is asked for."""
    person.done("install", "--messages")
    with_messages = json.loads(person.read())["hooks"].keys()
    person.done("install")

    assert with_messages == {*EVENTS, "MessageDisplay"}
    assert json.loads(person.read())["hooks"].keys() == set(EVENTS)


def test_compactions(person: Person) -> None:
    """The events of a compaction are wired only as long as they are asked for."""
    person.done("install", "--compactions")
    asked_for = json.loads(person.read())["hooks"].keys()
    person.done("install")
    left = json.loads(person.read())["hooks"].keys()
    person.done("install", "--compactions")
    person.done("install", "--no-compactions")

    assert asked_for == {*EVENTS, "PreCompact", "PostCompact"}
    assert left == set(EVENTS)
    assert json.loads(person.read())["hooks"].keys() == set(EVENTS)


def test_plugin(person: Person) -> None:
    """--plugin prepares the home that the plugin records into, and touches no settings."""
    told = person.told("install", "--plugin")
    there = {path.name for path in person.home.iterdir()}

    assert (told["settings"], told["events"], told["changed"]) == (None, [], [])
    assert there == {"record.sh", "start", "spool", "installed.json"}
    assert list(person.user.iterdir()) == [person.home]
    assert person.run("install", "--plugin", "--home", "elsewhere").returncode == 2
    person.done("uninstall")
    assert {path.name for path in person.home.iterdir()} == {"spool"}


def test_dry_run(person: Person) -> None:
    """--dry-run writes nothing, and its diff is what would be changed."""
    person.write('{\n  "model": "opus"\n}\n')
    there = everything(person.folder)

    diff = person.done("install", "--dry-run", "--stack")

    assert there == everything(person.folder)
    assert not person.home.exists()
    assert diff == person.told("install", "--dry-run", "--stack")["diff"]
    person.done("install", "--stack")
    config = (person.home / "config.toml").read_text()
    added = "".join(line[1:] + "\n" for line in diff.split("\n") if line.startswith("+") and line[:3] != "+++")
    [opening, *settings] = person.read().splitlines(keepends=True)
    assert config + "".join(settings).removesuffix("}\n") == added
    assert opening == "{\n"


def test_dry_run_terminal(person: Person) -> None:
    """What others wrote into a project's settings does not act on the terminal."""
    path = person.project / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text('{"a": "\x9b31m\x7f\u202e"}')

    assert not {"\x9b", "\x7f", "\u202e"} & set(person.done("install", "--project", "--dry-run"))


def test_symlink(person: Person) -> None:
    """Settings that are kept elsewhere stay there: the file is written, the link stays a link, the mode stays."""
    kept = person.folder / "dotfiles" / "claude.json"
    kept.parent.mkdir()
    kept.write_text(SETTINGS, newline="")
    kept.chmod(0o640)
    person.settings.parent.mkdir()
    person.settings.symlink_to("../../dotfiles/claude.json")

    person.done("install")

    assert person.settings.readlink() == Path("../../dotfiles/claude.json")
    assert wire(SETTINGS, person.home) == kept.read_bytes().decode()
    assert mode(kept) == 0o640
    person.done("uninstall")
    assert everything(person.folder / "dotfiles") == {"claude.json": SETTINGS.encode()}


def test_dangling_symlink(person: Person) -> None:
    """A link to a file that is not there yet leads to where it is written; uninstalling removes it, not the link."""
    person.settings.parent.mkdir()
    person.settings.symlink_to(person.folder / "later.json")

    person.done("install")

    assert wire("", person.home) == (person.folder / "later.json").read_text()
    person.done("uninstall")
    assert person.settings.is_symlink()
    assert not person.settings.exists()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ('{\n  "model": "opus",\n}', ", line 3, column 1: "),
        ('{"hooks": []}', ", line 1, column 11: hooks is not an object"),
        (b'{"a": "\xff"}', " is not UTF-8 (byte 8)"),
    ],
)
def test_broken_settings(person: Person, broken: str | bytes, words: str) -> None:
    """Settings that Claude Code cannot read either are refused with the place; nothing at all is written."""
    person.write("")
    person.settings.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    there = everything(person.folder)

    assert f"{person.settings}{words}" in person.refused("install")
    assert there == everything(person.folder)
    assert not person.home.exists()


def test_read_only_file(person: Person) -> None:
    """Settings that somebody made read-only are not written, not even by the superuser; nothing else is either."""
    person.write(SETTINGS)
    person.settings.chmod(0o444)

    assert f"{person.settings} is read-only: " in person.refused("install")
    assert person.read() == SETTINGS
    assert not person.home.exists()


def test_read_only_folder(person: Person) -> None:
    """A folder that cannot be written is named, and nothing is written elsewhere."""
    person.write(SETTINGS)
    person.settings.parent.chmod(0o555)
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("the superuser may write everywhere, and setpriv (util-linux) is not there to take that away")
        prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")

    done = person.run("install", prefix=prefix)

    assert done.returncode == 1
    assert f"{person.settings} cannot be written: {person.settings.parent} is read-only for you" in done.stderr
    assert everything(person.folder) == {f"{person.settings.relative_to(person.folder)}": SETTINGS.encode()}


@pytest.mark.parametrize("option", ["", "--project"])
def test_no_folder(person: Person, option: str) -> None:
    """A file where the settings' folder should be is named."""
    folder = (person.project if option else person.user) / ".claude"
    folder.touch()

    assert f"{folder}/settings.json cannot be read: Not a directory" in person.refused(
        "install", *filter(None, [option])
    )


def test_broken_home(person: Person) -> None:
    """A home whose own settings no agent could read is refused before anything is wired."""
    person.home.mkdir()
    config = person.home / "config.toml"
    config.write_text("autostart = 'sometimes'")

    assert f"autostart is 'sometimes' (in {config}): write one of up, agent, off" in person.refused("install")
    assert not person.settings.exists()


def test_undecodable_home(person: Person) -> None:
    """A home whose path no settings could hold is refused before anything is written."""
    words = person.refused("install", "--home", os.fsdecode(b"caf\xe9"))

    assert "caf\\udce9' is not UTF-8: choose another path" in words
    assert list(person.project.iterdir()) == []


def test_hooks_disabled(person: Person) -> None:
    """Where something keeps our hooks from running, install, status and doctor say it, and what to do."""
    person.write('{"disableAllHooks": true, "hooks": {"Stop": [{"matcher": "", "command": "x"}]}}')
    told = person.run("install").stderr.splitlines()
    [in_status] = person.told("status")["problems"]
    doctor = [json.loads(line) for line in person.run("doctor", "--json").stdout.splitlines()]

    reason = f'Claude Code skips all of {person.settings}, because hooks.Stop[0] has no list called "hooks"'
    assert told == [f"But {reason}: mend it in {person.settings}."]
    assert [it["told"] for it in doctor if it["what"] == "wiring"] == [reason]
    assert (in_status["text"], in_status["fix"]) == (reason, f"mend it in {person.settings}")


def test_hooks_switched_off(person: Person) -> None:
    """Where the settings switch all hooks off, install says that none of them runs."""
    person.write('{"disableAllHooks": true}')

    assert '"disableAllHooks" in' in person.run("install").stderr


@pytest.mark.parametrize("command", [install, uninstall])
def test_documented(command: click.Command) -> None:
    """Every option of both commands is explained in docs/install.md."""
    text = (Path(__file__).parents[2] / "docs" / "install.md").read_text()
    options = {option for parameter in command.params for option in parameter.opts}

    assert {option for option in options if f"`{option}" not in text} == set()


@pytest.mark.parametrize(
    ("platform", "supported"), [("linux", True), ("darwin", True), ("win32", False), ("cygwin", False)]
)
def test_platforms(platform: str, supported: bool) -> None:
    """Linux (WSL too) and macOS are supported; native Windows is refused in words that name WSL."""
    reason = unsupported(platform)

    assert supported == (reason is None)
    assert supported or "WSL" in str(reason)
