"""docs/commands.md answers the questions of every day with what the commands really print."""

from pathlib import Path

import pytest

from tests.cli.daily import PAGE, answer, fill, questions

SHOWN = questions(PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the demo's session as it was recorded."""
    folder = tmp_path_factory.mktemp("home")
    fill(folder)
    return folder


@pytest.mark.parametrize("command", SHOWN)
def test_the_page_shows_what_is_printed(home: Path, command: str) -> None:
    """What the page shows below a command is what it prints (`python -m tests.cli.daily` writes it again)."""
    assert answer(command, home) == SHOWN[command]


def test_lines_fit_a_terminal() -> None:
    """Nothing that the page shows is wider than a terminal of 80 columns."""
    assert len(SHOWN) >= 6
    assert [line for shown in SHOWN.values() for line in shown.splitlines() if len(line) > 80] == []
