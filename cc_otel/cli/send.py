"""The command that records one event: ``send``."""

import json
import os
import subprocess
import sys
from typing import Any, Final

import click

from cc_otel.agent.lock import is_locked
from cc_otel.cli.common import fail, with_settings
from cc_otel.cli.compose.home import clean_environment, prepare_home
from cc_otel.config import Home, Settings
from cc_otel.spool import Spool, SpoolFull

SEND_BYTES_MAX: Final = 64 << 20


@click.command()
@with_settings("spool_max_mb")
@click.option("--source-app", help="Name of the application that sends; on the span as cc_otel.source_app.")
@click.option("--event-type", help="Event, where the JSON does not name one: PreToolUse, Stop, ...")
@click.option("--summarize", is_flag=True, help="Accepted for old scripts: every span has a summary.")
@click.option("--add-chat", is_flag=True, help="Accepted for old scripts: transcripts are read without being asked.")
@click.option("--server-url", help="Accepted for old scripts and not used: spans go where the agent is told to send.")
@click.option("--start/--no-start", default=True, help="Start the agent where none is running. Default: start.")
def send(home: Home, settings: Settings, source_app: str | None, event_type: str | None, start: bool, **_: Any) -> None:
    """
    Record one event, JSON on standard input.

    Does what the hook does, and prints nothing. The event is safe on disk when the command ends; the agent delivers it.
    """
    if home.off.exists() or os.environ.get("CC_OTEL_OFF") == "1":
        return
    data = sys.stdin.buffer.read(SEND_BYTES_MAX)
    if not data.strip():
        fail("standard input is empty: pipe one event into it, a JSON object with a session_id")
    payload = _with_event_type(data, event_type)
    variables = dict(os.environ) | ({"CC_OTEL_SOURCE_APP": source_app} if source_app else {})
    prepare_home(home)
    spool = Spool(home.spool, settings.spool_max_mb << 20)
    try:
        spool.prepare()
        spool.write(payload, variables)
    except (SpoolFull, OSError) as error:
        fail(str(error))
    if start:
        start_agent(home)


def start_agent(home: Home) -> None:
    """Start what ``autostart`` says where no agent is running: detached, in a clean environment, without waiting."""
    if is_locked(home.path):
        return
    # -P: the folder it starts in must not become a place to import from.
    subprocess.Popen(
        [sys.executable, "-P", "-m", "cc_otel", "autostart", "--home", str(home.path)],
        cwd=home.path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _with_event_type(data: bytes, event_type: str | None) -> bytes:
    """Return a JSON object with the event's name, where it had none; anything else as it came."""
    if not event_type:
        return data
    try:
        payload = json.loads(data)
    except ValueError:
        return data
    if not isinstance(payload, dict):
        return data
    return json.dumps({"hook_event_name": event_type} | payload).encode()
