"""The rules of derived edges, each with its sentence: what docs/graph.md says, and what ``explain`` prints."""

from typing import Final

SENTENCES: Final = {
    "next_call": "The next call that the same agent began in the same session.",
    "same_command": "The same tool was called again in the same session and place with the same masked command, after "
    "the earlier call had ended.",
    "same_arguments": "The same tool was called again in the same session with the same arguments, after the earlier "
    "call had ended.",
    "flaky": "What had failed passed later although nothing in between could have changed the outcome: no edit, and no "
    "command but reads, searches, checks and the same one again.",
    "covering_command": "The first later success of the same program and subcommand, in the same directory of the same "
    "worktree, whose targets cover those of the failure, and whose selecting options are the same or fewer.",
    "named_tests": "The failure named each test that failed, and this is the first later success of the same program "
    "and subcommand, in the same directory of the same worktree, that ran all of these.",
    "same_commit": "The first later commit that succeeded with the same message or the same paths, in the same "
    "worktree.",
    "next_edit": "The next successful edit of the same file.",
    "same_file": "The first later success of the same tool on the same file.",
    "same_call": "The first later success of the same tool with the same arguments.",
    "newer_failure": "The next failure that says the same and more of what had failed: the older one is out of date.",
}
"""Rule -> what it says of an edge's two ends."""
