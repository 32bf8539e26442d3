"""
How a call ended (docs/graph.md, Rules 1 and 2): one of seven words, and the rule that says so where no event does.

An exit status lies: through a pipe, before ``|| true``, before one more command. What cannot be known is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cc_otel.agent.facts.commands.runners import FAILED, NO_TESTS, OK, verdict_of
from cc_otel.agent.facts.commands.simple import SimpleCommand

REFUSED: Final = "refused"
DENIED: Final = "denied"
INTERRUPTED: Final = "interrupted"
LAUNCHED: Final = "launched"
UNKNOWN: Final = "unknown"

RUNNER_SUMMARY: Final = "runner_summary"
"""The rule of an outcome that a runner's own words decide; it is the class of such a failure, too."""

_NO_FAILURE: Final = frozenset("grep egrep fgrep zgrep rg ag ack diff cmp test [".split())
"""Programs whose exit 1 is an answer."""

_ASIDE: Final = frozenset(
    "cd pushd popd true false : echo printf exit set export unset source . sleep wait return shopt ulimit umask trap "
    "declare typeset local readonly read test [ break continue alias date kill".split()
)
"""What stands beside the command that a call is about."""

_SHOWS: Final = frozenset("cat head tail less more bat grep egrep fgrep rg sed awk wc sort jq".split())
_HARMLESS: Final = frozenset(
    "cd pushd popd true : echo printf set export unset source . sleep shopt ulimit umask".split()
)
_NO_MATCH_CODE: Final = 1
_NO_TESTS_CODE: Final = 5
_PIPE_BROKEN_CODE: Final = 141


@dataclass(frozen=True, slots=True)
class Outcome:
    """A word, and the rule behind it; empty where the word is what the event says."""

    name: str
    rule: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether the call did not do what it was asked to."""
        return self.name in {FAILED, REFUSED, DENIED}


def main_of(commands: Sequence[SimpleCommand]) -> int:
    """Return which command a call is about: the last that is no filter and does not only stand beside; -1 for none."""
    rest = [n for n, command in enumerate(commands) if not command.filter]
    shown = {n for n in rest if _shows_earlier(commands, n)}
    for kept in (
        [n for n in rest if n not in shown and commands[n].program not in _ASIDE],
        [n for n in rest if commands[n].program not in {"cd", "pushd", "popd", "true", ":", "exit"}],
        rest,
    ):
        if kept:
            return kept[-1]
    return len(commands) - 1


def shell_outcome(commands: Sequence[SimpleCommand], exit_code: int, output: str) -> Outcome:
    """Return how a shell call ended that ended with this status; without commands, as the status says."""
    said = Outcome(FAILED if exit_code else OK)
    if not commands:
        return said
    at = main_of(commands)
    main = commands[at]
    if main.background and not exit_code:
        return Outcome(LAUNCHED, "background")
    hidden = _hidden_by(commands, at)
    if not hidden:
        return _by_status(commands, main, exit_code, output)
    if exit_code and not _found_nothing(commands[-1], exit_code):
        return said
    verdict = verdict_of(main.program, main.kind, output)
    if verdict == NO_TESTS:
        return Outcome(OK, "no_tests")
    return Outcome(verdict, RUNNER_SUMMARY) if verdict else Outcome(UNKNOWN, hidden)


def _by_status(commands: Sequence[SimpleCommand], main: SimpleCommand, exit_code: int, output: str) -> Outcome:
    """Return what a status says that is the main command's own, or that of one before it in a chain."""
    if not exit_code:
        return Outcome(OK)
    decisive = _decisive(commands)
    last = commands[decisive]
    if exit_code == _NO_MATCH_CODE and _answers(last):
        may_have_failed = [c for c in _chained(commands[: decisive + 1]) if c.program not in _HARMLESS]
        if not may_have_failed:
            return Outcome(OK, "no_match")
        verdicts = {verdict_of(command.program, command.kind, output) for command in may_have_failed}
        return Outcome(FAILED, RUNNER_SUMMARY) if FAILED in verdicts else Outcome(UNKNOWN, "chain")
    if exit_code == _NO_TESTS_CODE and main.program == "pytest":
        return Outcome(OK, "no_tests")
    if exit_code == _PIPE_BROKEN_CODE and last.filter:
        return Outcome(UNKNOWN, "pipe_filter")
    return Outcome(FAILED)


def _answers(command: SimpleCommand) -> bool:
    return command.program in _NO_FAILURE or (command.program, command.subcommand) in {
        ("git", "grep"),
        ("git", "diff"),
    }


def _chained(commands: Sequence[SimpleCommand]) -> list[SimpleCommand]:
    """Return the commands whose failure would have been the chain's, before the last one was reached."""
    found: list[SimpleCommand] = []
    for before, after in zip(reversed(commands[:-1]), reversed(commands[1:]), strict=True):
        if after.joined == "&&":
            found.append(before)
        elif after.joined != "|":
            break
    return found


def _decisive(commands: Sequence[SimpleCommand]) -> int:
    """Return which command a failing status is of, as far as the last ones cannot fail (``grep -q x && echo yes``)."""
    at = len(commands) - 1
    while at > 0 and commands[at].joined == "&&" and commands[at].program in _HARMLESS:
        at -= 1
    return at


def _found_nothing(last: SimpleCommand, exit_code: int) -> bool:
    """Whether a failing status may say no more than that the last command had nothing to show."""
    if last.filter:
        return exit_code in {_NO_MATCH_CODE, _PIPE_BROKEN_CODE}
    return exit_code == _NO_MATCH_CODE and _answers(last)


def _hidden_by(commands: Sequence[SimpleCommand], at: int) -> str:
    """Return what keeps a command's status from being the call's; empty where nothing does."""
    main, after = commands[at], commands[at + 1 :]
    if main.negated and not _answers(main):
        return "condition"
    if main.condition or main.loop:
        return "condition" if main.condition else "loop"
    piped = 0
    while piped < len(after) and after[piped].joined == "|":
        piped += 1
    if piped and not (_pipefail(commands[:at]) or "pipefail" in main.by) and not _exits_with_status(after[piped:]):
        return "pipe_filter"
    for number, command in enumerate(after[piped:], piped):
        if command.joined == "||":
            if command.program == "exit" and command.words[1:2] and command.words[1].text == "0":
                return "or_true"
            return "" if _fails_too(after[number:]) else "or_true"
        if command.joined in {";", "&"} and not _errexit(commands[:at]):
            return "" if _exits_with_status(after[number:]) else "later_command"
        if command.background:
            return "later_command"
    return ""


def _fails_too(after: Sequence[SimpleCommand]) -> bool:
    """Whether what runs in place of a command that failed ends the shell with a failure (``|| exit 1``)."""
    for command in after:
        if command.program == "false" or (command.program in {"exit", "return"} and _is_failing(command)):
            return True
    return False


def _is_failing(command: SimpleCommand) -> bool:
    status = command.words[1].text if len(command.words) > 1 else "$?"
    return status != "0"


def _exits_with_status(after: Sequence[SimpleCommand]) -> bool:
    """Whether the shell ends with a status that it kept: ``exit $?``, ``exit ${PIPESTATUS[0]}``, ``exit $status``."""
    return any(
        command.program in {"exit", "return"} and (len(command.words) < 2 or command.words[1].dynamic)
        for command in after
    )


def _set_options(before: Sequence[SimpleCommand]) -> list[str]:
    return [word.text for command in before if command.program == "set" for word in command.words[1:]]


def _pipefail(before: Sequence[SimpleCommand]) -> bool:
    return "pipefail" in _set_options(before)


def _errexit(before: Sequence[SimpleCommand]) -> bool:
    options = _set_options(before)
    return "errexit" in options or any(o[:1] == "-" and o[:2] != "--" and "e" in o for o in options)


def _shows_earlier(commands: Sequence[SimpleCommand], at: int) -> bool:
    """Whether a command only shows what an earlier one wrote: ``pytest > log; tail log``."""
    if commands[at].program not in _SHOWS:
        return False
    written = {r.target.text for command in commands[:at] for r in command.redirects if ">" in r.operator}
    return any(word.text in written for word in commands[at].words[1:])
