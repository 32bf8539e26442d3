"""``cc-otel install`` and the socket in the home: a home that nothing could be delivered in is refused."""

import json
from pathlib import Path

import pytest

from tests.cli.person import Person


@pytest.mark.parametrize(
    ("folder", "words"), [("x" * 120, "choose a shorter one"), ("a,b", "has a comma")], ids=["long", "comma"]
)
def test_no_socket_fits(person: Person, folder: str, words: str) -> None:
    """A home whose socket could not be listened on, or not be found, is refused before anything is written."""
    home = person.folder / folder
    told = person.refused("install", "--home", str(home))

    assert (words in told, home.exists(), person.settings.exists()) == (True, False, False)


def test_no_socket_is_needed(person: Person) -> None:
    """Where spans go to the stack, which has a graph-exporter of its own, the home may be anywhere."""
    home = person.folder / ("x" * 120)
    person.done("install", "--stack", "--home", str(home))

    assert person.told("status", "--home", str(home))["endpoint"] == "http://127.0.0.1:4317"


def test_flush_says_it(person: Person) -> None:
    """In a home that was made otherwise, ``flush`` fails in one line, and ``doctor`` finds it."""
    home = person.folder / ("x" * 120)
    told = person.refused("flush", "--home", str(home))
    doctor = person.run("doctor", "--json", "--home", str(home))
    found = {line["what"]: line for line in map(json.loads, doctor.stdout.splitlines())}

    assert (told.count("\n"), "path too long" in told) == (1, True)
    assert (
        doctor.returncode,
        found["endpoint"]["state"],
        "choose a shorter one" in found["endpoint"]["told"],
    ) == (1, "broken", True)


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%41b"])
def test_a_path_that_is_no_uri(person: Person, name: str) -> None:
    """A home is delivered in whatever its path would mean in a URI."""
    home = Path(person.folder) / name
    person.done("install", "--home", str(home))
    event = '{"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}'
    sent = person.run("send", "--no-start", "--home", str(home), stdin=event)
    person.done("flush", "--home", str(home))

    assert sent.returncode == 0
    assert person.told("query", "sessions", "--home", str(home))["spans"] == 1
