"""The commands that are made from headers alone, each on the same two sessions."""

import csv
import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from cc_otel.cli import main
from cc_otel.cli.query_known import KNOWN
from cc_otel.cli.query_options import takes_a_span
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite.store import SqliteStore
from tests.graph.story import E, key, story

MADE = [name for name in catalogue.names() if catalogue.named(name).has_command and name not in KNOWN]
NEEDED = {"path": "src/sum.py", "error_key": E, "text": "pytest", "session_id": "session-a", "other_id": "session-b"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the two sessions."""
    folder = tmp_path_factory.mktemp("home")
    with closing(SqliteStore(folder / "graph.db")) as store:
        store.write(story().batch())
    return folder


def answered(home: Path, name: str, *options: str) -> list[str]:
    """Return the lines that a question prints."""
    query = catalogue.named(name)
    arguments = [key(5)] if takes_a_span(query) else []
    arguments += [
        NEEDED.get(it.name, "x") for it in query.parameters if it.required and not (arguments and "_id" in it.name)
    ]
    result = CliRunner().invoke(main, ["query", name, *arguments, *options, "--home", str(home)])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


@pytest.mark.parametrize("name", MADE)
def test_a_question_is_answered_in_every_form(home: Path, name: str) -> None:
    """A table, JSON and CSV have the same rows; JSON and CSV have the columns of the header."""
    columns = list(catalogue.named(name).columns)
    rows = [json.loads(line) for line in answered(home, name, "--json")]
    titles, *fields = csv.reader(answered(home, name, "--csv"))
    lines = answered(home, name)

    assert titles == columns
    assert [list(row) for row in rows] == [columns] * len(fields)
    assert lines == ["Nothing found."] if not rows else len(lines) >= len(rows) + 1


@pytest.mark.parametrize("name", [name for name in MADE if catalogue.named(name).has_edges])
def test_a_question_about_edges_is_drawn(home: Path, name: str) -> None:
    """Rows that are edges, or spans below each other, are drawn in both forms."""
    assert answered(home, name, "--mermaid")[0] == "flowchart LR"
    assert answered(home, name, "--graphml")[-1] == "</graphml>"


def test_a_limit_says_of_how_many(home: Path) -> None:
    """Where rows are left out, the last line says how many there are."""
    assert answered(home, "errors", "--limit", "1")[-1] == "1 of 3: --limit shows more."


def test_a_session_is_named_by_its_beginning(home: Path) -> None:
    """`--session` takes a beginning or `last`, and what nothing is known of is an error."""
    assert len(answered(home, "errors", "--session", "last")) == 3
    assert CliRunner().invoke(main, ["query", "errors", "--session", "x", "--home", str(home)]).exit_code == 1
