"""The journal: what it promises to remember, and what it gives up."""

import sqlite3
import stat
from pathlib import Path

import pytest

from cc_otel.journal import Arrival, Count, Input, Journal, JournalUnavailable, Outgoing, Told
from cc_otel.span import Parcel


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A new journal."""
    return Journal(tmp_path / "journal.db")


def arrival(number: int, session: str = "s", clock_ns: int | None = None) -> Arrival:
    """An event that tells its number."""
    fields, content = f"fields {number}".encode(), f"content {number}".encode()
    return Arrival(f"digest {number}", session, number if clock_ns is None else clock_ns, fields, content)


def outgoing(number: int, session: str = "s", trace: str = "trace", size_bytes: int = 8) -> Outgoing:
    """A span that tells its number."""
    return Outgoing(session, number, Parcel(trace, f"span {number}", b"resource", b"x" * size_bytes))


def told(event_id: int, session: str = "s") -> Told:
    """An event that was assembled as it arrived."""
    return Told(event_id, session, event_id, f"fields {event_id}".encode())


def test_an_event_is_taken_in_once(journal: Journal) -> None:
    """A file that was left in the spool by a crash does not become a second event."""
    first = journal.take_in([arrival(1), arrival(2)])
    again = journal.take_in([arrival(2), arrival(3)])

    assert (2, 1) == (first, again)
    assert [1, 2, 3] == [item.id for item in journal.pending(10, 10)]


def test_it_is_known_what_was_taken_in(journal: Journal) -> None:
    """Of any number of digests, those are given that something was taken in by."""
    journal.take_in([arrival(number) for number in range(0, 5000, 2)])

    assert {f"digest {number}" for number in range(0, 3000, 2)} == journal.known([f"digest {n}" for n in range(3000)])
    assert set() == journal.known([])


def test_the_last_event_of_each_session_is_given(journal: Journal) -> None:
    """Of sessions heard of lately, the last hook event is given, the latest first: no signal and no model call."""
    model_call = Arrival("chat s m", "s", 9, b"call", b"content")
    journal.take_in([arrival(1), arrival(2), arrival(3, session="t"), arrival(4, session="u", clock_ns=0), model_call])
    journal.commit([told(1), told(2), told(3, "t"), told(4, "u"), Told(5, "s", 9, b"call")], [], [])
    journal.commit([Told(0, "s", 10, b"signal")], [], [])

    assert [Input(3, b"fields 3"), Input(2, b"fields 2")] == journal.last_events(1, 10)
    assert [Input(3, b"fields 3")] == journal.last_events(1, 1)


def test_pending_events_come_in_the_order_of_their_clocks(journal: Journal) -> None:
    """Events are assembled by clock, whatever order they arrived in, and only those that have settled."""
    journal.take_in(
        [arrival(1, clock_ns=30), arrival(2, clock_ns=10), arrival(3, clock_ns=20), arrival(4, clock_ns=99)]
    )

    assert [2, 3, 1] == [item.id for item in journal.pending(99, 10)]
    assert [2] == [item.id for item in journal.pending(99, 1)]


def test_what_was_told_is_told_again_in_the_same_order(journal: Journal) -> None:
    """A session's inputs, signals among them, come back in the order they were told, with their evidence."""
    journal.take_in([arrival(1), arrival(2), arrival(3, session="other")])
    journal.commit([Told(2, "s", 2, b"two"), Told(0, "s", 5, b"signal"), Told(3, "other", 3, b"three")], [], [])
    journal.commit([Told(1, "s", 1, b"one")], [], [])

    assert [b"two", b"signal", b"one"] == [item.fields for item in journal.told("s")]
    assert [] == journal.pending(10, 10)


def test_the_order_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A reopened journal puts new inputs behind the old ones."""
    first = Journal(tmp_path / "journal.db")
    first.take_in([arrival(1), arrival(2)])
    first.commit([told(2)], [], [])
    first.close()
    second = Journal(tmp_path / "journal.db")
    second.commit([told(1)], [], [])

    assert [2, 1] == [item.id for item in second.told("s")]


def test_a_span_enters_the_outbox_once_in_its_life(journal: Journal) -> None:
    """A span that was encoded before keeps its first bytes, and stays away once it was acknowledged."""
    journal.commit([], [outgoing(1, size_bytes=5)], [])
    journal.commit([], [outgoing(1, size_bytes=9), outgoing(2)], [])
    before = journal.waiting(10, 1000)
    journal.acknowledge(before)
    journal.commit([], [outgoing(1)], [])

    assert [outgoing(1, size_bytes=5).parcel, outgoing(2).parcel] == before
    assert [] == journal.waiting(10, 1000)


def test_a_batch_stays_within_its_limits_but_is_never_empty(journal: Journal) -> None:
    """The oldest spans come first, up to a count and a size; a span over the size comes alone."""
    journal.commit([], [outgoing(n, size_bytes=100) for n in range(5)], [])

    assert 2 == len(journal.waiting(2, 1000))
    assert 3 == len(journal.waiting(10, 300))
    assert ["span 0"] == [parcel.span_id for parcel in journal.waiting(10, 1)]


def test_content_leaves_when_its_spans_are_encoded(journal: Journal) -> None:
    """Content is kept until every span that needs it is in the outbox; a session is live as long."""
    journal.take_in([arrival(1), arrival(2)])
    journal.commit([told(1), told(2)], [outgoing(2)], [2])

    assert {1: b"content 1"} == journal.contents([1, 2])
    assert ["s"] == journal.live_sessions()

    journal.commit([], [outgoing(1)], [1])

    assert {} == journal.contents([1, 2])
    assert [] == journal.live_sessions()


def test_a_commit_happens_whole_or_not_at_all(journal: Journal) -> None:
    """What fails in the middle of a commit leaves nothing of it."""
    journal.take_in([arrival(1)])
    broken = Outgoing("s", 1, Parcel("trace", "span 2", b"", span="no bytes"))  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        journal.commit([told(1)], [outgoing(1), broken], [1])

    assert [Input(1, b"fields 1", b"content 1")] == journal.pending(10, 10)
    assert [] == journal.waiting(10, 100)


def test_whole_traces_are_given_up_oldest_first_and_counted(journal: Journal) -> None:
    """Over its limit the journal gives up the oldest trace whole, and tells how many spans and from when to when."""
    big = 200_000
    spans = [outgoing(n, trace=f"trace {n // 3}", size_bytes=big) for n in range(12)]
    journal.commit([], spans, [])
    limit = journal.size_bytes() - 1

    assert 3 == journal.give_up(limit)
    assert [f"span {n}" for n in range(3, 12)] == [p.span_id for p in journal.waiting(99, 99 * big)]
    assert {"spans_given_up": Count(3, 0, 2)} == journal.counts()
    assert 0 == journal.give_up(limit)


def test_finished_sessions_are_forgotten_others_are_not(journal: Journal) -> None:
    """A session goes when it is old and owes nothing: no event to assemble, no content, no span to deliver."""
    journal.take_in(
        [arrival(n, session=name) for n, name in enumerate(["done", "open", "owing", "waiting", "young"], 1)]
    )
    journal.take_in([arrival(9, session="young", clock_ns=1000)])
    rows = [(1, "done"), (2, "open"), (3, "owing"), (5, "young"), (6, "young")]
    journal.commit([told(n, name) for n, name in rows], [outgoing(1, "done"), outgoing(3, "owing")], [1, 3, 5, 6])
    journal.acknowledge([outgoing(1).parcel])

    assert 1 == journal.forget(before_ns=100)
    assert [[], ["open"], ["owing"], ["young", "young"]] == [
        [name for _ in journal.told(name)] for name in ["done", "open", "owing", "young"]
    ]
    assert [4] == [item.id for item in journal.pending(100, 10)]


def test_space_is_given_back(journal: Journal, tmp_path: Path) -> None:
    """The file shrinks when what it held is forgotten."""
    journal.take_in([Arrival(str(n), "s", n, b"f", b"x" * 10_000) for n in range(200)])
    full = journal.size_bytes()
    journal.commit([told(n) for n in range(1, 201)], [], range(1, 201))
    journal.forget(before_ns=1000)
    journal.close()

    assert (tmp_path / "journal.db").stat().st_size < full / 10


def test_only_the_owner_can_read_it(journal: Journal, tmp_path: Path) -> None:
    """The journal and what SQLite puts beside it are private."""
    journal.count("anything")

    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}


def test_a_newer_journal_is_left_alone(tmp_path: Path) -> None:
    """An agent does not touch a journal of a newer version, and says what to do."""
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(JournalUnavailable, match="upgrade cc-otel"):
        Journal(tmp_path / "journal.db")


def test_a_broken_journal_is_told_of(tmp_path: Path) -> None:
    """A file that is no database is not written over."""
    (tmp_path / "journal.db").write_bytes(b"not a database, but something dear to its owner" * 99)

    with pytest.raises(JournalUnavailable, match="not a database"):
        Journal(tmp_path / "journal.db")
