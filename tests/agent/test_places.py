"""
Where calls of agents and models stand, with the real agent and whole transcripts: live, and as a backlog.

Each session of ``tests/sessions`` that has transcripts in ``agents/`` has a tree with its model calls in ``places/``,
checked against what was run. ``python -m tests.agent.test_places`` draws them again.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded

from cc_otel import conventions as c
from cc_otel.agent.describe import Describer
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.journal.journal import Journal
from cc_otel.spool import Spool

SESSIONS: Final = Path(__file__).parents[1] / "sessions"
AGENTS: Final = SESSIONS / "agents"
PLACES: Final = Path(__file__).parent / "places"
RECORDED_BELOW: Final = "/home/dev/.claude/projects"
NAMES: Final = sorted(path.stem for path in PLACES.glob("*.tree"))
SECOND_NS: Final = 1_000_000_000


def events_of(name: str, projects: Path) -> list[dict[str, Any]]:
    """Return a recorded session's events, its transcripts below that folder."""
    text = (SESSIONS / f"{name}.jsonl").read_text("utf-8").replace(RECORDED_BELOW, str(projects))
    return sorted((json.loads(line) for line in text.splitlines()), key=lambda event: event["t_ns"])


def sent(home: Path, name: str, *, live: bool) -> list[Encoded]:
    """Return the spans that the agent makes of a session; what is open in the end is closed after a day."""
    projects = home / "projects"
    shutil.copytree(AGENTS, projects)
    for file in (path for path in projects.rglob("*") if path.is_file()):
        file.write_text(file.read_text("utf-8").replace(RECORDED_BELOW, str(projects)), "utf-8")
    events = events_of(name, projects)
    spool = Spool(home / "spool", 1 << 40)
    spool.prepare()
    journal = Journal(home / "journal.db")
    describer = Describer({}, value_bytes_max=16384, with_content=True)
    agent = Agent(spool, journal, describer, Transcripts(projects), Limits(1 << 40, 1e9, 3600.0))
    for event in events:
        spool.write(json.dumps(event["payload"]).encode(), event["env"], event["t_ns"])
        while live and agent.round(event["t_ns"] + SECOND_NS // 5):
            pass
    for later_s in (1, 3, 5, 100_000):
        while agent.round(events[-1]["t_ns"] + later_s * SECOND_NS):
            pass
    spans = [Encoded.FromString(parcel.span) for parcel in journal.outbox.waiting(100_000, 1 << 40)]
    journal.close()
    return spans


def drawn(spans: list[Encoded]) -> str:
    """Draw spans as text: one line each, times in ms from the first."""
    children: dict[bytes, list[Encoded]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.start_time_unix_nano, span.name)):
        children[span.parent_span_id].append(span)
    origin_ns = min(span.start_time_unix_nano for span in spans)
    return "\n".join(line for root in children[b""] for line in _lines(root, children, origin_ns, 0)) + "\n"


def _lines(span: Encoded, children: dict[bytes, list[Encoded]], origin_ns: int, depth: int) -> Iterator[str]:
    said = {attribute.key: attribute.value for attribute in span.attributes}
    start_ms = (span.start_time_unix_nano - origin_ns) / 1e6
    took_ms = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    line = f"{'  ' * depth}{span.name}  @{start_ms:.0f} {took_ms:.0f} ms"
    if c.USAGE_INPUT_TOKENS in said:
        line += f", {said[c.USAGE_INPUT_TOKENS].int_value} in, {said[c.USAGE_OUTPUT_TOKENS].int_value} out"
    if c.CLOSED_BY in said:
        line += f", closed by {said[c.CLOSED_BY].string_value}"
    if c.ERROR_TYPE in said:
        line += f", ERROR {said[c.ERROR_TYPE].string_value}"
    yield line
    for child in children[span.span_id]:
        yield from _lines(child, children, origin_ns, depth + 1)


@pytest.mark.parametrize("live", [True, False], ids=["live", "backlog"])
@pytest.mark.parametrize("name", NAMES)
def test_every_call_stands_where_it_was_made(tmp_path: Path, name: str, live: bool) -> None:
    """Calls of agents, however launched, and of models stand in the agent or the turn that made them."""
    tree = drawn(sent(tmp_path, name, live=live))

    assert tree == (PLACES / f"{name}.tree").read_text("utf-8")


if __name__ == "__main__":
    import sys
    from tempfile import TemporaryDirectory

    for asked in sys.argv[1:]:
        with TemporaryDirectory() as folder:
            (PLACES / f"{asked}.tree").write_text(drawn(sent(Path(folder), asked, live=False)), "utf-8")
