"""
The questions of every day that README.md and docs/commands.md answer, with the output of the demo's session.

`python -m tests.cli.daily` writes the outputs into these pages again; `tests/cli/test_daily.py` holds them.
"""

import json
import os
import re
import shlex
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cc_otel.cli import main
from cc_otel.cli.tail import happening_line
from cc_otel.cli.top import lines
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.otlp.decode import decode
from cc_otel.view.happenings import Teller
from cc_otel.view.now import busy_sessions
from cc_otel.view.open_spans import open_spans
from cc_otel.view.sessions import LAST
from cc_otel.view.trees import spans_of
from tests.agent.test_pipeline import Workshop

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", ROOT / "docs" / "commands.md")
COLUMNS: Final = 80
TERMINAL: Final = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "dumb"}
"""To rich a terminal of 80 columns without colours, though nobody looks at it."""

_ANSWERED: Final = re.compile(r"^```\n\$ (cc-otel [^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def questions(page: str) -> dict[str, str]:
    """Return the commands that a page shows with their output."""
    return {found[1]: found[2] for found in _ANSWERED.finditer(page)}


def with_answers(page: str, home: Path) -> str:
    """Return a page with the output that each command has on a home."""
    return _ANSWERED.sub(lambda found: f"```\n$ {found[1]}\n{answer(found[1], home)}```", page)


def answer(command: str, home: Path) -> str:
    """Return what a command prints in a terminal of 80 columns; what is live, as it was while the session went on."""
    arguments = shlex.split(command)[1:]
    with _clock_of("UTC"):
        if command in LIVE:
            return "".join(f"{line.rstrip()}\n" for line in LIVE[command](home))
        done = CliRunner().invoke(main, [*arguments, "--home", str(home)], env=TERMINAL)
    assert done.exit_code == 0, done.output
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def _tail(home: Path) -> Iterator[str]:
    """Return the lines of ``tail`` for all that was delivered of the session."""
    with closing(SqliteStore(home / "graph.db")) as store:
        for it in Teller().news(spans_of(store, LAST), (), 0.0):
            yield happening_line(it, COLUMNS).plain


def _top(_home: Path) -> list[str]:
    """Return the screen of ``top`` a second after the session's first call began."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-docs-") as folder:
        workshop, events = Workshop(Path(folder)), _events()
        begun = next(at for at, it in enumerate(events, 1) if it["payload"]["hook_event_name"] == "PreToolUse")
        for event in events[:begun]:
            # The recorded client has ended long ago; this process has not.
            workshop.record(event["payload"], event["t_ns"], **event["env"] | {"CLAUDE_PID": str(os.getpid())})
        while workshop.agent.round(events[begun - 1]["t_ns"] + 1_000_000_000):
            pass
        now_ms = events[begun - 1]["t_ns"] / 1e6 + 1_000
        store = SqliteStore(Path(folder) / "graph.db")
        store.write(mapping.of([]))
        sessions = busy_sessions(store, open_spans(Path(folder) / "journal.db", now_ms, with_content=True), now_ms)
        store.close()
    return lines(sessions, {it.session_id: it.session_id[:8] for it in sessions}, now_ms, COLUMNS)


LIVE: Final[Mapping[str, Callable[[Path], Iterable[str]]]] = {"cc-otel tail": _tail, "cc-otel top --once": _top}
"""What follows sessions while they are played."""


@contextmanager
def _clock_of(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def fill(home: Path) -> None:
    """Put the demo's session into a home, as it was recorded: through spool, agent and graph."""
    workshop = Workshop(home)
    events = _events()
    session = events[0]["payload"]["session_id"]
    [agent] = {it["payload"]["agent_id"] for it in events if "agent_id" in it["payload"]}
    transcript = home / "projects" / "demo" / f"{session}.jsonl"
    below = transcript.parent / session / "subagents" / f"agent-{agent}.jsonl"
    for path, name in ((transcript, "transcript.jsonl"), (below, "subagent.jsonl")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_recorded(name), "utf-8")
    for event in events:
        paths = {"transcript_path": str(transcript), "agent_transcript_path": str(below)}
        payload = event["payload"] | {name: path for name, path in paths.items() if name in event["payload"]}
        workshop.record(payload, event["t_ns"], **event["env"])
    for later_s in (1, 3, 5, 100_000):
        while workshop.agent.round(events[-1]["t_ns"] + later_s * 1_000_000_000):
            pass
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(workshop.encoded())
    store = SqliteStore(home / "graph.db")
    store.write(mapping.of(list(decode(request.SerializeToString()).spans)))
    store.close()


def _events() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _recorded("events.jsonl").splitlines()]


def _recorded(name: str) -> str:
    return resources.files("cc_otel.cli.demo").joinpath(name).read_text("utf-8")


def write() -> None:
    """Write the pages with the outputs of this code."""
    with tempfile.TemporaryDirectory(prefix="cc-otel-docs-") as folder:
        fill(Path(folder))
        for page in PAGES:
            page.write_text(with_answers(page.read_text("utf-8"), Path(folder)), "utf-8")


if __name__ == "__main__":
    write()
