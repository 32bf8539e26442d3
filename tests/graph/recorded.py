"""The spans of the sessions that were recorded, as the agent makes them of their events and transcripts."""

import time
from functools import cache
from pathlib import Path

from cc_otel.agent.describe import Describer
from cc_otel.agent.rehearsal import rehearse
from cc_otel.cli.replay import read_lines
from cc_otel.otlp.decode import decode
from cc_otel.otlp.encode import request
from cc_otel.span import Span
from cc_otel.spool import Spool

RECORDED_AT = b"/home/dev/.claude/projects"
"""Where the clients kept their transcripts."""

FOLDER = Path(__file__).parents[1] / "sessions"


@cache
def recorded(*names: str) -> tuple[Span, ...]:
    """Return the spans of some sessions."""
    lines = [line for name in names for line in read_lines(FOLDER / f"{name}.jsonl")]

    def record(spool: Spool) -> None:
        for number, line in enumerate(lines):
            payload = line.payload.replace(RECORDED_AT, str(FOLDER / "transcripts").encode())
            spool.write(payload, line.variables, line.clock_ns, identity=f"recorded.{number}")

    describer = Describer({"service.name": "claude-code"}, value_bytes_max=16_384, with_content=True)
    places = [FOLDER / "transcripts"]
    batches = rehearse(record, describer, places, time.time_ns())
    return tuple(span for parcels in batches for span in decode(request(parcels)).spans)
