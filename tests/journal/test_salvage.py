"""What can be read of a journal that was set aside."""

from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.journal.journal import Journal
from cc_otel.journal.salvage import is_database, salvage
from cc_otel.span import EncodedSpan

COUNT = 400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal with events and spans of two KB each."""
    noise = Random(1)
    events = [
        JournalInput(
            InputKind.EVENT, "s", n, b"{%d}" % n + noise.randbytes(1000), 0, f"{n:032x}", noise.randbytes(1000)
        )
        for n in range(COUNT)
    ]
    spans = [EncodedSpan("1" * 32, f"{n:016x}", b"r", b"\n" + noise.randbytes(1900), "s", n) for n in range(COUNT)]
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.inputs.take_in(events)
        journal.commit([], spans, [])
    return tmp_path / "journal.db"


def test_a_whole_journal_gives_everything(path: Path) -> None:
    """Each event without a span, and each span that was not sent, comes back once, and the file stays as it is."""
    before = path.read_bytes()
    found = salvage(path)

    assert (len(found.events), len({span.span_id for span in found.spans}), len(found.spans)) == (COUNT, COUNT, COUNT)
    assert path.read_bytes() == before


def test_of_a_damaged_journal_what_is_on_other_pages_comes_back(path: Path) -> None:
    """Pages in the middle that hold something else cost what stood on them, and nothing else."""
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        for page in (pages // 3, 2 * pages // 3):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    found = salvage(path)

    assert 0.9 * COUNT < len(found.events) <= COUNT
    assert 0.9 * COUNT < len(found.spans) <= COUNT
    assert len({span.span_id for span in found.spans}) == len(found.spans)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A recorded stream is not taken for a journal."""
    (tmp_path / "stream").write_text("{}\n")

    assert not is_database(tmp_path / "stream")
