"""Homes that earlier builds left in the middle of their work, each named after its build, under today's build."""

import fcntl
import json
import shutil
import sqlite3
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.homes.record import FOLDER, SESSIONS, Build, spans_of

NAMES = sorted(path.name.removesuffix(".tar.gz") for path in FOLDER.glob("*.tar.gz"))
READING = (
    ("status",),
    ("query", "sessions"),
    ("query", "tree", "last"),
    ("query", "spans"),
    ("query", "files", "--days", "36500"),
    ("query", "cost", "--days", "36500"),
    ("prune", "--dry-run"),
)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of one recorded home."""
    return str(request.param)


@pytest.fixture
def build(name: str, tmp_path: Path) -> Build:
    """Return today's build with a copy of that home."""
    with tarfile.open(FOLDER / f"{name}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    program = shutil.which("cc-otel", path=str(Path(sys.executable).parent))
    assert program
    return Build(program, tmp_path / "home")


@pytest.fixture
def old_agent(build: Build) -> Iterator[None]:
    """Hold the home's lock, as the agent of the earlier build does while it runs."""
    with (build.home / "agent.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _schema(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        tables = db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [*db.execute("PRAGMA user_version"), *tables]


@pytest.mark.usefixtures("old_agent")
def test_reading_works_before_the_upgrade_and_migrates_nothing(build: Build) -> None:
    """While the earlier build's agent runs, every reading command answers, and leaves its databases as they are."""
    databases = sorted(build.home.glob("*.db"))
    before = [_schema(database) for database in databases]
    answers = [build.run(*command, *as_json) for command in READING for as_json in ((), ("--json",))]

    assert [_schema(database) for database in databases] == before
    assert all(answers[: 2 * len(READING) - 4])


@pytest.mark.usefixtures("old_agent")
def test_what_is_open_is_shown_before_the_upgrade(build: Build) -> None:
    """The turn that the earlier build's agent has open stands in the tree, and in the count of open spans."""
    status = json.loads(build.run("status", "--json"))
    rows = [json.loads(line) for line in build.run("query", "tree", "7e8235e8", "--json").splitlines()]

    assert status["journal"]["spans_open"] > 0
    assert [row["name"] for row in rows if row.get("open")][:1] == ["invoke_agent claude-code"]


def without_bars(spans: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return spans without the start of a session's end: it was an instant up to 0.1, and covers the session since."""
    return {key: [*row[:2], None, *row[3:]] if row[1] == "hook SessionEnd" else row for key, row in spans.items()}


def test_everything_is_delivered_once_after_the_upgrade(build: Build, name: str) -> None:
    """Spool, open turns and outbox of the earlier build become the spans that it would have delivered, no more."""
    build.run("flush")

    assert without_bars(spans_of(build)) == without_bars(json.loads((FOLDER / f"{name}.json").read_text("utf-8")))


def test_events_of_before_the_upgrade_are_known_after_it(build: Build, name: str) -> None:
    """What the earlier build has sent, and what it has in its journal, is not sent again when it is recorded again."""
    build.run("flush")
    for session in ("parallel", "subagent"):
        build.replay((SESSIONS / f"{session}.jsonl").read_text("utf-8").splitlines())
    build.run("flush")

    assert without_bars(spans_of(build)) == without_bars(json.loads((FOLDER / f"{name}.json").read_text("utf-8")))


def test_what_was_set_aside_is_still_there_after_the_upgrade(build: Build) -> None:
    """Dead letters, counts and settings of the earlier build stay."""
    dead = sorted(path.name for path in (build.home / "dead").iterdir())
    before = json.loads(build.run("status", "--json"))["counts"]
    build.run("flush")
    after = json.loads(build.run("status", "--json"))["counts"]

    assert {what: count["count"] for what, count in before.items()}.items() <= {
        what: count["count"] for what, count in after.items()
    }.items()
    assert sorted(path.name for path in (build.home / "dead").iterdir()) == dead
    assert (build.home / "config.toml").read_text("utf-8").startswith("retention_days = 0")
