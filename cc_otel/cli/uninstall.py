"""The command that takes the wiring out again: ``uninstall``."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cc_otel.agent.lock import LOCK_NAME, is_locked, running_pid
from cc_otel.agent.processes import terminate_holder
from cc_otel.claude_code import json_text
from cc_otel.claude_code.hook import SCRIPT_NAME, STARTER_NAME
from cc_otel.claude_code.installed import PLUGIN, Installed
from cc_otel.claude_code.settings_file import Change, SettingsFile, Unusable
from cc_otel.claude_code.wiring import NotWirable, homes, unwire
from cc_otel.cli.common import fail, home_option, json_option, print_json, say
from cc_otel.cli.install import dry_run_option, in_words, scope_options, settings_path, show_diff
from cc_otel.config import Home

OURS: Final = (
    *("spool", "dead", "journal.db*", "graph.db*", "graph.settled", "cache.db*", "config.toml", "ui-token", "off"),
    *("otlp.sock", "agent.*", "cc-otel.log*", "graph-exporter.log*"),
)
"""What a home holds beside what `install` put there. Only these are deleted: a home may be in anybody's folder."""

STOP_S: Final = 30.0
CHECK_S: Final = 0.1


@click.command()
@scope_options
@click.option("--purge", is_flag=True, help="Delete what was recorded, too. Asks before.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@home_option
@json_option
def uninstall(home: Home, scope: str | None, purge: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """
    Put Claude Code's settings back as they were.

    What others changed since stays. Without a scope: all settings that are wired to this home. With the last of them
    goes the agent; what was recorded stays, unless --purge says otherwise.
    """
    with in_words():
        memory = Installed(home.path)
    installed = bool(memory)
    targets = list(_targets(memory, scope))
    changes, failures = _plan(home, memory, targets)
    if dry_run:
        _report(home, changes, dry_run=True, as_json=as_json)
    else:
        left = [str(path) for path in memory.paths() if path not in targets]
        if purge and left:
            fail(f"{', '.join(left)} would still be wired to {home.path}: leave out the scope, or --purge")
        if purge and not yes:
            click.confirm(f"Delete everything recorded in {home.path}?", abort=True, err=True)
        failures += _apply(memory, scope, changes)
        if not memory and (installed or purge):
            _retire(home)
        if not memory and purge:
            _purge(home)
        _report(home, changes, dry_run=False, as_json=as_json)
    if failures:
        fail("\n".join(failures))


def _plan(home: Home, memory: Installed, targets: list[Path]) -> tuple[list[Change], list[str]]:
    """Return how to unwire each settings file, and what is in the way of it in others."""
    changes, failures = [], []
    for path in targets:
        try:
            changes.append(_unwire(SettingsFile(path), memory, home))
        except Unusable as error:
            failures.append(str(error))
    return changes, failures


def _targets(memory: Installed, scope: str | None) -> Iterator[Path]:
    if scope == PLUGIN:
        return
    chosen = settings_path(scope or "user")
    if scope is None:
        yield from (path for path in memory.paths() if path != chosen)
    yield chosen


def _unwire(file: SettingsFile, memory: Installed, home: Home) -> Change:
    old = file.read()
    if old is None:
        return Change(file, None, None)
    try:
        new = unwire(old, memory.before(file.path), home.path)
        others = homes(new)
    except NotWirable as error:
        raise Unusable(f"{file.path}, {error}. Mend it, and run the command again") from None
    for other in sorted(others):
        say(f"{file.path} is wired to {other}: `cc-otel uninstall --home {other}` ends that.", err=True)
    gone = json_text.is_blank(new) and not memory.was_there(file.path)
    change = Change(file, old, None if gone else new)
    if change.needed:
        file.check_writable()
    return change


def _apply(memory: Installed, scope: str | None, changes: list[Change]) -> list[str]:
    """Unwire every file that can be unwired. Return the failures of the others."""
    failures = []
    for change in changes:
        try:
            change.apply()
            memory.forget(change.file.path)
        except Unusable as error:
            failures.append(str(error))
    if scope in (None, PLUGIN):
        memory.forget(Path(PLUGIN))
    return failures


def _retire(home: Home) -> None:
    """Remove what the hook runs, and end the agent. From now on no transcripts are read for this home."""
    with in_words():
        for name in (SCRIPT_NAME, STARTER_NAME):
            (home.path / name).unlink(missing_ok=True)
        if home.spool.is_dir():
            home.uninstalled.touch(mode=0o600)
    stop_agent(home)


def stop_agent(home: Home) -> bool:
    """
    End the agent of a home and wait until it has ended; what it has not delivered stays in the home.

    Return whether there was one. Fail with a message where it cannot be ended from here.
    """
    if not is_locked(home.path):
        return False
    pid = running_pid(home.path)
    # In a container that shares the home the same number may be any process: ours has the home's lock open.
    terminate_holder(pid, home.path / LOCK_NAME)
    deadline = time.monotonic() + STOP_S
    while is_locked(home.path):
        if time.monotonic() > deadline:
            fail(f"the agent of {home.path} (pid {pid}) does not end: end it, and run the command again")
        time.sleep(CHECK_S)
    return True


def _purge(home: Home) -> None:
    with in_words():
        for found in [found for pattern in OURS for found in home.path.glob(pattern)]:
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
        if not home.path.is_dir():
            return
        if foreign := sorted(found.name for found in home.path.iterdir()):
            say(f"Not ours, and still in {home.path}: {', '.join(foreign)}", err=True)
        else:
            home.path.rmdir()


def _report(home: Home, changes: list[Change], *, dry_run: bool, as_json: bool) -> None:
    changed = [str(change.file.path) for change in changes if change.needed]
    if as_json:
        report: dict[str, object] = {"home": str(home.path), "changed": changed}
        print_json(report | ({"diff": show_diff(changes)} if dry_run else {}))
    elif dry_run:
        click.echo(show_diff(changes) or "Nothing to change in any settings.\n", nl=False)
    else:
        for path in changed:
            say(f"Unwired: {path}")
        if not changed:
            click.echo(f"No settings are wired to {home.path}.")
        if home.path.exists():
            click.echo(f"What was recorded is in {home.path}; `cc-otel uninstall --purge` deletes it.")
