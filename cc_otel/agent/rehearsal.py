"""The agent without its home: events in, and the spans it would send out. Nothing is sent, nothing is kept."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cc_otel.agent.describe import Describer
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.journal.journal import Journal
from cc_otel.otlp.send import BYTES_MAX, SPANS_MAX
from cc_otel.span import EncodedSpan
from cc_otel.spool import Spool

DISK_BYTES_MAX: Final = 4 << 30
LATER_NS: Final = (0, 2_000_000_000, 4_000_000_000, 86_400_000_000_000)
"""When it looks again: for transcripts, for their last records, and for clients that are gone."""


def rehearse(
    record: Callable[[Spool], object], describer: Describer, projects: Sequence[Path], now_ns: int
) -> Iterator[list[EncodedSpan]]:
    """
    Yield the spans of the events that ``record`` writes into a spool, in batches as they would be sent.

    It is the real agent on a folder that vanishes. What is still open at the end is closed as if a day had passed:
    the clients in recordings are gone.
    """
    with TemporaryDirectory(prefix="cc-otel-") as folder:
        spool = Spool(Path(folder) / "spool", DISK_BYTES_MAX)
        spool.prepare()
        record(spool)
        journal = Journal(Path(folder) / "journal.db")
        limits = Limits(journal_bytes_max=DISK_BYTES_MAX, keep_s=365 * 86_400.0, idle_s=3600.0)
        agent = Agent(spool, journal, describer, Transcripts(*projects), limits)
        for later_ns in LATER_NS:
            while agent.round(now_ns + later_ns):
                pass
        while parcels := journal.outbox.waiting(SPANS_MAX, BYTES_MAX):
            yield parcels
            journal.outbox.acknowledge(parcels)
        journal.close()
