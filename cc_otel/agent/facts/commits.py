"""
The commits that a call made: those that the client saw, and those that git reported in the output of a real commit.

A text that looks like git's line is none where no command of the call makes commits, or where the command itself holds
it: nobody knows the digest of a commit before it is made.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cc_otel import conventions as c
from cc_otel.agent.facts.call import Call
from cc_otel.agent.facts.commands.parse import parse
from cc_otel.agent.facts.commands.simple import SimpleCommand
from cc_otel.claude_code.git_operation import AMENDED, GitOperation, git_operation, output_of
from cc_otel.json_values import text_in

COMMITS_MAX: Final = 16
"""How many commits of one call are listed."""

SUBJECT_LENGTH_MAX: Final = 200
"""Longest subject of a commit, characters."""

OUTPUT_CHARACTERS_MAX: Final = 65_536
"""How much of an output is read, characters."""

OBSERVED: Final = "git_operation"
PARSED: Final = "commit_output"
"""The rules that a commit is known by (docs/graph.md)."""

_COMMITTING: Final = frozenset({"commit", "cherry-pick", "revert", "merge", "am"})
_DETACHED: Final = "detached HEAD"
_SHA: Final = re.compile(r"[0-9a-f]{7,64}\Z")
_LINE: Final = re.compile(
    r"^\[(?P<branch>[^\[\]\n]{1,250}?)(?P<root> \(root-commit\))? (?P<sha>[0-9a-f]{7,64})\] (?P<subject>.*)$",
    re.MULTILINE,
)
# `   abc1234..def5678  main -> main`, with a plus for a forced one, or a new branch.
_PUSHED: Final = re.compile(
    r"^ *(?:[+*=] )? *(?:[0-9a-f]{7,64}\.{2,3}(?P<sha>[0-9a-f]{7,64})|\[new branch\]) +(?P<branch>\S+) -> \S+",
    re.MULTILINE,
)


@dataclass(slots=True)
class _Commit:
    """A commit while it is put together."""

    sha: str
    subject: str = ""
    branch: str = ""
    amended: bool = False
    pushed: bool = False
    rewrites: str = ""
    rule: str = PARSED

    def stated(self) -> dict[str, Any]:
        """Return what is known of it."""
        known = {"sha": self.sha, "subject": self.subject, "branch": self.branch, "rewrites": self.rewrites}
        stated: dict[str, Any] = {key: value for key, value in known.items() if value}
        stated |= {key: True for key, value in (("amended", self.amended), ("pushed", self.pushed)) if value}
        return stated | {"rule": self.rule, "certainty": "observed" if self.rule == OBSERVED else "parsed"}


def commit_facts(call: Call) -> Iterator[tuple[str, Any]]:
    """Return the commits that a command made; also one that failed may have made some."""
    command = text_in(call.arguments.get("command"))
    operation = git_operation(call.result)
    output = (call.error or output_of(call.result))[:OUTPUT_CHARACTERS_MAX]
    if not command or not (operation.sha or _LINE.search(output)):
        return
    root = call.repository.root if call.repository else ""
    git = [it for it in parse(command, cwd=call.directory, root=root) if it.program == "git"]
    if commits := _commits(command, output, operation, git):
        _note_rewritten(commits, call)
        _note_pushed(commits, output, operation, git)
        yield c.VCS_COMMITS, [commit.stated() for commit in commits[:COMMITS_MAX]]


def _commits(command: str, output: str, operation: GitOperation, git: Sequence[SimpleCommand]) -> list[_Commit]:
    commits: list[_Commit] = []
    if _SHA.match(operation.sha):
        amended = operation.kind == AMENDED
        commits.append(_Commit(operation.sha, branch=operation.branch, amended=amended, rule=OBSERVED))
    makers = [it for it in git if it.subcommand in _COMMITTING]
    for found in _LINE.finditer(output) if makers else ():
        # What the command itself holds, an echo wrote.
        if found["sha"] in command:
            continue
        commit = next((it for it in commits if _same(it.sha, found["sha"])), None)
        if commit is None:
            commits.append(commit := _Commit(found["sha"]))
            # Of several commits in a call it is not said which of them was amended.
            commit.amended = all("--amend" in (word.text for word in it.words) for it in makers)
        commit.subject = found["subject"].strip()[:SUBJECT_LENGTH_MAX]
        commit.branch = commit.branch or ("" if found["branch"] == _DETACHED else found["branch"])
    return commits


def _same(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _note_rewritten(commits: Sequence[_Commit], call: Call) -> None:
    """Note which commit the first one took the place of: it was checked out before, if that is known."""
    before = call.repository.revision if call.repository else ""
    if before and commits[0].amended and not _same(before, commits[0].sha):
        commits[0].rewrites = before


def _note_pushed(
    commits: Sequence[_Commit], output: str, operation: GitOperation, git: Sequence[SimpleCommand]
) -> None:
    """Note what was pushed: by the branch that the client names, or by git's own report of a push in the call."""
    pushed = {operation.pushed_branch} if operation.pushed_branch else set()
    tips = set()
    if any(it.subcommand == "push" for it in git):
        reports = list(_PUSHED.finditer(output))
        pushed |= {it["branch"] for it in reports}
        tips = {it["sha"] for it in reports if it["sha"]}
    for commit in commits:
        commit.pushed = commit.branch in pushed or any(_same(commit.sha, tip) for tip in tips)
