"""README.md and docs/commands.md answer the questions of every day with what the commands really print."""

from pathlib import Path

import pytest

from tests.cli.daily import PAGES, ROOT, answer, fill, questions

SHOWN = [(page.name, *shown) for page in PAGES for shown in questions(page.read_text("utf-8")).items()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the demo's session as it was recorded."""
    folder = tmp_path_factory.mktemp("home")
    fill(folder)
    return folder


@pytest.mark.parametrize(("page", "command", "shown"), SHOWN)
def test_the_page_shows_what_is_printed(home: Path, page: str, command: str, shown: str) -> None:
    """What a page shows below a command is what it prints (`python -m tests.cli.daily` writes it again)."""
    assert (page, answer(command, home)) == (page, shown)


def test_lines_fit_a_terminal() -> None:
    """Nothing that the pages show is wider than a terminal of 80 columns."""
    assert {page for page, _, _ in SHOWN} == {"README.md", "commands.md"}
    assert [line for _, _, shown in SHOWN for line in shown.splitlines() if len(line) > 80] == []


def test_a_release_is_tried_as_a_stranger_would() -> None:
    """The release installs its wheel into an empty environment first, with the script that CI runs, too."""
    for place in (".github/workflows/release.yml", ".ci/run"):
        assert ".ci/try-install" in (ROOT / place).read_text("utf-8")
    assert (ROOT / ".ci" / "try-install").stat().st_mode & 0o111
