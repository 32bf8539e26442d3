"""What the client itself saw of git in a command: it stands in the command's result."""

from dataclasses import dataclass
from typing import Final

from cc_otel.json_values import object_of, text_in

AMENDED: Final = "amended"
"""The kind of a commit that took another's place."""


@dataclass(frozen=True, slots=True)
class GitOperation:
    """The first commit of a call, of which the client names no more, and the branch that it pushed; empty for none."""

    sha: str = ""
    kind: str = ""
    branch: str = ""
    pushed_branch: str | None = None


def git_operation(result: object) -> GitOperation:
    """Return what a command's result says of git."""
    told = object_of(object_of(result).get("gitOperation"))
    commit, push = object_of(told.get("commit")), told.get("push")
    return GitOperation(
        text_in(commit.get("sha")),
        text_in(commit.get("kind")),
        text_in(commit.get("branch")),
        text_in(object_of(push).get("branch")) if push else None,
    )


def output_of(result: object) -> str:
    """Return what a command wrote, as far as its result has it."""
    answer = object_of(result)
    texts = (text_in(answer.get("stdout")), text_in(answer.get("stderr")))
    return "\n".join(filter(None, texts)) if answer else text_in(result)
