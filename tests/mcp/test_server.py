"""The server as a client meets it: a process that speaks the protocol on its standard input and output."""

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from cc_otel.mcp.answers import NOTE
from cc_otel.mcp.tools import OFFERS
from tests.cli.person import Person

SESSIONS = Path(__file__).parents[1] / "sessions"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return a person with a graph of three recorded sessions."""
    person = Person(tmp_path_factory.mktemp("mcp"))
    person.user.mkdir()
    person.project.mkdir()
    for name in ("basic", "subagent_sync", "denied"):
        person.done("replay", str(SESSIONS / f"{name}.jsonl"))
    person.done("flush")
    return person


def conversation(person: Person, *questions: tuple[str, dict[str, Any]]) -> list[tuple[bool, str]]:
    """Start the server, ask, and return what it answered: whether it was an error, and its text."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "cc_otel", "mcp"],
        env=person.environment(),
        cwd=str(person.project),
    )

    async def talk() -> list[tuple[bool, str]]:
        async with Client(stdio_client(command)) as client:
            offered = {tool.name for tool in (await client.list_tools()).tools}
            assert offered == {offer.name for offer in OFFERS}
            found = []
            for name, arguments in questions:
                result = await client.call_tool(name, arguments)
                found.append((bool(result.is_error), str(getattr(result.content[0], "text", ""))))
            return found

    return anyio.run(talk)


def test_answers_from_the_graph(recorded: Person) -> None:
    """Sessions lead to the outline of one, whose rows are the tree's."""
    [(_, sessions), (_, outline)] = conversation(
        recorded, ("sessions", {"limit": 2}), ("outline", {"session_id": "last"})
    )

    listed, tree = json.loads(sessions), json.loads(outline)
    assert (listed["note"], len(listed["rows"])) == (NOTE, 2)
    assert listed["left_out"].startswith("rows after the first 2")
    assert tree["rows"][0]["session_id"] == listed["rows"][0]["session_id"]
    assert {row["kind"] for row in tree["rows"]} >= {"turn", "tool"}


def test_an_odd_question_is_answered_with_what_to_do(recorded: Person) -> None:
    """Nothing that is asked is an error of the protocol: the asker reads why, and what to try."""
    answers = conversation(
        recorded,
        ("outline", {"session_id": "nobody"}),
        ("why", {}),
        ("sessions", {"limit": 0}),
        ("cost", {"colour": "red"}),
        ("forget", {}),
    )

    assert [is_error for is_error, _ in answers] == [True] * 5
    assert [text.split(";")[0][:40] for _, text in answers] == [
        "nothing is known of 'nobody'",
        "why needs trace_id, span_id",
        "limit is a number from 1 to 50",
        answers[3][1].split(";")[0][:40],
        "there is no tool 'forget'",
    ]
    assert "not colour" in answers[3][1]


def test_without_a_graph_it_says_so(person: Person) -> None:
    """The server starts before anything was recorded; each question looks again."""
    [(is_error, text)] = conversation(person, ("sessions", {}))

    assert is_error
    assert "there is no graph in" in text
    assert "cc-otel up" in text
