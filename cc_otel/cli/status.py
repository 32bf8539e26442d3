"""The commands that tell how things stand, ``status``, and that pause and resume: ``off`` and ``on``."""

import json
import time
from dataclasses import asdict
from typing import Any

import click

from cc_otel.cli.common import fail, home_option, json_option, print_json, with_settings
from cc_otel.cli.compose import destination, prepare_home, with_content
from cc_otel.config import Home, Settings


@click.command()
@with_settings("exporter_otlp_endpoint", "content", "spool_max_mb")
@json_option
def status(home: Home, settings: Settings, as_json: bool) -> None:
    """Tell how recording and delivery stand, and what was lost, set aside or given up."""
    report = gather(home, settings)
    if as_json:
        print_json(report)
    else:
        for line in _in_words(report):
            click.echo(line)


def gather(home: Home, settings: Settings) -> dict[str, Any]:
    """Give the state of a home; a home that does not exist yet has nothing waiting and nothing lost."""
    from cc_otel.agent.lock import is_locked, running_pid
    from cc_otel.journal.journal import Journal, JournalUnavailable
    from cc_otel.spool import Spool
    from cc_otel.view.open_spans import open_spans

    target = destination(home, settings)
    spool = Spool(home.spool, settings.spool_max_mb << 20)
    running = is_locked(home.path)
    report: dict[str, Any] = {
        "home": str(home.path),
        "recording": not home.off.exists(),
        "agent": {
            "running": running,
            "pid": running_pid(home.path) if running else None,
            "autostart": settings.autostart,
        },
        "endpoint": target.name,
        "content": "redacted" if with_content(settings, target) else "none",
        "spool": {"events_waiting": spool.count(), "full": spool.is_full(), "events_failed": len(spool.failed())},
        "journal": {"events_waiting": 0, "spans_waiting": 0, "spans_open": 0},
        "counts": {},
        "sender": None,
        "summaries": None,
    }
    if home.journal.exists():
        try:
            journal = Journal(home.journal)
        except JournalUnavailable as error:
            fail(str(error))
        events, spans = journal.backlog()
        going_on = sum(1 for _ in open_spans(journal))
        report["journal"] = {"events_waiting": events, "spans_waiting": spans, "spans_open": going_on}
        report["counts"] = {what: asdict(count) for what, count in journal.counts().items()}
        notes = {name: json.loads(value) for name, value in journal.notes().items()}
        report["agent"] |= {"version": notes.get("agent", {}).get("version")}
        if running:
            # What the agent was told counts, not what this shell would tell it.
            report |= {key: notes["agent"][key] for key in ("endpoint", "content") if key in notes.get("agent", {})}
        report["sender"] = notes.get("sender")
        report["summaries"] = notes.get("summaries")
        journal.close()
    return report


def _in_words(report: dict[str, Any]) -> list[str]:
    agent, sender = report["agent"], report["sender"] or {}
    lines = [
        f"Home       {report['home']}",
        f"Recording  {'on' if report['recording'] else 'off; `cc-otel on` resumes'}",
        f"Agent      {_agent_in_words(agent)}",
        f"Sends to   {report['endpoint']} (content: {report['content']})",
        f"Waiting    {report['spool']['events_waiting'] + report['journal']['events_waiting']} events to be assembled,"
        f" {report['journal']['spans_waiting']} spans to be acknowledged",
    ]
    if going_on := report["journal"]["spans_open"]:
        lines.append(f"Open       {going_on} span{'s' if going_on > 1 else ''}, delivered when they end")
    if report["spool"]["full"]:
        lines.append("The spool is FULL: new events are only counted. Start the agent, or raise spool_max_mb.")
    if sender.get("next_attempt_ns"):
        lines.append(f"Delivery   failing: {sender['last_error']}")
    if report["summaries"]:
        lines.append(f"Summaries  {_summaries_in_words(report['summaries'])}")
    for what, count in report["counts"].items():
        first, last = (time.strftime("%F %T", time.localtime(count[key] / 1e9)) for key in ("first_ns", "last_ns"))
        lines.append(f"{what.replace('_', ' ').capitalize()}: {count['count']} ({first} to {last})")
    if report["spool"]["events_failed"]:
        lines.append(f"In failed/: {report['spool']['events_failed']} events that could not become spans")
    return lines


def _summaries_in_words(state: dict[str, Any]) -> str:
    troubles = [f"{model} {trouble}" for model, trouble in (state.get("troubles") or {}).items() if trouble]
    reasons = [state.get("off"), state.get("limited"), *troubles, state.get("cache_trouble")]
    told = f"by {', '.join(state['models'])}"
    if today := state.get("today"):
        told += f"; today {today['calls']} calls, ${today['usd']:.4f}"
    return told + "".join(f"; {reason}" for reason in reasons if reason)


def _agent_in_words(agent: dict[str, Any]) -> str:
    if not agent["running"] and agent["autostart"] == "off":
        return "not running, and autostart is off: run `cc-otel up`"
    if not agent["running"]:
        return "not running; the next session starts it, or `cc-otel up` does"
    return f"running (pid {agent['pid']}, version {agent.get('version')})"


@click.command()
@home_option
def off(home: Home) -> None:
    """Pause recording for this home, until ``cc-otel on``."""
    prepare_home(home)
    home.off.touch(mode=0o600)
    click.echo("Recording is off. `cc-otel on` resumes.")


@click.command()
@home_option
def on(home: Home) -> None:
    """Resume recording."""
    home.off.unlink(missing_ok=True)
    click.echo("Recording is on.")
