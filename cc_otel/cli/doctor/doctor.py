"""The command for those who doubt: ``doctor`` tries every part, and says what mends it."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Final

import click

from cc_otel import __version__
from cc_otel.agent.summary.plan import check
from cc_otel.cli.common import SENDING, STORING, Flags, json_option, print_json, say, with_flags
from cc_otel.cli.compose.sending import check_addresses, destination, sends_to_own_graph, with_content
from cc_otel.cli.compose.store import open_store
from cc_otel.cli.compose.summaries import summary_models
from cc_otel.cli.doctor import home as home_checks
from cc_otel.cli.doctor.checks import BROKEN, NOTE, OK, Check, command, looked
from cc_otel.cli.doctor.jaeger import read_back
from cc_otel.cli.doctor.transcripts import transcripts
from cc_otel.cli.flush import deliver
from cc_otel.cli.status import status_of
from cc_otel.config import BadSettings, Home, Settings, resolve
from cc_otel.graph.store import Query, StoreUnavailable
from cc_otel.journal.counters import HARMLESS
from cc_otel.otlp.transport import Delivered, connect
from cc_otel.spool import Spool, SpoolFull
from cc_otel.view.sessions import DOCTOR_SESSION

DELIVERY_S: Final = 20.0


@click.command()
@with_flags(*SENDING, *STORING, "jaeger_url", "log_level")
@json_option
def doctor(home: Home, flags: Flags, as_json: bool) -> None:
    """
    Try every part, and say what mends what is broken.

    From Claude Code's settings to the graph: sends one test event through everything. Exit code 1 if anything is
    broken.
    """
    broken = False
    for finding in _examine(home, flags):
        broken = broken or finding.state == BROKEN
        if as_json:
            print_json(asdict(finding))
        else:
            say(f"{finding.state:>6}  {finding.what}: {finding.told}")
            if finding.fix:
                say(f"        -> {finding.fix}")
    if broken:
        raise click.exceptions.Exit(1)


def _examine(home: Home, flags: Flags) -> Iterator[Check]:
    """Look at everything; without settings that can be used, at all that needs none."""
    for what, look in _HOME.items():
        yield from looked(what, look(home))
    try:
        settings = resolve(home, flags, os.environ)
    except BadSettings as error:
        told = f"{error}. Neither the agent nor what comes after it can work, or was looked at"
        yield Check("settings", BROKEN, told, f"mend it: in {home.config}, a CC_OTEL_* variable, or a flag")
        return
    for what, examine in _DELIVERY.items():
        yield from looked(what, examine(home, settings))


def _agent(home: Home, settings: Settings) -> Iterator[Check]:
    report = status_of(home, settings)
    agent = report.agent
    if not agent.running and settings.autostart == "off":
        yield Check("agent", NOTE, "not running, and autostart is off", command(home, "up"))
    elif not agent.running:
        yield Check("agent", NOTE, "not running; the next session starts it")
    elif agent.version != __version__:
        told = f"runs version {agent.version}, installed is {__version__}"
        yield Check("agent", BROKEN, told, f"kill {agent.pid}; {command(home, 'up')}")
    else:
        yield Check("agent", OK, f"pid {agent.pid}, version {__version__}")
    for what, count in report.counts.items():
        if what in HARMLESS:
            continue
        yield Check("losses", NOTE, f"{what.replace('_', ' ')}: {count.count}", command(home, "status"))


def _endpoint(home: Home, settings: Settings) -> Iterator[Check]:
    check_addresses(home, settings)
    target = destination(home, settings)
    content = "with redacted content" if with_content(settings, target) else "without content"
    if sends_to_own_graph(settings):
        yield Check("endpoint", OK, f"the home's own graph, {content}")
        return
    with closing(connect(target)) as transport:
        # No span at all: the specification has a receiver answer that with success.
        outcome = transport.export(b"", target.timeout_s)
    if isinstance(outcome, Delivered):
        yield Check("endpoint", OK, f"{target.name} answers ({settings.exporter_otlp_protocol}), {content}")
    else:
        fix = "start the receiver, or change exporter_otlp_endpoint (`cc-otel settings`)"
        yield Check("endpoint", BROKEN, f"{target.name}: {outcome.reason}", fix)


def _round_trip(home: Home, settings: Settings) -> Iterator[Check]:
    began, clock_ns = time.monotonic(), time.time_ns()
    spool = Spool(home.spool, settings.spool_max_mb << 20)
    event = {"session_id": DOCTOR_SESSION, "hook_event_name": "SessionStart", "source": "doctor"}
    if not (home.spool / "new").is_dir():
        # Found before; making it here would hide it from the next who looks.
        return
    if sends_to_own_graph(settings):
        with closing(open_store(home, settings)) as own:
            own.prepare()
    try:
        spool.write(json.dumps(event).encode(), {}, clock_ns)
    except (OSError, SpoolFull) as error:
        yield Check("test event", BROKEN, f"could not be recorded: {error}")
        return
    if left := deliver(home, settings, DELIVERY_S):
        told = f"not delivered in {DELIVERY_S:g} s ({left} waiting)"
        yield Check("test event", BROKEN, told, command(home, "status"))
        return
    took = f"delivered in {time.monotonic() - began:.1f} s"
    if settings.jaeger_url:
        yield read_back(settings.jaeger_url, clock_ns)
    if not (sends_to_own_graph(settings) or settings.store):
        yield Check("test event", OK, f"{took}; the receiver's store is not known here, so it was not read back")
        return
    try:
        with closing(open_store(home, settings)) as store:
            newest = next(store.query(Query("spans", {"session_id": DOCTOR_SESSION, "limit": 1})), None)
    except StoreUnavailable as error:
        yield Check("test event", BROKEN, f"{took}, but the graph cannot be read: {error}", "start the store")
        return
    if newest and float(str(newest["start_ms"])) > clock_ns / 1e6 - 1:
        yield Check("test event", OK, f"{took}, and read back from the graph")
    else:
        yield Check("test event", BROKEN, f"{took}, but it is not in the graph", f"ls {home.dead}")


def _summaries(home: Home, settings: Settings) -> Iterator[Check]:
    if not settings.summary_model:
        yield Check("summaries", OK, "by rule; summary_model names a model where sentences should be better")
        return
    for model, trouble in check(summary_models(settings), home.model_credentials).items():
        if trouble:
            fix = f"put its key into {home.model_credentials} (docs/summaries.md), or change summary_model"
            yield Check("summaries", BROKEN, f"{model}: {trouble}; rules serve meanwhile", fix)
        else:
            yield Check("summaries", OK, f"{model} answers")


_HOME: Final[dict[str, Callable[[Home], Iterator[Check]]]] = {
    "wiring": home_checks.wired,
    "start": home_checks.starter,
    "hook": home_checks.hook_at_work,
    "spool": home_checks.spool,
    "disk": home_checks.disk,
    "claude": home_checks.client,
}
_DELIVERY: Final[dict[str, Callable[[Home, Settings], Iterator[Check]]]] = {
    "agent": _agent,
    "transcripts": transcripts,
    "endpoint": _endpoint,
    "test event": _round_trip,
    "summaries": _summaries,
}
