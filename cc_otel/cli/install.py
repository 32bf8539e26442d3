"""The command that wires Claude Code to a home: ``install``."""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Final

import click

from cc_otel import toml_text
from cc_otel.agent.lock import is_locked
from cc_otel.claude_code import json_text
from cc_otel.claude_code.client_settings import obstacles
from cc_otel.claude_code.client_version import Version, is_intolerant, version, written
from cc_otel.claude_code.event_table import Choice
from cc_otel.claude_code.hook import install_script, install_starter
from cc_otel.claude_code.installed import PLUGIN, Installed
from cc_otel.claude_code.projects import with_folder
from cc_otel.claude_code.settings_file import Change, SettingsFile, Unusable
from cc_otel.claude_code.wiring import NotWirable, groups, unwire, wire
from cc_otel.cli.common import fail, home_option, json_option, print_json, say
from cc_otel.cli.compose.home import prepare_home
from cc_otel.cli.compose.sending import check_addresses
from cc_otel.cli.mounts import mounts, network_type
from cc_otel.config import COLLECTOR_PORT, BadSettings, Home, Settings, default_projects, load_file, resolve

STACK: Final = {"exporter_otlp_endpoint": f"http://127.0.0.1:{COLLECTOR_PORT}", "exporter_otlp_protocol": "grpc"}
"""The Collector that `docker compose up` runs."""

_SCOPES: Final = {
    "user": "All your sessions: ~/.claude/settings.json, or the one in CLAUDE_CONFIG_DIR.",
    "project": "Everybody's sessions in this folder: .claude/settings.json.",
    "local": "Your sessions in this folder: .claude/settings.local.json.",
    PLUGIN: "No settings: the home alone, for the Claude Code plugin.",
}


def scope_options(command: Callable[..., object]) -> Callable[..., object]:
    """
    Add ``--user``, ``--project``, ``--local`` and ``--plugin``; the command gets ``scope``, None without any.

    More than one of them is wrong usage.
    """

    @functools.wraps(command)
    def run(**given: Any) -> object:
        chosen = [scope for scope in _SCOPES if given.pop(scope)]
        if len(chosen) > 1:
            raise click.UsageError(f"--{' and --'.join(chosen)} exclude each other: run the command once for each")
        return command(scope=chosen[0] if chosen else None, **given)

    decorated: Callable[..., object] = run
    for scope in reversed(_SCOPES):
        decorated = click.option(f"--{scope}", scope, is_flag=True, help=_SCOPES[scope])(decorated)
    return decorated


dry_run_option = click.option("--dry-run", is_flag=True, help="Change nothing: show what would be changed.")


@click.command()
@scope_options
@click.option("--stack", is_flag=True, help="Send to the Collector of `docker compose up`, on this machine.")
@click.option("--messages", is_flag=True, help="Record MessageDisplay too, which holds back what you read meanwhile.")
@click.option(
    "--compactions/--no-compactions",
    default=False,
    help="Record PreCompact and PostCompact too, whose hooks Claude Code lists after /compact.",
)
@click.option(
    "--projects",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Read transcripts below this folder too; repeat it for more.",
)
@dry_run_option
@home_option
@json_option
def install(
    home: Home,
    scope: str | None,
    stack: bool,
    messages: bool,
    compactions: bool,
    *,
    projects: tuple[Path, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """
    Wire Claude Code, so that its sessions are recorded.

    Works from its next event on; without a scope, in all your sessions. Nothing else in the settings is touched, and
    `cc-otel uninstall` puts them back as they were. Running it again, with other options or after an upgrade, replaces
    the wiring.
    """
    scope = scope or "user"
    with in_words():
        settings = _check_home(home, scope, stack=stack)
        memory = Installed(home.path)
        own = _configure(home, stack, projects, memory)
        client = version()
        choice = Choice(messages=messages, compactions=compactions, early=is_intolerant(client))
        plan = _plan(home, memory, scope, own, choice)
        for change in plan.changes:
            if change.needed:
                change.file.check_writable()
        # JSON and TOML hold no other paths.
        for path in (home.path, plan.target):
            str(path).encode()
    if not dry_run:
        prepare_home(home)
        with in_words():
            # The settings last: what they name is there, and what they were is kept.
            memory.remember(plan.target, plan.before)
            install_script(home.path)
            install_starter(home.path, sys.executable, Path.home(), settings.spool_max_mb << 20)
            home.uninstalled.unlink(missing_ok=True)
            for change in plan.changes:
                change.apply()
    if as_json:
        print_json(_report(home, plan, memory.backup(plan.target), dry_run=dry_run))
    elif dry_run:
        click.echo(show_diff(plan.changes) or "Nothing to change in any settings.\n", nl=False)
        click.echo(f"Also written, in {home.path}: record.sh and start. Nothing was changed.", err=True)
    else:
        _tell(home, plan, memory.backup(plan.target))
        if choice.early and plan.events:
            _say_early(client, plan.events)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What to do: the changes in order, the home's own settings first.

    ``target`` is the settings file that is wired (or stands for the plugin), ``before`` what it is without us, None
    if it would not be there. ``events`` are what is wired in it.
    """

    target: Path
    before: str | None
    events: list[str]
    changes: list[Change]


def _plan(home: Home, memory: Installed, scope: str, own: Change, choice: Choice) -> Plan:
    """Look at everything and change nothing; ``own`` is the change of the home's own settings."""
    if scope == PLUGIN:
        return Plan(Path(PLUGIN), None, [], [own])
    file = SettingsFile(settings_path(scope))
    before, wiring = _wire(file, home, memory, choice)
    return Plan(file.path, before, list(groups(home.path, choice)), [own, wiring])


def _check_home(home: Home, scope: str, *, stack: bool) -> Settings:
    """Return the settings that an agent of this home takes; raise or fail where no agent could work in it."""
    if reason := unsupported(sys.platform):
        fail(reason)
    if not sys.executable:
        fail("this Python does not know where it is: install cc-otel into a virtual environment")
    if kind := network_type(home.path, mounts()):
        fail(
            f"{home.path} is on a network file system ({kind}): neither SQLite nor the agent's lock is safe there. "
            "Name a folder on this machine's own disk with --home"
        )
    if scope == PLUGIN and home.path != Path.home() / ".cc-otel":
        raise click.UsageError(f"the plugin knows one home only, {Path.home() / '.cc-otel'}: leave out --home")
    # As the agent will take them: nothing that is set in this shell alone.
    settings = resolve(home, STACK | {"autostart": "agent"} if stack else {}, {})
    # Otherwise events would be recorded and never delivered, without a word.
    check_addresses(home, settings)
    return settings


def unsupported(platform: str) -> str | None:
    """Say why we do not work on a platform (``sys.platform``); None where we do."""
    if platform in ("win32", "cygwin", "msys"):
        return "native Windows is not supported yet: the hook needs a POSIX shell. Run Claude Code and cc-otel in WSL"
    return None


def settings_path(scope: str) -> Path:
    """Return the settings file of a scope, seen from the current folder and environment."""
    if scope == "user":
        # Claude Code's own variable; a person's shell has it where their client has it.
        return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude").absolute() / "settings.json"
    return Path(".claude").absolute() / ("settings.json" if scope == "project" else "settings.local.json")


def _wire(file: SettingsFile, home: Home, memory: Installed, choice: Choice) -> tuple[str | None, Change]:
    """Return what the settings are without us, and how to wire them."""
    old = file.read()
    before = memory.before(file.path)
    try:
        bare = unwire(old or "", before)
        new = wire(old or "", home.path, choice, before=before)
    except NotWirable as error:
        raise Unusable(f"{file.path}, {error}. Mend it, and run the command again") from None
    was_there = old is not None and (memory.was_there(file.path) or not json_text.is_blank(bare))
    return bare if was_there else None, Change(file, old, new)


def _configure(home: Home, stack: bool, projects: tuple[Path, ...], memory: Installed) -> Change:
    """Return the change of the home's own settings; an agent that is started later has nothing else to know them by."""
    file = SettingsFile(home.config, new_mode=0o600)
    old = file.read()
    values = dict(STACK) if stack else {}
    known = load_file(home.config)
    if stack and "autostart" not in known:
        # The stack has a graph-exporter of its own.
        values["autostart"] = "agent"
    config_dir = os.environ.get("CLAUDE_CONFIG_DIR")
    wanted = [Path(config_dir) / "projects"] if config_dir else []
    if added := [folder.absolute() for folder in (*wanted, *projects)]:
        # Where nothing was said so far Claude's own folder was known: it stays so, where it is in use.
        default = default_projects()
        in_use = not config_dir or default.is_dir() or default.with_name("settings.json") in memory
        before = known.get("projects_dir") or (str(default) if in_use else "")
        values["projects_dir"] = reduce(with_folder, added, str(before))
    new = old
    for name, value in values.items():
        try:
            new = toml_text.with_value(new or "", name, value)
        except toml_text.NotSettable as error:
            raise Unusable(f"{file.path} cannot be changed by a program: {error}") from None
    return Change(file, old, new)


def _report(home: Home, plan: Plan, backup: Path | None, *, dry_run: bool) -> dict[str, object]:
    report: dict[str, object] = {
        "home": str(home.path),
        "settings": str(plan.target) if plan.events else None,
        "events": plan.events,
        "changed": [str(change.file.path) for change in plan.changes if change.needed],
        "backup": backup and str(backup),
    }
    return report | ({"diff": show_diff(plan.changes)} if dry_run else {})


def _tell(home: Home, plan: Plan, backup: Path | None) -> None:
    own, *wirings = plan.changes
    for change in plan.changes:
        if change.needed:
            click.echo(f"Changed: {change.file.path}")
    for wiring in wirings:
        if not wiring.needed:
            click.echo(f"Wired already: {wiring.file.path}")
        for obstacle in obstacles(wiring.file.path, Path.cwd()):
            say(f"But {obstacle.reason}: {obstacle.mend}.", err=True)
    if backup:
        click.echo(f"As it was: {backup}")
    if own.needed and is_locked(home.path):
        click.echo("The agent that is running keeps its settings until it is started again.", err=True)
    if wirings:
        click.echo(f"Claude Code's events are recorded in {home.path} from now on, in running sessions too.")
    else:
        click.echo(f"{home.path} is ready for the plugin: what Claude Code tells it is recorded there.")
    click.echo("`cc-otel status` tells how it is, `cc-otel query sessions` what happened; `cc-otel uninstall` ends it.")


def _say_early(client: Version | None, events: list[str]) -> None:
    version = written(client) if client else "this one"
    say(
        f"Claude Code {version} drops all hooks over an event it does not know, so the {len(events)} that it knows are "
        "wired. Run `cc-otel install` again when you have a newer one.",
        err=True,
    )


def show_diff(changes: list[Change]) -> str:
    """Return the changes as a unified diff that a terminal can show: settings of a project hold what others wrote."""
    text = "".join(change.diff() for change in changes if change.needed)
    return "".join(it if it.isprintable() or it in "\t\r\n" else "\N{REPLACEMENT CHARACTER}" for it in text)


@contextmanager
def in_words() -> Iterator[None]:
    """Fail with a message where a file cannot be used."""
    try:
        yield
    except (Unusable, BadSettings) as error:
        fail(str(error))
    except UnicodeEncodeError as error:
        fail(f"{error.object!r} is not UTF-8: choose another path")
    except OSError as error:
        fail(f"{error.filename or 'the home'} cannot be written: {error.strerror}")
