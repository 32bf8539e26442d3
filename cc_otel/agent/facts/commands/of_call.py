"""A tool call as it ended: the outcome of any, and of a shell's the commands behind it and the files it touched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cc_otel import conventions as c
from cc_otel.agent.facts.call import answer_text
from cc_otel.agent.facts.commands.outcome import (
    INTERRUPTED,
    LAUNCHED,
    REFUSED,
    UNKNOWN,
    Outcome,
    main_of,
    shell_outcome,
)
from cc_otel.agent.facts.commands.parse import parse
from cc_otel.agent.facts.commands.runners import FAILED, OK
from cc_otel.agent.facts.commands.simple import RULE, SimpleCommand
from cc_otel.agent.facts.commands.touched import touched_by_shell
from cc_otel.agent.tree import Draft, Role
from cc_otel.claude_code.payload import exit_code
from cc_otel.claude_code.refusals import is_denial, refusal_class
from cc_otel.event import DENIED, Handler
from cc_otel.json_values import object_of, text_in

if TYPE_CHECKING:
    from cc_otel.agent.describe import SpanSource

SHELL_TOOL: Final = "Bash"
PARTS_MAX: Final = 16
"""How many commands of one call are listed."""

_LAUNCHED_STATUS: Final = frozenset({"async_launched", "remote_launched", "teammate_spawned"})
_COMMAND_PATH: Final = "tool_input.command"


@dataclass(frozen=True, slots=True)
class EndedCall:
    """
    How a call ended, and the commands of a shell's; ``error_type`` is empty where it did not fail.

    ``output`` is what a shell printed, ``hint`` what the client says of files that it changed.
    """

    outcome: Outcome
    error_type: str = ""
    commands: Sequence[SimpleCommand] = ()
    output: str = ""
    hint: str = ""
    cwd: str = ""

    @property
    def main(self) -> SimpleCommand | None:
        """The command that a shell call is about."""
        return self.commands[main_of(self.commands)] if self.commands else None

    def attributes(self, *, with_content: bool) -> Iterator[tuple[str, Any]]:
        """Return what a span says of it; without content words alone, none of them the user's."""
        yield c.TOOL_OUTCOME, self.outcome.name
        if self.outcome.rule:
            yield c.TOOL_OUTCOME_RULE, self.outcome.rule
        if (main := self.main) is None:
            return
        yield c.COMMAND_RULE, RULE
        yield c.COMMAND_CLASS, main.kind
        if with_content:
            yield from self._content(main)

    def _content(self, main: SimpleCommand) -> Iterator[tuple[str, Any]]:
        yield c.COMMAND_PROGRAM, main.program
        if main.subcommand:
            yield c.COMMAND_SUBCOMMAND, main.subcommand
        yield c.COMMAND_PARTS, [command.to_json() for command in self.commands[:PARTS_MAX]]
        if self.outcome.name in {REFUSED, DENIED}:
            # It never ran.
            return
        # What went well may print anything, a file that speaks of missing files among it.
        output = "" if self.outcome.name == OK else self.output
        if files := touched_by_shell(self.commands, hint=self.hint, cwd=self.cwd, output=output):
            yield c.FILES, files


def ended_call(source: "SpanSource") -> EndedCall | None:
    """Return how the call of a span ended; None for a span that is no call."""
    draft = source.draft
    if draft.role is not Role.TOOL:
        return None
    closing = source.closer.payload if source.closer else {}
    response = source.response
    error = text_in(closing.get("error"))
    told = _told(draft, closing, response, error)
    if draft.tool_name != SHELL_TOOL:
        return EndedCall(told, _error_type(draft, told))
    opener = source.opener
    cwd = text_in(opener.payload.get("cwd"))
    command = text_in(object_of(opener.payload.get("tool_input")).get("command"))
    commands: Sequence[SimpleCommand] = ()
    if _COMMAND_PATH not in opener.truncated:
        # What was cut off may be what decides.
        commands = parse(command, cwd=cwd, root=_root_of(source))
    output = error or answer_text(response)
    if told.name in {OK, FAILED} and (status := _status(draft, response, error)) is not None:
        told = shell_outcome(commands, status, output)
    hint = text_in(object_of(response).get("staleReadFileStateHint"))
    return EndedCall(told, _error_type(draft, told), commands, output, hint, cwd)


def with_error_type(source: "SpanSource", call: EndedCall | None) -> "SpanSource":
    """Return the source of a span whose draft says whether the call failed as its outcome does."""
    if call is None or call.error_type == source.draft.error_type:
        return source
    return replace(source, draft=replace(source.draft, error_type=call.error_type))


def _root_of(source: "SpanSource") -> str:
    return text_in(source.opener.repository.get("root"))


def _told(draft: Draft, closing: Mapping[str, Any], response: object, error: str) -> Outcome:
    """Return how a call ended as its events say."""
    answer = object_of(response)
    if draft.interrupted or closing.get("is_interrupt") is True or answer.get("interrupted") is True:
        return Outcome(INTERRUPTED)
    if draft.error_type == DENIED or is_denial(error):
        return Outcome(DENIED)
    if draft.closer is None and not draft.without_opener:
        return Outcome(UNKNOWN)
    if (draft.closer or draft.hook_event).handler is Handler.BATCH:
        return Outcome(REFUSED if draft.error_type else UNKNOWN)
    if refusal_class(error):
        return Outcome(REFUSED)
    if draft.error_type or answer.get("is_error") is True or answer.get("isError") is True:
        return Outcome(FAILED)
    if answer.get("backgroundTaskId") or answer.get("status") in _LAUNCHED_STATUS:
        return Outcome(LAUNCHED)
    return Outcome(OK)


def _error_type(draft: Draft, outcome: Outcome) -> str:
    """Return the class of failure that goes with an outcome: none without a failure."""
    if outcome.is_failure:
        return draft.error_type or outcome.rule or "tool_error"
    # What no event of its own ended may have failed with its client.
    return draft.error_type if draft.closer is None and not draft.without_opener else ""


def _status(draft: Draft, response: object, error: str) -> int | None:
    """Return a shell's exit status; None where the client says of a failure only that it was one."""
    if draft.error_type:
        return exit_code(error)
    # The client takes status 1 of some programs for an answer, and says so.
    return 1 if object_of(response).get("returnCodeInterpretation") else 0
