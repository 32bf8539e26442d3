"""The commits that a call made, by what the client and git say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.facts.call import Call
from cc_otel.agent.facts.commits import commit_facts
from cc_otel.agent.facts.repository import Repository

BEFORE = "b" * 40
ONE = "[main a1b2c3d] Mend it\n 1 file changed"
SEEN = {"rule": "git_operation", "certainty": "observed"}
READ = {"rule": "commit_output", "certainty": "parsed"}


def commits(command: str, stdout: str = "", *, error: str = "", **result: Any) -> list[dict[str, Any]]:
    """Return the commits of a command."""
    call = Call(
        "Bash",
        {"command": command},
        None if error else {"stdout": stdout, "stderr": ""} | result,
        error=error,
        error_type="exit_code" if error else "",
        succeeded=not error,
        directory="/w",
        repository=Repository("h/app", "/w", "main", BEFORE),
    )
    return list(dict(commit_facts(call)).get("cc_otel.vcs.commits", []))


@pytest.mark.parametrize("kind", ["committed", "cherry-picked"])
def test_what_the_client_saw(kind: str) -> None:
    """Its word counts, and git's line adds the subject."""
    operation = {"commit": {"sha": "a1b2c3d", "kind": kind, "branch": "main"}}
    known = {"sha": "a1b2c3d", "branch": "main"} | SEEN

    assert commits("git commit -qm x", gitOperation=operation) == [known]
    assert commits("git commit -m x", ONE, gitOperation=operation) == [known | {"subject": "Mend it"}]


def test_an_amended_commit_took_the_place_of_another() -> None:
    """Of the one that was checked out before, which is known where it was read."""
    operation = {"commit": {"sha": "a1b2c3d", "kind": "amended", "branch": "main"}}
    amended = {"sha": "a1b2c3d", "branch": "main", "amended": True, "rewrites": BEFORE}

    assert commits("git commit --amend --no-edit", gitOperation=operation) == [amended | SEEN]
    assert commits("git commit --amend -m x", ONE) == [amended | READ | {"subject": "Mend it"}]


def test_a_commit_of_a_call_that_failed_after_it() -> None:
    """It was made all the same."""
    found = commits("git commit -m x && make", error=f"Exit code 2\n{ONE}\nmake: *** no rule")

    assert found == [{"sha": "a1b2c3d", "subject": "Mend it", "branch": "main"} | READ]


def test_several_commits() -> None:
    """The client names the first alone; git names all of them."""
    operation = {"commit": {"sha": "a1b2c3d", "kind": "committed", "branch": "main"}}
    output = f"{ONE}\n[main (root-commit) 1234567] Second\n[detached HEAD 7654321] [x] Third"

    assert commits("git commit -m a && git commit -m b; git cherry-pick x", output, gitOperation=operation) == [
        {"sha": "a1b2c3d", "subject": "Mend it", "branch": "main"} | SEEN,
        {"sha": "1234567", "subject": "Second", "branch": "main"} | READ,
        {"sha": "7654321", "subject": "[x] Third"} | READ,
    ]


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("echo '[main a1b2c3d] Mend it'", ONE),
        ("git commit -qm x; echo '[main a1b2c3d] Mend it'", ONE),
        ("cat notes.txt", ONE),
        ("git log --format='[%D %h] %s'", ONE),
        ("git commit -m x", "nothing to commit"),
        ("git commit -m x", " [main a1b2c3d] not at the beginning"),
        ("git commit -m x", "[main xyz1234] no digest"),
        ("", ONE),
    ],
)
def test_what_is_no_commit(command: str, output: str) -> None:
    """A line that looks like git's is none without a command that commits, nor where the command wrote it itself."""
    assert commits(command, output) == []


@pytest.mark.parametrize(
    ("output", "operation"),
    [
        (f"{ONE}\nTo h:app\n   0000000..a1b2c3d  main -> main", {}),
        (f"{ONE}\nTo h:app\n + 0000000...a1b2c3d main -> main (forced update)", {}),
        (f"{ONE}\n * [new branch]      main -> main", {}),
        (ONE, {"gitOperation": {"push": {"branch": "main"}}}),
    ],
)
def test_a_commit_that_was_pushed(output: str, operation: dict[str, Any]) -> None:
    """The client names the branch, or git reports it."""
    (commit,) = commits("git commit -m x && git push", output, **operation)

    assert commit["pushed"]


def test_a_push_of_something_else() -> None:
    """Another branch says nothing of this commit; a push alone makes none."""
    pushed = "To h:app\n   0000000..1111111  other -> other"

    assert "pushed" not in commits("git commit -m x && git push origin other", f"{ONE}\n{pushed}")[0]
    assert commits("git push", pushed, gitOperation={"push": {"branch": "other"}}) == []


@given(st.text(max_size=100), st.text(max_size=200))
def test_no_output_is_too_strange(command: str, output: str) -> None:
    """Any command and output have commits with a digest, or none."""
    assert all(commit["sha"] for commit in commits(f"git commit; {command}", f"{ONE}\n{output}"))
