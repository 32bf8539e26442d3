"""Keys of commands that people and agents type: they hold from version to version, or the rule gets a new number."""

from pathlib import Path
from typing import Final

import pytest

from cc_otel.agent.facts.commands.parse import parse
from cc_otel.agent.facts.commands.simple import SimpleCommand

GOLDEN: Final = Path(__file__).parent / "golden.txt"
ROOT: Final = "/home/dev/app"


def written(command: SimpleCommand) -> str:
    """Return a simple command as a line of the file: class, program and subcommand, masked text, what else it has."""
    name = " ".join(filter(None, [command.program, command.subcommand]))
    parts = [f"    {command.kind:7} {name} | {command.masked!r}"]
    if command.targets:
        parts.append(f"on {list(command.targets)}")
    if command.options:
        parts.append(f"by {dict(command.options)}")
    if command.dir != ".":
        parts.append(f"in {command.dir!r}")
    if command.filter:
        parts.append("filter")
    return " | ".join(parts)


def blocks() -> list[tuple[str, str]]:
    """Return each command of the file with what stands below it; a line break in a command is written as one."""
    found = []
    for block in GOLDEN.read_text("utf-8").split("\n$ ")[1:]:
        command, _, below = block.partition("\n")
        found.append((command.replace("\\n", "\n"), below.rstrip("\n")))
    return found


@pytest.fixture(scope="module")
def golden() -> list[tuple[str, str]]:
    """Return the file, read once."""
    return blocks()


def test_every_command_has_the_key_that_it_always_had(golden: list[tuple[str, str]]) -> None:
    """What a command does, on what, chosen how, and the text of its key are those of the file."""
    read = [
        (command, "\n".join(written(part) for part in parse(command, cwd=ROOT, root=ROOT))) for command, _ in golden
    ]

    assert read == golden


def test_there_are_five_hundred_of_them(golden: list[tuple[str, str]]) -> None:
    """The file holds at least 500 different commands."""
    assert len({command for command, _ in golden}) >= 500


def test_reading_one_command_does_not_change_another(golden: list[tuple[str, str]]) -> None:
    """Keys do not depend on what was read before."""
    forward = [parse(command, cwd=ROOT, root=ROOT) for command, _ in golden]
    backward = [parse(command, cwd=ROOT, root=ROOT) for command, _ in reversed(golden)]

    assert forward == backward[::-1]
