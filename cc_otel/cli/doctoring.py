"""The command for those who doubt: ``doctor`` tries every part, and says what mends it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import click

from cc_otel import __version__, conventions, hook, wiring
from cc_otel.cli.common import DOCTOR_SESSION, json_option, print_json, with_settings
from cc_otel.cli.compose import (
    destination,
    open_store,
    prepare_home,
    sends_to_own_graph,
    summary_models,
    with_content,
)
from cc_otel.cli.delivering import deliver
from cc_otel.cli.installed import Installed
from cc_otel.cli.running import SENDING, STORING
from cc_otel.cli.settings_file import SettingsFile, Unusable
from cc_otel.cli.watching import gather
from cc_otel.config import Home, Settings

HOOK_RUNS: Final = 9
HOOK_MS_MAX: Final = 100.0
DISK_FREE_BYTES_MIN: Final = 1 << 30
CLOCK_ERROR_S_MAX: Final = 2.0
DELIVERY_S: Final = 20.0
JAEGER_WAIT_S: Final = 0.5

OK: Final = "ok"
BROKEN: Final = "broken"
NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look gave: ``state`` is ok, broken, or note where it is for the user to judge; ``fix`` a command."""

    what: str
    state: str
    told: str
    fix: str = ""


@click.command()
@with_settings(*SENDING, *STORING, "jaeger_url", "log_level")
@json_option
def doctor(home: Home, settings: Settings, as_json: bool) -> None:
    """
    Try every part, from Claude Code's settings to the graph, and say what mends what is broken.

    Sends one test event through everything. Exit code 1 if anything is broken.
    """
    prepare_home(home)
    findings = []
    for look in (_wiring, _hook, _spool, _agent, _endpoint, _round_trip, _summaries, _machine, _client):
        for finding in look(home, settings):
            findings.append(finding)
            if as_json:
                print_json(asdict(finding))
            else:
                click.echo(f"{finding.state:>6}  {finding.what}: {finding.told}")
                if finding.fix:
                    click.echo(f"        -> {finding.fix}")
    if any(finding.state == BROKEN for finding in findings):
        raise click.exceptions.Exit(1)


def _wiring(home: Home, _: Settings) -> Iterator[Finding]:
    install = f"cc-otel install --home {home.path}"
    try:
        paths = Installed(home.path).paths()
    except Unusable as error:
        yield Finding("wiring", BROKEN, str(error), install)
        return
    if not paths:
        yield Finding("wiring", BROKEN, "Claude Code is not wired to this home", install)
    for path in paths:
        try:
            events = wiring.wired(SettingsFile(path).read() or "")
        except (Unusable, wiring.NotWirable) as error:
            yield Finding("wiring", BROKEN, f"{path}: {error}", install)
            continue
        missing = sorted(wiring.groups(home.path).keys() - events.keys())
        if missing:
            yield Finding("wiring", BROKEN, f"{path} lacks {', '.join(missing)}", install)
        else:
            yield Finding("wiring", OK, f"{len(events)} events in {path}")
    try:
        current = (home.path / hook.SCRIPT_NAME).read_text("utf-8") == hook.script()
    except OSError:
        current = False
    if not current:
        yield Finding("hook script", BROKEN, "missing in the home, or of another version", install)


def _hook(_: Home, __: Settings) -> Iterator[Finding]:
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
        yield Finding(
            "hook", BROKEN, f"{recorded} of {HOOK_RUNS} events were recorded by {shell}", "ls -l /bin/sh /bin/cat"
        )
    elif median(took_ms) > HOOK_MS_MAX:
        yield Finding("hook", NOTE, f"takes {median(took_ms):.0f} ms in {shell}: is the machine busy?")
    else:
        yield Finding("hook", OK, f"records in {median(took_ms):.1f} ms ({shell})")


def _spool(home: Home, _: Settings) -> Iterator[Finding]:
    probe = home.spool / "new" / f".doctor.{os.getpid()}"
    try:
        hook.install_script(home.path)
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        yield Finding(
            "spool", BROKEN, f"{home.spool} cannot be written: {error.strerror}", f"ls -ld {home.spool} {probe.parent}"
        )
        return
    if (home.spool / "full").exists():
        yield Finding("spool", BROKEN, "full: new events are counted and not kept", f"cc-otel up --home {home.path}")
    elif home.off.exists():
        yield Finding("spool", NOTE, "recording is off", f"cc-otel on --home {home.path}")
    else:
        yield Finding("spool", OK, f"{home.spool} can be written")


def _agent(home: Home, settings: Settings) -> Iterator[Finding]:
    report = gather(home, settings)
    agent = report["agent"]
    if not agent["running"]:
        yield Finding("agent", NOTE, "not running; the next session starts it")
    elif agent.get("version") != __version__:
        told = f"runs version {agent.get('version')}, installed is {__version__}"
        yield Finding("agent", BROKEN, told, f"kill {agent['pid']}; cc-otel up --home {home.path}")
    else:
        yield Finding("agent", OK, f"pid {agent['pid']}, version {__version__}")
    for what, count in report["counts"].items():
        yield Finding(
            "losses", NOTE, f"{what.replace('_', ' ')}: {count['count']}", f"cc-otel status --home {home.path}"
        )


def _endpoint(home: Home, settings: Settings) -> Iterator[Finding]:
    from cc_otel.otlp.connection import connect
    from cc_otel.otlp.transport import Delivered

    target = destination(home, settings)
    content = "with redacted content" if with_content(settings, target) else "without content"
    if sends_to_own_graph(settings):
        yield Finding("endpoint", OK, f"the home's own graph, {content}")
        return
    with closing(connect(target)) as transport:
        # No span at all: the specification has a receiver answer that with success.
        outcome = transport.export(b"", target.timeout_s)
    if isinstance(outcome, Delivered):
        yield Finding("endpoint", OK, f"{target.name} answers ({settings.exporter_otlp_protocol}), {content}")
    else:
        fix = "start the receiver, or change exporter_otlp_endpoint (`cc-otel settings`)"
        yield Finding("endpoint", BROKEN, f"{target.name}: {outcome.reason}", fix)


def _round_trip(home: Home, settings: Settings) -> Iterator[Finding]:
    from cc_otel.graph.store import Query, StoreUnavailable
    from cc_otel.spool import Spool

    began, clock_ns = time.monotonic(), time.time_ns()
    spool = Spool(home.spool, settings.spool_max_mb << 20)
    event = {"session_id": DOCTOR_SESSION, "hook_event_name": "SessionStart", "source": "doctor"}
    try:
        spool.prepare()
        spool.write(json.dumps(event).encode(), {}, clock_ns)
    except OSError as error:
        yield Finding("test event", BROKEN, f"could not be recorded: {error}")
        return
    if left := deliver(home, settings, DELIVERY_S):
        yield Finding("test event", BROKEN, f"not delivered in {DELIVERY_S:g} s ({left} waiting)", "cc-otel status")
        return
    took = f"delivered in {time.monotonic() - began:.1f} s"
    if settings.jaeger_url:
        yield _read_back_from_jaeger(settings.jaeger_url, clock_ns)
    if not (sends_to_own_graph(settings) or settings.store):
        yield Finding("test event", OK, f"{took}; the receiver's store is not known here, so it was not read back")
        return
    try:
        with closing(open_store(home, settings)) as store:
            newest = next(store.query(Query("spans", {"session_id": DOCTOR_SESSION, "limit": 1})), None)
    except StoreUnavailable as error:
        yield Finding("test event", BROKEN, f"{took}, but the graph cannot be read: {error}", "start the store")
        return
    if newest and float(str(newest["start_ms"])) > clock_ns / 1e6 - 1:
        yield Finding("test event", OK, f"{took}, and read back from the graph")
    else:
        yield Finding("test event", BROKEN, f"{took}, but it is not in the graph", f"ls {home.dead}")


def _read_back_from_jaeger(url: str, clock_ns: int) -> Finding:
    """Look for the test event in Jaeger (query API v3); a Collector may take a while to pass it on."""
    import requests

    until = time.monotonic() + DELIVERY_S
    began = datetime.fromtimestamp(clock_ns / 1e9, UTC)
    asked = {
        "query.service_name": conventions.SERVICE_NAME_VALUE,
        "query.start_time_min": (began - timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z"),
        "query.start_time_max": (began + timedelta(minutes=5)).isoformat().replace("+00:00", "Z"),
        "query.attributes": json.dumps({conventions.SESSION_ID: DOCTOR_SESSION}),
        "query.search_depth": "10",
    }
    told = "it does not show the test event"
    while time.monotonic() < until:
        try:
            answer = requests.get(f"{url.rstrip('/')}/api/v3/traces", params=asked, timeout=DELIVERY_S)
            if answer.ok and DOCTOR_SESSION in answer.text:
                return Finding("jaeger", OK, f"{url} shows the test event")
            told = (
                told if answer.ok or answer.status_code == requests.codes.not_found else f"answers {answer.status_code}"
            )
        except requests.RequestException as error:
            told = f"cannot be asked: {type(error).__name__}"
        time.sleep(JAEGER_WAIT_S)
    return Finding("jaeger", BROKEN, f"{url}: {told}", "start Jaeger, or change jaeger_url (`cc-otel settings`)")


def _summaries(home: Home, settings: Settings) -> Iterator[Finding]:
    if not settings.summary_model:
        yield Finding("summaries", OK, "by rule; summary_model names a model where sentences should be better")
        return
    from cc_otel.agent.summary.plan import check

    for model, trouble in check(summary_models(settings), home.model_credentials).items():
        if trouble:
            fix = f"put its key into {home.model_credentials} (docs/summaries.md), or change summary_model"
            yield Finding("summaries", BROKEN, f"{model}: {trouble}; rules serve meanwhile", fix)
        else:
            yield Finding("summaries", OK, f"{model} answers")


def _machine(home: Home, _: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(home.path).free
    if free < DISK_FREE_BYTES_MIN:
        yield Finding("disk", BROKEN, f"{free >> 20} MB free where the home is", f"du -sh {home.path}")
    else:
        yield Finding("disk", OK, f"{free >> 30} GB free")
    probe = home.path / f".doctor.{os.getpid()}"
    probe.touch(mode=0o600)
    apart_s = abs(probe.stat().st_mtime - time.time())
    probe.unlink()
    if apart_s > CLOCK_ERROR_S_MAX:
        yield Finding(
            "clock", BROKEN, f"the disk's and the system's are {apart_s:.0f} s apart", "use a home on a local disk"
        )
    else:
        yield Finding("clock", OK, "the disk's and the system's agree")


def _client(_: Home, __: Settings) -> Iterator[Finding]:
    claude = shutil.which("claude")
    if claude is None:
        yield Finding("claude", NOTE, "not on the PATH")
        return
    try:
        told = subprocess.run(
            [claude, "--version"], capture_output=True, text=True, timeout=DELIVERY_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("claude", NOTE, f"does not answer: {error}")
        return
    left_out = "WorktreeCreate (a hook on it breaks worktrees) and MessageDisplay (it holds back what you read)"
    yield Finding("claude", OK, f"{told.strip() or 'unknown version'}; not wired: {left_out}")
