"""The saved queries of ArangoDB's web interface."""

import json
from pathlib import Path

from click.testing import CliRunner

from cc_otel.cli import main
from cc_otel.graph.queries import catalogue
from tests.graph.arango.standin.server import StandIn, running

THEIRS = [
    {"name": "mine", "value": "RETURN 1", "parameter": {}},
    {"name": "cc_otel files", "value": "RETURN 2", "parameter": {}},
]


def test_questions_are_saved_beside_what_is_there(tmp_path: Path) -> None:
    """Ours are added to the user's own; what else is kept with the user, or has the name of one of ours, stays."""
    (tmp_path / "password").write_text("secret")
    with running(StandIn(password="secret")) as standin:
        standin.engine.extra = {"theme": "dark", "queries": [*THEIRS]}
        arguments = ["query", "--save", "--store", standin.url, "--arango-password-file", str(tmp_path / "password")]
        first, again = (CliRunner().invoke(main, [*arguments, "--home", str(tmp_path)]) for _ in range(2))
        extra = standin.engine.extra

    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert first.stdout.splitlines()[-1] == "Left alone, because something else has that name: cc_otel files."
    assert again.stdout == first.stdout
    assert {**extra, "queries": extra["queries"][:2]} == {"theme": "dark", "queries": THEIRS}
    asked = [name for name in catalogue.names() if catalogue.named(name).has_command and name != "files"]
    assert [query["name"] for query in extra["queries"][2:]] == [f"cc_otel {name}" for name in asked]
    [spans] = [query for query in extra["queries"] if query["name"] == "cc_otel spans"]
    assert spans["value"] == catalogue.text("spans", "aql")
    assert json.loads(json.dumps(spans["parameter"]))["limit"] == 20
