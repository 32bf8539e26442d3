"""The command that follows what sessions do: ``tail``."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.cells import cell_len, set_cell_size

from cc_otel.cli.common import console, fail, json_option, print_json, say, with_settings
from cc_otel.cli.table import amounts, clock, duration
from cc_otel.cli.watching import EVERY_S, keep_looking, watched
from cc_otel.config import Home, Settings
from cc_otel.text import line, squeezed
from cc_otel.view.following import Following, Wanted
from cc_otel.view.happenings import INSTANT_MS, Happening, What
from cc_otel.view.sessions import ID_CHARS, Ambiguous, NoSuchSession

if TYPE_CHECKING:
    from rich.text import Text

STATE_WIDTH: Final = 11
"""What stands between the clock and the sentence: how long it took, or that it began or waits."""

_STYLES: Final = {What.FAILED: "red", What.WAITING: "bold yellow", What.RUNNING: "yellow", What.BEGAN: "bold"}
_KINDS: Final = {"turn": "bold", "subagent": "magenta", "chat": "blue", "session": "cyan"}


@click.command()
@with_settings("store", "arango_password_file", "exporter_otlp_endpoint", "content")
@click.option(
    "--session", default="", help="Follow this session; the beginning of its id is enough, `last` the newest."
)
@click.option("--all", "everything", is_flag=True, help="Follow all sessions.")
@json_option
def tail(home: Home, settings: Settings, session: str, everything: bool, as_json: bool) -> None:
    """
    Follow what Claude Code does in this folder, as it does it.

    Sessions that begin later are followed, too; --all follows those of all folders. A line for each turn, call, model
    call, wait and failure. Into a pipe it writes JSON lines. Ctrl-C ends it, with exit code 0.
    """
    if session and everything:
        raise click.UsageError("give --session or --all, not both")
    folder = "" if session or everything else str(Path.cwd())
    as_json = as_json or not sys.stdout.isatty()
    with watched(home, settings) as (store, _, feed):
        following = Following(store, feed, Wanted(session, folder))
        keep_looking(_Printer(following, folder, as_json=as_json).step, EVERY_S)


class _Printer:
    """Prints what is new, and once what keeps it from being read."""

    def __init__(self, following: Following, folder: str, *, as_json: bool) -> None:
        self._following = following
        self._folder = folder
        self._as_json = as_json
        self._trouble = ""
        self._said = False

    def step(self) -> None:
        """Look once."""
        try:
            seen = self._following.look(time.time() * 1000)
        except NoSuchSession as error:
            fail(squeezed(f"{error}; `cc-otel query sessions` lists what is"))
        except Ambiguous as error:
            fail(squeezed(str(error)))
        self._say(seen.trouble, found=bool(self._following.sessions))
        for happening in seen.happenings:
            if self._as_json:
                print_json(happening.to_json())
                sys.stdout.flush()
            else:
                self._print(happening)

    def _print(self, happening: Happening) -> None:
        terminal = console()
        several = len(self._following.sessions) > 1
        terminal.print(happening_line(happening, terminal.width, with_session=several), soft_wrap=True)

    def _say(self, trouble: str, *, found: bool) -> None:
        """Say on standard error what is no event."""
        if trouble != self._trouble:
            say(f"Waiting: {squeezed(trouble)}" if trouble else "It can be read again.", err=True)
            self._trouble = trouble
        if not self._said and not trouble:
            self._said = True
            if self._folder and not found:
                say(
                    f"No session is at work in {self._folder} now; its next one is shown. --all shows others.", err=True
                )


def happening_line(it: Happening, width: int, *, with_session: bool = False) -> "Text":
    """Return what happened as a line that fits: the sentence is cut, nothing else is."""
    from rich.text import Text  # noqa: PLC0415 - JSON lines do without

    shown = Text.assemble((clock(it.at_ms), "dim"), "  ", no_wrap=True)
    if with_session:
        shown.append(f"{line((it.session_id or '')[:ID_CHARS]):{ID_CHARS}}  ", "cyan")
    shown.append(f"{_state(it):>{STATE_WIDTH}}  ", _STYLES.get(it.what, "green"))
    details = Text()
    if it.what is What.FAILED:
        details.append(f"  {line(it.error_type or 'error')}", "red")
    for amount in amounts(it.input_tokens, it.output_tokens, it.cost_usd):
        details.append(f"  {amount}", "dim")
    if it.wait_ms and it.wait_ms >= INSTANT_MS:
        details.append(f"  waited {duration(it.wait_ms)}", "yellow")
    room = max(width - shown.cell_len - details.cell_len, 1)
    text = line(it.text)
    if cell_len(text) > room:
        text = set_cell_size(text, room - 1).rstrip() + "…"
    shown.append(text, _STYLES.get(it.what) or _KINDS.get(it.kind, "default"))
    return shown.append_text(details)


def _state(it: Happening) -> str:
    if it.what is What.RUNNING:
        return f"{duration(it.duration_ms or 0)} …"
    if it.duration_ms is None:
        return str(it.what)
    return duration(it.duration_ms) if it.duration_ms >= INSTANT_MS else ""
