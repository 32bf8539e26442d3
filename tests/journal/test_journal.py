"""The journal: what it promises to remember, and what it gives up."""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_otel.journal.counters import Count, Counter
from cc_otel.journal.database import JournalBroken, JournalUnavailable
from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.journal.journal import Journal
from cc_otel.span import EncodedSpan


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A new journal."""
    return Journal(tmp_path / "journal.db")


def noise(size_bytes: int) -> bytes:
    """Return bytes that nothing makes shorter."""
    return Random(size_bytes).randbytes(size_bytes)


def trace_of(name: str) -> str:
    """Return a trace id that stands for a name."""
    return blake2b(name.encode(), digest_size=16).hexdigest()


def event(
    digest: str | None, session: str, clock_ns: int, fields: bytes, content: bytes | None = None, event_id: int = 0
) -> JournalInput:
    """Return an event as it arrives."""
    return JournalInput(InputKind.EVENT, session, clock_ns, fields, event_id, digest, content)


def arrival(number: int, session: str = "s", clock_ns: int | None = None) -> JournalInput:
    """Return an event that tells its number."""
    fields, content = f"fields {number}".encode(), f"content {number}".encode()
    return event(f"digest {number}", session, number if clock_ns is None else clock_ns, fields, content)


def outgoing(number: int, session: str = "s", trace: str = "1" * 32, size_bytes: int = 8) -> EncodedSpan:
    """Return a span that tells its number."""
    return EncodedSpan(trace, f"{number:016x}", b"resource", noise(size_bytes), session, number)


def leaving(span: EncodedSpan) -> EncodedSpan:
    """Return a span as it leaves."""
    return replace(span, session_id="", start_ns=0)


def observed(session: str, clock_ns: int, fields: bytes) -> JournalInput:
    """Return what the agent observed."""
    return JournalInput(InputKind.OBSERVATION, session, clock_ns, fields)


def told(event_id: int, session: str = "s", clock_ns: int | None = None, fields: bytes | None = None) -> JournalInput:
    """Return an event that was assembled as it arrived."""
    fields = f"fields {event_id}".encode() if fields is None else fields
    return event(None, session, event_id if clock_ns is None else clock_ns, fields, event_id=event_id)


def test_an_event_is_taken_in_once(journal: Journal) -> None:
    """A file that was left in the spool by a crash does not become a second event."""
    first = journal.inputs.take_in([arrival(1), arrival(2)])
    again = journal.inputs.take_in([arrival(2), arrival(3)])

    assert (first, again) == (2, 1)
    assert [item.fields for item in journal.inputs.pending(10, 10)] == [f"fields {n}".encode() for n in (1, 2, 3)]


def test_it_is_known_what_was_taken_in(journal: Journal) -> None:
    """Of any number of digests, those are given that something was taken in by."""
    journal.inputs.take_in([arrival(number) for number in range(0, 5000, 2)])

    known = journal.inputs.known([f"digest {n}" for n in range(3000)])
    assert known.keys() == {f"digest {number}" for number in range(0, 3000, 2)}
    assert all(item.digest == digest for digest, item in known.items())
    assert journal.inputs.known([]) == {}


def test_the_last_event_of_each_session_is_given(journal: Journal) -> None:
    """Of sessions heard of lately, the last hook event is given, the latest first: no signal and no model call."""
    model_call = replace(event("chat s m", "s", 9, b"call", b"content"), kind=InputKind.MODEL_CALL)
    journal.inputs.take_in(
        [arrival(1), arrival(2), arrival(3, session="t"), arrival(4, session="u", clock_ns=0), model_call]
    )
    journal.commit([told(1), told(2), told(3, "t"), told(4, "u"), told(5, "s", 9, b"call")], [], [])
    journal.commit([observed("s", 10, b"signal")], [], [])

    assert journal.inputs.last_events(1, 10) == [told(3, "t"), told(2)]
    assert journal.inputs.last_events(1, 1) == [told(3, "t")]


def test_pending_events_come_in_the_order_of_their_clocks(journal: Journal) -> None:
    """Events are assembled by clock, whatever order they arrived in, and only those that have settled."""
    journal.inputs.take_in(
        [arrival(1, clock_ns=30), arrival(2, clock_ns=10), arrival(3, clock_ns=20), arrival(4, clock_ns=99)]
    )

    assert [item.id for item in journal.inputs.pending(99, 10)] == [2, 3, 1]
    assert [item.id for item in journal.inputs.pending(99, 1)] == [2]


def test_what_was_told_is_told_again_in_the_same_order(journal: Journal) -> None:
    """A session's inputs, signals among them, come back in the order they were told, with their evidence."""
    journal.inputs.take_in([arrival(1), arrival(2), arrival(3, session="other")])
    journal.commit([told(2, "s", 2, b"two"), observed("s", 5, b"signal"), told(3, "other", 3, b"three")], [], [])
    journal.commit([told(1, "s", 1, b"one")], [], [])

    assert [item.fields for item in journal.inputs.told("s")] == [b"two", b"signal", b"one"]
    assert journal.inputs.pending(10, 10) == []


def test_the_order_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A reopened journal puts new inputs behind the old ones."""
    first = Journal(tmp_path / "journal.db")
    first.inputs.take_in([arrival(1), arrival(2)])
    first.commit([told(2)], [], [])
    first.close()
    second = Journal(tmp_path / "journal.db")
    second.commit([told(1)], [], [])

    assert [item.id for item in second.inputs.told("s")] == [2, 1]


def test_a_span_enters_the_outbox_once_in_its_life(journal: Journal) -> None:
    """A span that was encoded before keeps its first bytes, and stays away once it was acknowledged."""
    journal.commit([], [outgoing(1, size_bytes=5)], [])
    journal.commit([], [outgoing(1, size_bytes=9), outgoing(2)], [])
    before = journal.outbox.waiting(10, 1000)
    journal.outbox.acknowledge(before)
    journal.commit([], [outgoing(1)], [])

    assert before == [leaving(outgoing(1, size_bytes=5)), leaving(outgoing(2))]
    assert journal.outbox.waiting(10, 1000) == []


def test_a_batch_stays_within_its_limits_but_is_never_empty(journal: Journal) -> None:
    """The oldest spans come first, up to a count and a size; a span over the size comes alone."""
    journal.commit([], [outgoing(n, size_bytes=100) for n in range(5)], [])

    assert len(journal.outbox.waiting(2, 1000)) == 2
    assert len(journal.outbox.waiting(10, 300)) == 3
    assert [f"{0:016x}"] == [parcel.span_id for parcel in journal.outbox.waiting(10, 1)]


def test_content_leaves_when_its_spans_are_encoded(journal: Journal) -> None:
    """Content is kept until every span that needs it is in the outbox; a session is live as long."""
    journal.inputs.take_in([arrival(1), arrival(2)])
    journal.commit([told(1), told(2)], [outgoing(2)], [2])

    assert journal.inputs.contents([1, 2]) == {1: b"content 1"}
    assert journal.inputs.live_sessions() == ["s"]

    journal.commit([], [outgoing(1)], [1])

    assert journal.inputs.contents([1, 2]) == {}
    assert journal.inputs.live_sessions() == []


def test_a_commit_happens_whole_or_not_at_all(journal: Journal) -> None:
    """What fails in the middle of a commit leaves nothing of it."""
    journal.inputs.take_in([arrival(1)])
    broken = EncodedSpan("1" * 32, "2" * 16, b"", span="no bytes", session_id="s")  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        journal.commit([told(1)], [outgoing(1), broken], [1])

    assert journal.inputs.pending(10, 10) == [replace(arrival(1), id=1, digest=None)]
    assert journal.outbox.waiting(10, 100) == []


def test_whole_traces_are_given_up_oldest_first_and_counted(journal: Journal) -> None:
    """Over its limit the journal gives up the oldest trace whole, and tells how many spans and from when to when."""
    big = 200_000
    spans = [outgoing(n, trace=f"{n // 3:032x}", size_bytes=big) for n in range(12)]
    journal.commit([], spans, [])
    limit = journal.size_bytes() - 1

    assert journal.retention.give_up(limit) == 3
    assert [f"{n:016x}" for n in range(3, 12)] == [p.span_id for p in journal.outbox.waiting(99, 99 * big)]
    assert {"spans_given_up": Count(3, 0, 2)} == journal.counters.all()
    assert journal.retention.give_up(limit) == 0


def test_finished_sessions_are_forgotten_others_are_not(journal: Journal) -> None:
    """A session goes when it is old and owes nothing: no event to assemble, no content, no span to deliver."""
    journal.inputs.take_in(
        [arrival(n, session=name) for n, name in enumerate(["done", "open", "owing", "waiting", "young"], 1)]
    )
    journal.inputs.take_in([arrival(9, session="young", clock_ns=1000)])
    rows = [(1, "done"), (2, "open"), (3, "owing"), (5, "young"), (6, "young")]
    journal.commit([told(n, name) for n, name in rows], [outgoing(1, "done"), outgoing(3, "owing")], [1, 3, 5, 6])
    journal.outbox.acknowledge([outgoing(1)])

    assert journal.retention.forget(now_ns=0, before_ns=100) == 1
    assert [[name for _ in journal.inputs.told(name)] for name in ["done", "open", "owing", "young"]] == [
        [],
        ["open"],
        ["owing"],
        ["young", "young"],
    ]
    assert [item.id for item in journal.inputs.pending(100, 10)] == [4]


def test_space_is_given_back(journal: Journal, tmp_path: Path) -> None:
    """The file shrinks when what it held is forgotten."""
    journal.inputs.take_in([event(str(n), "s", n, b"f", noise(10_000)) for n in range(200)])
    full = journal.size_bytes()
    journal.commit([told(n) for n in range(1, 201)], [], range(1, 201))
    journal.retention.forget(now_ns=0, before_ns=1000)
    journal.close()

    assert (tmp_path / "journal.db").stat().st_size < full / 10


def test_only_the_owner_can_read_it(journal: Journal, tmp_path: Path) -> None:
    """The journal and what SQLite puts beside it are private."""
    journal.counters.add(Counter.EVENTS_LOST)

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


def finished(journal: Journal, name: str, clock_ns: int, size_bytes: int = 10_000) -> None:
    """Let a session come and go whose span was acknowledged: what stays of it cannot be given up."""
    journal.inputs.take_in([event(f"digest {name}", name, clock_ns, b"f", b"content")])
    (item,) = journal.inputs.pending(1 << 62, 10)
    sent = outgoing(item.id, session=name, trace=trace_of(name))
    journal.commit([told(item.id, name, clock_ns, noise(size_bytes))], [sent], [item.id])
    journal.outbox.acknowledge([sent])


def test_finished_sessions_go_before_spans_that_wait(journal: Journal) -> None:
    """Over its limit the journal forgets what is over and delivered, the longest ago first; fresh spans stay."""
    for number in range(50):
        finished(journal, f"s{number}", clock_ns=(number * 7) % 50)
    journal.commit([], [outgoing(1000 + n, session="fresh", size_bytes=20_000) for n in range(20)], [])
    limit = journal.size_bytes() - 1

    given_up = journal.retention.give_up(limit)

    left = [clock for clock in range(50) if any(journal.inputs.told(f"s{(clock * 43) % 50}"))]
    assert (given_up, len(journal.outbox.waiting(99, 1 << 30))) == (0, 20)
    assert journal.counters.all() == {}
    assert list(range(50 - len(left), 50)) == left
    assert 0.8 * limit < journal.size_bytes() <= 0.9 * limit


def test_fresh_spans_are_not_given_up_for_what_they_do_not_fill(journal: Journal) -> None:
    """Where sessions that are still open fill the journal, giving up the few spans that wait would not help."""
    journal.inputs.take_in([arrival(n, session="open") for n in range(1, 51)])
    journal.commit([told(n, "open", n, noise(10_000)) for n in range(1, 51)], [outgoing(99, size_bytes=1000)], [])

    assert journal.retention.give_up(journal.size_bytes() - 1) == 0
    assert journal.outbox.waiting(9, 10_000) == [leaving(outgoing(99, size_bytes=1000))]
    assert len(list(journal.inputs.told("open"))) == 50


class Owing(StrEnum):
    """What a session may owe."""

    NOTHING = "nothing"
    ASSEMBLING = "assembling"
    ENCODING = "encoding"
    DELIVERING = "delivering"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(Owing), st.integers(0, 9), st.integers(1, 40_000)), min_size=1, max_size=25),
    st.floats(0, 1),
)
def test_room_is_made_in_the_right_order(sessions: list[tuple[Owing, int, int]], share: float) -> None:
    """Whatever fills it: nobody who owes is forgotten, old before young, and spans go only if nothing else can."""
    with TemporaryDirectory() as directory, closing(Journal(Path(directory, "journal.db"))) as journal:
        for number, (owing, clock_ns, size_bytes) in enumerate(sessions, 1):
            name = f"s{number}"
            journal.inputs.take_in([event(name, name, clock_ns, noise(size_bytes), b"content")])
            if owing is not Owing.ASSEMBLING:
                sent = outgoing(
                    number,
                    session=name,
                    trace=trace_of(name),
                    size_bytes=size_bytes,
                )
                done = [] if owing is Owing.ENCODING else [number]
                journal.commit([told(number, name, clock_ns, noise(size_bytes))], [sent], done)
                if owing is Owing.NOTHING:
                    journal.outbox.acknowledge([sent])
        limit, waiting = int(share * journal.size_bytes()), len(journal.outbox.waiting(99, 1 << 30))

        given_up = journal.retention.give_up(limit)

        known = {item.id for n in range(1, len(sessions) + 1) for item in journal.inputs.told(f"s{n}")}
        known |= {item.id for item in journal.inputs.pending(1 << 62, 99)}
        free = sorted((clock, n) for n, (owing, clock, _) in enumerate(sessions, 1) if owing is Owing.NOTHING)
        gone = set(range(1, len(sessions) + 1)) - known
        assert gone <= {n for _, n in free}
        assert sorted(clock for clock, n in free if n in gone) == [clock for clock, _ in free][: len(gone)]
        assert not given_up or len(gone) == len(free)
        assert waiting - given_up == len(journal.outbox.waiting(99, 1 << 30))
        assert journal.size_bytes() <= max(limit, 0) or len(gone) == len(free)


def test_old_sessions_are_looked_for_now_and_then(journal: Journal) -> None:
    """To look for old sessions is to look at all: it is done every ten minutes, however often it is asked for."""
    minute_ns = 60_000_000_000
    finished(journal, "first", clock_ns=1)
    forgotten = [journal.retention.forget(now_ns=0, before_ns=100 * minute_ns)]
    finished(journal, "second", clock_ns=2)
    forgotten += [journal.retention.forget(now_ns=0, before_ns=(100 + minute) * minute_ns) for minute in range(1, 12)]

    assert [1, *[0] * 9, 1, 0] == forgotten


def filled(path: Path) -> None:
    """Make a journal of many pages, and leave it as a kill would."""
    with closing(Journal(path)) as journal:
        journal.inputs.take_in([event(f"d{n}", f"s{n % 7}", n, noise(2000), noise(2000)) for n in range(300)])
        journal.commit([], [outgoing(n, size_bytes=2000) for n in range(300)], [])


def cut(path: Path) -> None:
    """Cut a file in half."""
    os.truncate(path, path.stat().st_size // 2)


def garble(path: Path) -> None:
    """Write over everything but the file's first page."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def overwrite(path: Path) -> None:
    """Write over everything."""
    path.write_bytes(b"something else " * 5000)


@pytest.mark.parametrize("damage", [cut, garble, overwrite])
def test_a_damaged_journal_is_set_aside_by_its_owner(damage: Callable[[Path], None], tmp_path: Path) -> None:
    """A damaged file is kept beside, and counted; the agent begins anew instead of ending at every start."""
    path = tmp_path / "journal.db"
    filled(path)
    damage(path)
    damaged = path.read_bytes()
    with pytest.raises(JournalUnavailable, match="sets a damaged journal aside"):
        Journal(path)

    with closing(Journal(path, owner=True)) as journal:
        counts = {what: count.count for what, count in journal.counters.all().items()}
        assert (counts, journal.backlog()) == ({"journals_set_aside": 1}, (0, 0))
        assert journal.inputs.take_in([arrival(1)]) == 1

    (aside,) = tmp_path.glob("journal.db.broken-*")
    # Opening it counts up in its header.
    assert damaged[100:] == aside.read_bytes()[100:]
    assert {"journal.db", aside.name} == {file.name for file in tmp_path.iterdir()}
    with closing(Journal(path, owner=True)) as journal:
        assert len(journal.inputs.pending(10, 10)) == 1


def test_damage_that_is_found_later_is_set_aside_at_the_next_start(tmp_path: Path) -> None:
    """Where only a part that is read later is damaged, the agent ends and the next one begins anew."""
    path = tmp_path / "journal.db"
    filled(path)
    with sqlite3.connect(path) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with closing(Journal(path, owner=True)) as journal, pytest.raises(JournalBroken, match="malformed"):
        journal.commit([], [outgoing(1000)], [])
    with closing(Journal(path, owner=True)) as journal:
        assert {"journals_set_aside"} == set(journal.counters.all())
        assert journal.backlog() == (0, 0)

    assert len(list(tmp_path.glob("journal.db.broken-*"))) == 1


def test_one_damaged_journal_is_kept(tmp_path: Path) -> None:
    """A disk that goes on damaging journals is not filled with them: the last one is kept."""
    path = tmp_path / "journal.db"
    for content in (b"first " * 2000, b"second " * 2000):
        path.write_bytes(content)
        Journal(path, owner=True).close()

    assert [file.read_bytes() for file in tmp_path.glob("journal.db.broken-*")] == [b"second " * 2000]
