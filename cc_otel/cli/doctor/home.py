"""What ``doctor`` looks at whatever the settings say: Claude Code's wiring, the hook, the home, the machine."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from cc_otel.claude_code import client_version, hook, wiring
from cc_otel.claude_code.client_settings import obstacles
from cc_otel.claude_code.event_table import EVENTS, Choice
from cc_otel.claude_code.installed import Installed
from cc_otel.claude_code.settings_file import SettingsFile, Unusable
from cc_otel.cli.compose.home import clean_environment
from cc_otel.cli.doctor.checks import BROKEN, NOTE, OK, Check, command, install
from cc_otel.config import Home, resolve

HOOK_RUNS: Final = 9
HOOK_MS_MAX: Final = 100.0
DISK_FREE_BYTES_MIN: Final = 1 << 30
BIGGEST: Final = 3
CLOCK_ERROR_S_MAX: Final = 2.0
PROGRAM_S: Final = 20.0


def wired(home: Home) -> Iterator[Check]:
    """Look whether Claude Code's settings name this home's hook, for every event, and whether it is there."""
    try:
        memory = Installed(home.path)
    except Unusable as error:
        yield Check("wiring", BROKEN, str(error))
        return
    if not memory:
        yield Check("wiring", BROKEN, "Claude Code is not wired to this home", install(home))
    for path in memory.paths():
        yield from _wired_in(home, path)
    if _text(home.path / hook.SCRIPT_NAME) != hook.script():
        yield Check("hook script", BROKEN, "missing in the home, or of another version", install(home))


def _wired_in(home: Home, path: Path) -> Iterator[Check]:
    """Check one settings file."""
    try:
        text = SettingsFile(path).read() or ""
        events = wiring.wired(text, home.path)
    except Unusable as error:
        yield Check("wiring", BROKEN, str(error))
        return
    except wiring.NotWirable as error:
        mend = f"mend that line of {shlex.quote(str(path))}; then `{install(home, path)}`"
        yield Check("wiring", BROKEN, f"{path}, {error}", mend)
        return
    faults = [
        *([f"{path} lacks {', '.join(missing)}"] if (missing := _missing(home, events)) else []),
        *([_unknown(path, unknown)] if (unknown := _not_early(text)) else []),
        *([f"{path} records {', '.join(twice)} twice"] if (twice := _twice(events)) else []),
    ]
    for fault in faults:
        yield Check("wiring", BROKEN, fault, install(home, path))
    for obstacle in (hindered := obstacles(path, Path.cwd())):
        yield Check("wiring", BROKEN, obstacle.reason, obstacle.mend)
    if faults or hindered:
        return
    if wiring.is_outdated(text, home.path):
        told = f"{len(events)} events in {path}, as an earlier version wired them"
        yield Check("wiring", NOTE, told, install(home, path))
    else:
        yield Check("wiring", OK, f"{len(events)} events in {path}")


def _missing(home: Home, events: Mapping[str, list[object]]) -> list[str]:
    early = client_version.is_intolerant(client_version.version())
    return sorted(wiring.groups(home.path, Choice(early=early)).keys() - events.keys())


def _not_early(text: str) -> list[str]:
    """Return the events over which the client on the PATH drops all hooks of these settings."""
    if not client_version.is_intolerant(client_version.version()):
        return []
    return sorted(wiring.named(text) - {row.name for row in EVENTS.values() if row.early})


def _unknown(path: Path, events: list[str]) -> str:
    version = client_version.version()
    client = client_version.written(version) if version else "the client"
    return f"Claude Code {client} drops all hooks of {path}, because it does not know {', '.join(events)}"


def _twice(events: Mapping[str, list[object]]) -> list[str]:
    return sorted(event for event, groups in events.items() if len(groups) > 1)


def starter(home: Home) -> Iterator[Check]:
    """Look whether the home's ``start`` is what would be installed now, and can start anything."""
    path = home.path / hook.STARTER_NAME
    text = _text(path)
    python = hook.starter_python(text)
    # As the hook starts it: nothing that is set in this shell alone.
    limit = resolve(home, {}, {}).spool_max_mb << 20
    if not text:
        told = f"{path} is missing: no session can start the agent"
    elif not os.access(path, os.X_OK):
        told = f"{path} cannot be run: no session can start the agent"
    elif not python or text != hook.starter(home.path, python, Path.home(), limit):
        told = f"{path} is damaged, of another version, or older than spool_max_mb"
    elif not _has_package(python):
        told = f"{python}, which {path} runs, is gone or has no cc-otel"
    else:
        yield Check("start", OK, f"starts the agent with {python}")
        return
    yield Check("start", BROKEN, told, install(home))


def _has_package(python: str) -> bool:
    try:
        done = subprocess.run(
            [python, "-P", "-c", "import cc_otel.cli"],
            env=clean_environment(),
            capture_output=True,
            timeout=PROGRAM_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def hook_at_work(_: Home) -> Iterator[Check]:
    """Look whether the hook records, in silence, and how long it takes. In a home of its own."""
    with TemporaryDirectory(prefix="cc-otel-") as folder:
        hook.install_script(Path(folder))
        took_ms, done = [], None
        for _number in range(HOOK_RUNS):
            began = time.perf_counter()
            done = subprocess.run(
                ["sh", "-c", hook.wired_command(Path(folder))], input=b"{}", capture_output=True, check=False
            )
            took_ms.append((time.perf_counter() - began) * 1e3)
        recorded = len(list((Path(folder) / "spool" / "new").iterdir()))
    shell = Path(shutil.which("sh") or "/bin/sh").resolve().name
    silent = done is not None and (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    if recorded != HOOK_RUNS or not silent:
        yield Check(
            "hook", BROKEN, f"{recorded} of {HOOK_RUNS} events were recorded by {shell}", "ls -l /bin/sh /bin/cat"
        )
    elif median(took_ms) > HOOK_MS_MAX:
        yield Check("hook", NOTE, f"takes {median(took_ms):.0f} ms in {shell}: is the machine busy?")
    else:
        yield Check("hook", OK, f"records in {median(took_ms):.1f} ms ({shell})")


def spool(home: Home) -> Iterator[Check]:
    """Look whether the hook can write events. What is missing stays missing: that is what is looked for."""
    new = home.spool / "new"
    probe = new / f".doctor.{os.getpid()}"
    try:
        probe.touch(mode=0o600)
        probe.unlink()
    except FileNotFoundError:
        yield Check("spool", BROKEN, f"{new} is missing: events have nowhere to go", install(home))
        return
    except OSError as error:
        where = " ".join(shlex.quote(str(path)) for path in (home.spool, new))
        yield Check("spool", BROKEN, f"{new} cannot be written: {error.strerror}", f"ls -ld {where}")
        return
    if (home.spool / "full").exists():
        yield Check("spool", BROKEN, "full: new events are counted and not kept", command(home, "up"))
    elif home.off.exists():
        yield Check("spool", NOTE, "recording is off", command(home, "on"))
    else:
        yield Check("spool", OK, f"{home.spool} can be written")


def disk(home: Home) -> Iterator[Check]:
    """Look whether there is room where the home is, and whether its clock is the system's."""
    if not home.path.is_dir():
        return
    free = shutil.disk_usage(home.path).free
    if free < DISK_FREE_BYTES_MIN:
        told = f"{free >> 20} MB free where the home is; {_biggest(home.path)}"
        mend = f"make room on that disk; retention_days and spool_max_mb in {home.config} limit what is ours"
        yield Check("disk", BROKEN, told, mend)
    else:
        yield Check("disk", OK, f"{free >> 30} GB free; {_biggest(home.path)}")
    probe = home.path / f".doctor.{os.getpid()}"
    try:
        probe.touch(mode=0o600)
        apart_s = abs(probe.stat().st_mtime - time.time())
    finally:
        probe.unlink(missing_ok=True)
    if apart_s > CLOCK_ERROR_S_MAX:
        yield Check(
            "clock", BROKEN, f"the disk's and the system's are {apart_s:.0f} s apart", "use a home on a local disk"
        )
    else:
        yield Check("clock", OK, "the disk's and the system's agree")


def _biggest(home: Path) -> str:
    sizes = {entry.name: _used_bytes(entry) for entry in home.iterdir()}
    most = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:BIGGEST]
    each = ", ".join(f"{name} {sizes[name] / (1 << 20):.1f}" for name in most)
    return f"the home holds {sum(sizes.values()) / (1 << 20):.1f} MB ({each})"


def _used_bytes(path: Path) -> int:
    used = 0
    for one in (path, *path.rglob("*")):
        try:
            used += one.lstat().st_blocks * 512
        except FileNotFoundError:
            # The agent takes events away meanwhile.
            continue
    return used


def client(_: Home) -> Iterator[Check]:
    """Look which Claude Code there is."""
    if shutil.which("claude") is None:
        yield Check("claude", NOTE, "not on the PATH")
        return
    try:
        version = client_version.answer()
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Check("claude", NOTE, f"does not answer: {error}")
        return
    left_out = "WorktreeCreate (a hook on it breaks worktrees) and MessageDisplay (it holds back what you read)"
    if client_version.is_intolerant(client_version.parsed(version)):
        left_out = "the events that it does not know, because it would drop all hooks of the settings"
    yield Check("claude", OK, f"{version or 'unknown version'}; not wired: {left_out}")
