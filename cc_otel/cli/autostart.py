"""The agent as others start and end it: the hook, by the home's ``start``, and ``cc-otel uninstall``."""

import time
from typing import Final

import click

from cc_otel.cli.common import fail, with_settings
from cc_otel.cli.up import agent, up
from cc_otel.config import Home, Settings

STOP_S: Final = 30.0
CHECK_S: Final = 0.1


@click.command(hidden=True)
@with_settings("autostart")
def autostart(home: Home, settings: Settings) -> None:
    """Start what the setting autostart says: up, agent, or nothing. The hook runs this; there is no need to type it."""
    from cc_otel.spool import Spool

    # Whether anything starts or not: the spool's limit must hold also while nobody takes events from it.
    Spool(home.spool, settings.spool_max_mb << 20).keep_limit()
    command = {"up": up, "agent": agent}.get(settings.autostart)
    if command:
        command.main(["--home", str(home.path)], prog_name=f"cc-otel {settings.autostart}")


def stop_agent(home: Home) -> bool:
    """
    End the agent of a home and wait until it has ended; what it has not delivered stays in the home.

    Returns whether there was one. Fails in words where it cannot be ended from here.
    """
    import psutil

    from cc_otel.agent.lock import LOCK_NAME, is_locked, running_pid

    if not is_locked(home.path):
        return False
    pid = running_pid(home.path)
    try:
        process = psutil.Process(pid)
        # In a container that shares the home the same number may be anybody's: ours has the home's lock open.
        if str((home.path / LOCK_NAME).resolve()) in {opened.path for opened in process.open_files()}:
            process.terminate()
    except psutil.Error:
        pass
    deadline = time.monotonic() + STOP_S
    while is_locked(home.path):
        if time.monotonic() > deadline:
            fail(f"the agent of {home.path} (pid {pid}) does not end: end it, and run the command again")
        time.sleep(CHECK_S)
    return True
