"""docs/graph.md answers with what commands print of recorded sessions; run as a program, this writes the answers."""

import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from tests.cli.daily import ROOT, answer, questions, with_answers
from tests.graph.recorded import recorded

PAGE = ROOT / "docs" / "graph.md"
STORIES = ("story_fix_loop", "story_commits", "story_refused_denied", "subagent", "made_permission_granted")
SHOWN = questions(PAGE.read_text("utf-8"))


def fill(home: Path) -> None:
    """Put the recorded sessions into the graph of a home."""
    with closing(SqliteStore(home / "graph.db")) as store:
        for name in STORIES:
            assert list(store.write(mapping.of(recorded(name)))) == []


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the recorded sessions."""
    folder = tmp_path_factory.mktemp("home")
    fill(folder)
    return folder


@pytest.mark.parametrize(("command", "shown"), SHOWN.items())
def test_the_page_shows_what_is_printed(home: Path, command: str, shown: str) -> None:
    """What the page shows below a command is what it prints."""
    assert answer(command, home) == shown


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="cc-otel-docs-") as made:
        fill(Path(made))
        PAGE.write_text(with_answers(PAGE.read_text("utf-8"), Path(made)), "utf-8")
