"""Taking in what can never become an event: what is kept of it, and that none of it is a secret's half."""

import logging
import time
from pathlib import Path

import pytest

from cc_otel.agent.guard import Guard
from cc_otel.agent.intake import FAILED_BYTES_MAX, Intake
from cc_otel.journal.journal import Journal
from cc_otel.spool import SETTLE_NS, Spool, SpoolFile, load

GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3


def failed(home: Path, payload: bytes, *, trailer: bool = True) -> SpoolFile:
    """Give what is kept in ``failed/`` of a payload; without a trailer its writer died over it."""
    spool = Spool(home / "spool", 1 << 40)
    spool.prepare()
    name = spool.write(payload, {})
    if not trailer:
        waiting = home / "spool" / "new" / name
        waiting.write_bytes(waiting.read_bytes().removesuffix(f"\0cc-otel-end {name}\n".encode()))
    journal = Journal(home / "journal.db")
    Intake(spool, journal, Guard(journal.counters)).take(time.time_ns() + 2 * SETTLE_NS)
    journal.close()
    (entry,) = spool.failed()
    return load(home / "spool" / "failed" / entry.name)


@pytest.mark.parametrize("offset", range(-45, 10, 5))
def test_a_secret_across_the_limit_does_not_leave_its_half(tmp_path: Path, offset: int) -> None:
    """However a token lies across the limit of what is kept, none of it is kept."""
    filler = "x y " * (FAILED_BYTES_MAX // 4)
    start = FAILED_BYTES_MAX + offset

    kept = failed(tmp_path, f"{filler[:start]} {GITHUB} {filler}".encode()).payload

    assert len(kept) <= FAILED_BYTES_MAX
    assert len(kept) > FAILED_BYTES_MAX - 100
    assert GITHUB[:8].encode() not in kept


@pytest.mark.parametrize("offset", range(-45, 10, 5))
def test_a_secret_across_the_end_of_what_is_read_does_not_leave_its_half(tmp_path: Path, offset: int) -> None:
    """Where redaction made a long text short, the token at the end of what was read is not kept cut."""
    end = FAILED_BYTES_MAX + (64 << 10)
    keys = f"-----BEGIN EC PRIVATE KEY-----\n{'a1B2' * 10_000}\n-----END EC PRIVATE KEY-----\n" * 10
    filler = "x y " * (FAILED_BYTES_MAX // 2)

    kept = failed(tmp_path, f"{(keys + filler)[: end + offset]} {GITHUB} {filler}".encode()).payload

    assert len(kept) < FAILED_BYTES_MAX
    assert GITHUB[:8].encode() not in kept


@pytest.mark.parametrize("before", ['{"prompt": "', "my key is\n", "'", '{"a": ['])
def test_the_last_word_of_an_event_that_was_cut_is_not_kept(tmp_path: Path, before: str) -> None:
    """A token whose end its writer did not write cannot be told from a word: no such word is kept."""
    kept = failed(tmp_path, (before + GITHUB[:20]).encode(), trailer=False)

    assert before.rpartition(" ")[0] in kept.payload.decode()
    assert b"ghp_" not in kept.payload


def test_what_is_short_and_whole_is_kept_whole(tmp_path: Path) -> None:
    """Of a payload that came whole nothing is missing but its secrets."""
    assert failed(tmp_path, f"[1, {GITHUB}".encode()).payload == b"[1, [redacted:github-token]"


def test_a_cause_of_failing_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However many events cannot be read, the log tells each cause once a minute, and the journal counts them all."""
    spool = Spool(tmp_path / "spool", 1 << 40)
    spool.prepare()
    for payload in (b"[]", b"[1]", b'{"session_id": "s"}', b"[2]"):
        spool.write(payload, {})
    journal = Journal(tmp_path / "journal.db")
    with caplog.at_level(logging.WARNING):
        Intake(spool, journal, Guard(journal.counters)).take(time.time_ns())

    reasons = ["a JSON list, not an object", "no hook_event_name"]
    assert [f"an event was set aside in failed/: {reason}" for reason in reasons] == [
        record.getMessage() for record in caplog.records
    ]
    assert journal.counters.all()["events_failed"].count == 4
    journal.close()


@pytest.mark.parametrize("content", [b"", b"cc-otel/1\0CLOCK=\0\0", b"cc-otel/1\0CLOCK=\0\0\n\0cc-otel-end s.0.1.0\n"])
def test_an_event_of_which_nothing_was_written_is_lost(tmp_path: Path, content: bytes) -> None:
    """A file that holds no payload is counted as lost, and is not kept as if it could be replayed."""
    spool = Spool(tmp_path / "spool", 1 << 40)
    spool.prepare()
    (tmp_path / "spool" / "new" / "s.0.1.0").write_bytes(content)
    journal = Journal(tmp_path / "journal.db")
    Intake(spool, journal, Guard(journal.counters)).take(time.time_ns() + 2 * SETTLE_NS)
    counts = {what: it.count for what, it in journal.counters.all().items()}
    journal.close()

    assert (spool.count(), list(spool.failed()), counts) == (0, [], {"events_lost": 1})
