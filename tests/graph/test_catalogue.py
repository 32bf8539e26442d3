"""A question is described once, in the header of its statement."""

import re
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from cc_otel.graph.queries import catalogue
from cc_otel.graph.queries.catalogue import Parameter
from cc_otel.graph.sqlite import words
from tests.graph.case import names

SCHEMA = resources.files("cc_otel.graph").joinpath("schema.sql").read_text("utf-8")
FOLDER = Path(__file__).parent
ASKING = "".join(path.read_text("utf-8") for path in (*FOLDER.glob("contract*.py"), *FOLDER.glob("test_*questions.py")))


@pytest.mark.parametrize("name", catalogue.names())
def test_a_header_names_what_the_statement_takes(name: str) -> None:
    """A query's header lists the parameters of both of its forms, and no other."""
    told = {parameter.name for parameter in catalogue.named(name).parameters}

    assert catalogue.parameters(name, "sql") == catalogue.parameters(name, "aql") == told


@pytest.mark.parametrize("name", catalogue.names())
def test_a_header_names_the_columns(name: str) -> None:
    """A query's rows have the columns that its header says, in that order."""
    values = dict.fromkeys(catalogue.parameters(name, "sql"))
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        words.add_functions(database)
        columns = tuple(column[0] for column in database.execute(catalogue.text(name, "sql"), values).description)

    assert columns == catalogue.named(name).columns


def test_every_question_has_a_case() -> None:
    """Each query is answered on a graph that was counted by hand: in a file of its own, or by a test that asks it."""
    asked = set(re.findall(r'ask\((?:store|one|other|graph), "([a-z_]+)"', ASKING)) | set(names())

    assert set(catalogue.names()) - asked == set()


@pytest.mark.parametrize(
    ("line", "parameter"),
    [
        (":name text  with this name", Parameter("name", "text", "with this name")),
        (":limit integer = 50  how many", Parameter("limit", "integer", "how many", default=50)),
        (":share real = 0.5  how much", Parameter("share", "real", "how much", default=0.5)),
        (
            ":by text of day|model = day  a row for each",
            Parameter("by", "text", "a row for each", ("day", "model"), "day"),
        ),
        (":path text required  which file", Parameter("path", "text", "which file", required=True)),
    ],
)
def test_a_parameter_is_described_in_a_line(line: str, parameter: Parameter) -> None:
    """A line of a header says a parameter's name, type, choices, default, whether it is needed, and its help."""
    assert catalogue.parameter(line) == parameter


@pytest.mark.parametrize("line", [":limit integer 50  how many", ":limit number  how many", ":limit integer how many"])
def test_a_line_that_cannot_be_read_is_an_error(line: str) -> None:
    """A slip in a header is no parameter that is silently missing."""
    with pytest.raises(ValueError, match="cannot be read"):
        catalogue.parameter(line)
