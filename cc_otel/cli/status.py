"""The command that shows how recording and delivery stand: ``status``."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from cc_otel.claude_code import wiring
from cc_otel.claude_code.client_settings import obstacles
from cc_otel.claude_code.installed import PLUGIN, Installed
from cc_otel.claude_code.settings_file import SettingsFile, Unusable
from cc_otel.cli.common import fail, json_option, not_nan, print_json, say, with_settings
from cc_otel.cli.compose.sending import destination, with_content
from cc_otel.cli.doctor import home as home_checks
from cc_otel.cli.doctor.checks import BROKEN, looked
from cc_otel.cli.table import moment
from cc_otel.config import Home, Settings
from cc_otel.journal.counters import Count, Counter
from cc_otel.journal.database import JournalUnavailable
from cc_otel.spool import Spool
from cc_otel.view.status import AgentDefaults, AgentState, HomeStatus, Problem, Recording, faults, home_status


@click.command()
@with_settings("exporter_otlp_endpoint", "content", "spool_max_mb")
@click.option("--check", is_flag=True, help="Print what is wrong alone, and exit with 1 if anything is: for timers.")
@click.option(
    "--failing-s",
    type=click.FloatRange(min=0),
    callback=not_nan,
    default=300.0,
    show_default=True,
    help="With --check: how long a delivery may fail, seconds.",
)
@json_option
def status(home: Home, settings: Settings, check: bool, failing_s: float, as_json: bool) -> None:
    """Show whether sessions are recorded, and what was lost."""
    found = status_of(home, settings)
    wrong = list(faults(found, time.time_ns(), failing_s)) if check else []
    if as_json:
        print_json(found.to_json() | ({"faults": wrong} if check else {}))
    else:
        for line in wrong if check else _lines(found):
            say(line)
    if wrong:
        raise click.exceptions.Exit(1)


def status_of(home: Home, settings: Settings) -> HomeStatus:
    """Return the state of a home; fail with a message where its journal cannot be read."""
    target = destination(home, settings)
    try:
        return home_status(
            home.path,
            Spool(home.spool, settings.spool_max_mb << 20),
            home.journal,
            time.time_ns(),
            _recording(home),
            AgentDefaults(
                autostart=settings.autostart,
                endpoint=target.name,
                content="redacted" if with_content(settings, target) else "none",
            ),
        )
    except JournalUnavailable as error:
        fail(str(error))


def _recording(home: Home) -> Recording:
    """Return whether a home records, which settings are wired to it, and what is wrong with them."""
    checks = looked("wiring", home_checks.wired(home))
    problems = [Problem(check.what, check.told, check.fix) for check in checks if check.state == BROKEN]
    wired: list[str] = []
    # Where it cannot be read, that is one of the problems.
    with suppress(Unusable):
        known = Installed(home.path)
        wired += [str(path) for path in known.paths() if _is_wired(path, home)]
        wired += ["the plugin"] if Path(PLUGIN) in known else []
    return Recording(home.off.exists(), wired, problems)


def _is_wired(path: Path, home: Home) -> bool:
    """Whether hooks that a settings file wires to the home run, in sessions that begin in this folder."""
    try:
        return home.path in wiring.homes(SettingsFile(path).read() or "") and not obstacles(path, Path.cwd())
    except (Unusable, wiring.NotWirable):
        return False


def _lines(status: HomeStatus) -> Iterator[str]:
    sender = status.sender or {}
    yield f"Home       {status.home}"
    yield f"Recording  {_recorded(status)}"
    for problem in status.problems:
        yield f"Problem    {problem.what}: {problem.text}" + (f" -> {problem.fix}" if problem.fix else "")
    yield f"Agent      {_agent(status.agent)}"
    yield f"Sends to   {status.endpoint} (content: {status.content})"
    yield (
        f"Waiting    {status.spool.events_waiting + status.journal.events_waiting} events not processed yet,"
        f" {status.journal.spans_waiting} spans not delivered yet"
    )
    if number := status.journal.spans_open:
        yield f"Open       {number} span{'s' if number > 1 else ''}, delivered when they end"
    if status.spool.full:
        yield "The spool is FULL: new events are only counted. Start the agent, or raise spool_max_mb."
    if sender.get("next_attempt_ns"):
        yield f"Delivery   failing: {sender['last_error']}"
    if status.summaries:
        yield f"Summaries  {_summaries(status.summaries)}"
    for what, count in status.counts.items():
        yield f"{what.replace('_', ' ').capitalize()}: {_counted(count)}. {_explained(what)}".rstrip()
    if status.spool.events_failed:
        yield f"In failed/: {status.spool.events_failed} events that could not become spans"


def _recorded(status: HomeStatus) -> str:
    if status.paused:
        return "off; `cc-otel on` resumes"
    last = f"; the last event came {_clock(status.last_event_ns)}" if status.last_event_ns else ""
    if status.wired:
        return f"on, wired in {', '.join(status.wired)}{last}"
    if status.recording:
        return f"on, though no settings are known to be wired to this home{last}"
    return f"NOTHING IS RECORDED{last}"


def _agent(agent: AgentState) -> str:
    if not agent.running and agent.autostart == "off":
        return "not running, and autostart is off: run `cc-otel up`"
    if not agent.running:
        return "not running; the next session starts it, or `cc-otel up` does"
    return f"running (pid {agent.pid}, version {agent.version})"


def _summaries(state: Mapping[str, Any]) -> str:
    failures = [f"{model} {failure}" for model, failure in (state.get("troubles") or {}).items() if failure]
    reasons = [state.get("off"), state.get("limited"), *failures, state.get("cache_trouble")]
    shown = f"by {', '.join(state['models'])}"
    if today := state.get("today"):
        shown += f"; today {today['calls']} calls, ${today['usd']:.4f}"
    return shown + "".join(f"; {reason}" for reason in reasons if reason)


def _counted(count: Count) -> str:
    return f"{count.count} ({_clock(count.first_ns)} to {_clock(count.last_ns)})"


def _explained(what: str) -> str:
    # A later version of the agent may count what this one does not know.
    known = {str(counter): counter.sentence for counter in Counter}
    return known.get(what, "")


def _clock(at_ns: int) -> str:
    return moment(at_ns / 1e6)
