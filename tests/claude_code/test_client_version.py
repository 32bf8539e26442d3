"""The client's version, and what follows from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_otel.claude_code import client_version
from cc_otel.claude_code.client_version import Version


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Forget what another test was answered."""
    client_version.answer.cache_clear()
    yield
    client_version.answer.cache_clear()


@pytest.mark.parametrize(
    ("text", "version"),
    [("2.1.330 (Claude Code)", (2, 1, 330)), ("2.1.76", (2, 1, 76)), ("", None), ("claude 2", None), ("1.2.x", None)],
)
def test_reads_a_version(text: str, version: Version | None) -> None:
    """The first version in the client's answer is its own."""
    assert client_version.parsed(text) == version


@pytest.mark.parametrize(
    ("version", "intolerant"), [((2, 1, 100), True), ((2, 1, 101), False), ((3, 0, 0), False), (None, False)]
)
def test_knows_which_drop_all_hooks(version: Version | None, intolerant: bool) -> None:
    """Clients before 2.1.101 do; one that is not known is taken for new."""
    assert client_version.is_intolerant(version) == intolerant


@pytest.mark.parametrize(
    ("script", "version"),
    [("echo '2.1.76 (Claude Code)'", (2, 1, 76)), ("exit 1", None), ("printf '\\377\\n'", None), ("kill -9 $$", None)],
)
def test_asks_the_client_on_the_path(
    script: str, version: Version | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that fails or talks nonsense has no version, and nothing fails over it."""
    claude = tmp_path / "claude"
    claude.write_text(f"#!/bin/sh\n{script}\n")
    claude.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert client_version.version() == version


def test_without_a_client_there_is_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run where nothing is on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert (client_version.answer(), client_version.version()) == ("", None)
