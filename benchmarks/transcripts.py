"""Reading transcripts: how fast a long history is read and taken in, beside the least that reading it can take."""

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
import psutil

from benchmarks.table import Row, show

CALLS: Final = 10_000
TEXT: Final = "The quick brown fox reads the records of a long session. " * 20
PIECE: Final = 1 << 20
MB: Final = 1 << 20
AT: Final = "2026-11-23T00:00:02.000Z"
READ_RATIO_MAX: Final = 6.0
GROWTH_MB_MAX: Final = 64.0


def run() -> list[Row]:
    """Measure on one session whose client wrote all of it before the agent began."""
    data = b"".join(orjson.dumps(record) + b"\n" for record in _records())
    bare_s, read_s = min(_bare(data) for _ in range(3)), min(_read(data) for _ in range(3))
    taken_s, grown_mb = _taken(data)
    size, ratio = len(data) / MB, read_s / bare_s
    return [
        Row(
            f"a transcript read, {size:.0f} MB with {CALLS} calls, beside parsing its lines",
            read_s,
            "s",
            bare_s,
            ratio,
            f"at most {READ_RATIO_MAX} x",
            ratio <= READ_RATIO_MAX,
        ),
        Row("its calls redacted and in the journal", CALLS / taken_s, "calls/s"),
        Row(
            "what the agent grew by meanwhile",
            grown_mb,
            "MB",
            None,
            None,
            f"at most {GROWTH_MB_MAX:.0f} MB",
            grown_mb <= GROWTH_MB_MAX,
        ),
    ]


def _records() -> Iterator[dict[str, Any]]:
    usage = {"input_tokens": 1, "output_tokens": 90, "cache_read_input_tokens": 90_000}
    for number in range(CALLS):
        message = {"id": f"m{number}", "model": "claude-opus-5-5", "stop_reason": "tool_use", "usage": usage}
        said = message | {"content": [{"type": "text", "text": TEXT}]}
        chain = {"uuid": f"u{number}", "parentUuid": f"r{number - 1}", "requestId": f"q{number}", "timestamp": AT}
        yield {"type": "assistant", "message": said} | chain
        result = {"content": [{"type": "tool_result", "tool_use_id": "t", "content": TEXT}]}
        yield {"type": "user", "uuid": f"r{number}", "parentUuid": f"u{number}", "timestamp": AT, "message": result}


def _bare(data: bytes) -> float:
    began = time.process_time()
    for line in data.splitlines():
        orjson.loads(line)
    return time.process_time() - began


def _read(data: bytes) -> float:
    from cc_otel.claude_code.transcript.chats import Transcript  # noqa: PLC0415 - after the bare measure's imports

    transcript, found = Transcript(), 0
    began = time.process_time()
    for start in range(0, len(data), PIECE):
        found += sum(1 for _ in transcript.feed(data[start : start + PIECE]))
    found += sum(1 for _ in transcript.finish())
    assert found == CALLS
    return time.process_time() - began


def _taken(data: bytes) -> tuple[float, float]:
    from cc_otel.agent.transcript_intake import TranscriptIntake  # noqa: PLC0415
    from cc_otel.claude_code.transcript.files import Transcripts  # noqa: PLC0415
    from cc_otel.event import HookEvent  # noqa: PLC0415
    from cc_otel.journal.journal import Journal  # noqa: PLC0415

    with TemporaryDirectory(prefix="cc-otel-bench-") as folder:
        path = Path(folder) / "p" / "s.jsonl"
        path.parent.mkdir()
        path.write_bytes(data)
        journal = Journal(Path(folder) / "journal.db")
        intake = TranscriptIntake(Transcripts(Path(folder)), journal)
        intake.note(HookEvent("Stop", 1, "s", "d", pid=1, transcript_path=str(path)), 0)
        gc.collect()
        before, began = psutil.Process().memory_info().rss, time.perf_counter()
        for second in range(10):
            while intake.check(second * 1_000_000_000):
                pass
        took = time.perf_counter() - began
        gc.collect()
        grown = psutil.Process().memory_info().rss - before
        assert journal.inputs.waiting() == CALLS
        journal.close()
    return took, grown / MB


if __name__ == "__main__":
    show(run(), "Transcripts")
