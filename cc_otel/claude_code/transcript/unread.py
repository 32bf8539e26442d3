"""Which of the transcripts that events name are not read, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cc_otel.claude_code.projects import folder_of
from cc_otel.claude_code.transcript.files import Transcripts, Unread


@dataclass(frozen=True, slots=True)
class UnreadTranscripts:
    """Transcripts that are not read for one reason; ``folder`` is what would have to be known to read them."""

    reason: Unread
    folder: Path
    count: int


def unread(paths: Iterable[str], projects: Sequence[Path]) -> list[UnreadTranscripts]:
    """Return which of these transcripts are not read, by reason and folder, the most first."""
    transcripts, found = Transcripts(*projects), dict[tuple[Unread, Path], int]()
    for path in dict.fromkeys(paths):
        if path and (reason := transcripts.reason_unread(path)):
            key = reason, folder_of(Path(path)) if reason is Unread.OUTSIDE else Path(path).parent
            found[key] = found.get(key, 0) + 1
    rows = [UnreadTranscripts(*key, count) for key, count in found.items()]
    return sorted(rows, key=lambda row: row.count, reverse=True)
