"""What comes back from our own disk damaged."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cc_otel.agent.outbox import JournalOutbox
from cc_otel.dead_letter import DeadLetter
from cc_otel.journal.journal import Journal
from tests.agent.test_pipeline import Workshop, events_of

SPANS = 12
"""How many spans the 16 events are that each workshop has."""

FIELDS = ("x'7b22'", "x'00ff'", "CAST('{\"name\": 1}' AS BLOB)", "x'00789c'", "CAST('[]' AS BLOB)", "zeroblob(300)")


class Damaged(Workshop):
    """A workshop whose journal gets damaged; errors are met as an agent at work meets them."""

    def restart(self) -> None:
        """Start anew, with somewhere for dead letters to go."""
        super().restart()
        self.agent._guard.reraise = False
        self.agent._dead = DeadLetter(self.home / "dead", lambda: 0.0, source="journal")

    def damage(self, sql: str) -> None:
        """Change the journal behind the agent's back."""
        with closing(sqlite3.connect(self.home / "journal.db", isolation_level=None)) as db:
            assert db.execute(sql).rowcount > 0

    def counts(self) -> dict[str, int]:
        """Return what was counted."""
        return {what: count.count for what, count in self.journal.counters.all().items()}

    def dead(self) -> list[dict[str, object]]:
        """Return the dead letters."""
        return [json.loads(line) for path in (self.home / "dead").glob("*") for line in path.read_text().splitlines()]


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Damaged]:
    """Return a workshop in the middle of two sessions."""
    made = Damaged(tmp_path)
    for name in ("basic", "parallel"):
        for event in [*events_of(name)][:8]:
            made.spool.write(*event)
    made.agent._intake.take(10**19)
    yield made
    made.journal.close()


@pytest.mark.parametrize("fields", FIELDS)
def test_a_damaged_input_is_a_dead_letter_and_the_others_go_on(workshop: Damaged, fields: str) -> None:
    """Whatever stands in one input's fields, it is set aside and counted once, and every other event has its span."""
    workshop.damage(f"UPDATE inputs SET fields = {fields} WHERE id = 3")
    workshop.restart()
    workshop.settle(100_000)
    workshop.restart()
    workshop.settle(100_000)

    assert workshop.counts() == {"rows_unreadable": 1}
    assert [letter["id"] for letter in workshop.dead()] == [3]
    assert len(workshop.encoded()) >= SPANS - 1


@pytest.mark.parametrize("fields", FIELDS)
def test_an_input_damaged_after_it_was_assembled(workshop: Damaged, fields: str) -> None:
    """An agent that starts anew with a damaged input in an open session sets it aside and goes on with the session."""
    workshop.settle(1)
    workshop.damage(f"UPDATE inputs SET fields = {fields} WHERE id IN (SELECT min(id) FROM contents)")
    workshop.restart()
    workshop.settle(100_000)

    assert workshop.counts() == {"rows_unreadable": 1}
    assert len(workshop.dead()) == 1


@pytest.mark.parametrize("content", ["x'00'", "x'7b22'", "x'00789c0102'", "CAST('{\"payload\": 3}' AS BLOB)", "x''"])
def test_damaged_content_costs_the_content_alone(workshop: Damaged, content: str) -> None:
    """An event whose content is damaged keeps its span."""
    workshop.damage(f"UPDATE contents SET content = {content} WHERE id = 3")
    workshop.restart()
    workshop.settle(100_000)

    assert len(workshop.encoded()) == SPANS


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE outbox SET span = x'0affff' WHERE number = 2",
        "UPDATE outbox SET span = x'00ff' WHERE number = 2",
        "UPDATE outbox SET trace_id = x'01' WHERE number = 2",
        "UPDATE outbox SET span_id = x'' WHERE number = 2",
        "UPDATE outbox SET resource = 99 WHERE number = 2",
    ],
)
def test_a_damaged_span_is_a_dead_letter_and_the_others_are_sent(workshop: Damaged, change: str) -> None:
    """A row of the outbox that is no span any more is set aside and counted; the sender gets the others."""
    workshop.settle(100_000)
    workshop.damage(change)
    outbox = JournalOutbox(workshop.journal, workshop.home / "dead")

    assert len(outbox.waiting(100, 1 << 20)) == SPANS - 1
    assert workshop.counts() == {"rows_unreadable": 1}
    assert len(workshop.dead()) == 1


def test_a_damaged_resource_costs_the_spans_it_was_of(workshop: Damaged) -> None:
    """Spans whose resource is damaged are set aside, and the sender goes on."""
    workshop.settle(100_000)
    workshop.damage("UPDATE resources SET resource = CAST(x'ff' || id AS BLOB)")
    outbox = JournalOutbox(workshop.journal, workshop.home / "dead")

    assert outbox.waiting(100, 1 << 20) == []
    assert workshop.counts() == {"rows_unreadable": SPANS}


def test_damaged_words_are_no_reason_to_stop(workshop: Damaged) -> None:
    """Bytes that are no UTF-8 in a name or a kind do not end reading."""
    workshop.damage("UPDATE inputs SET kind = CAST(x'ff' AS TEXT) WHERE id = 2")
    workshop.damage("INSERT INTO notes VALUES ('agent', CAST(x'7bff' AS TEXT))")
    workshop.restart()
    workshop.settle(100_000)
    with closing(Journal(workshop.home / "journal.db", read_only=True)) as journal:
        assert journal.status.load().agent is None

    assert len(workshop.encoded()) == SPANS
