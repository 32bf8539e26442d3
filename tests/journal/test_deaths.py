"""An input that kills its agents."""

from contextlib import closing
from pathlib import Path

from cc_otel.journal.journal import Journal


def died(path: Path, at: int = 0) -> int:
    """Start an agent that dies at an input, without a word; return which one is a dead letter."""
    with closing(Journal(path)) as journal:
        dead = journal.deaths.begin()
        if journal.deaths.careful and at:
            journal.deaths.at(at)
    return dead


def test_the_input_at_three_deaths_is_a_dead_letter(tmp_path: Path) -> None:
    """After two deaths inputs are noted one by one; the one that is noted at three more is a dead letter, once."""
    path = tmp_path / "journal.db"

    assert [died(path, 7) for _ in range(7)] == [0, 0, 0, 0, 0, 7, 0]


def test_an_input_that_was_passed_is_innocent(tmp_path: Path) -> None:
    """An agent that gets past an input before it dies leaves no suspicion on it."""
    path = tmp_path / "journal.db"
    for _ in range(10):
        with closing(Journal(path)) as journal:
            assert journal.deaths.begin() == 0
            if journal.deaths.careful:
                journal.deaths.at(7)
            journal.deaths.progress()


def test_an_agent_that_was_not_at_an_input_says_nothing_of_it(tmp_path: Path) -> None:
    """Agents that die before they come to any input are no evidence against the one that was noted last."""
    path = tmp_path / "journal.db"

    assert [died(path, 7) for _ in range(4)] == [0, 0, 0, 0]
    assert [died(path) for _ in range(10)] == [0] * 10


def test_an_end_in_order_forgets_deaths(tmp_path: Path) -> None:
    """An agent that ends in order is followed by one that starts without suspicion."""
    path = tmp_path / "journal.db"
    for _ in range(5):
        died(path, 7)
    with closing(Journal(path)) as journal:
        journal.deaths.begin()
        journal.deaths.end()

    with closing(Journal(path)) as journal:
        assert (journal.deaths.begin(), journal.deaths.careful) == (0, False)
