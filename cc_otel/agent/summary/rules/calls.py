"""Sentences about tool calls: what was done, with what, and how it ended."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cc_otel.agent.summary.rules.counts import counts_of
from cc_otel.agent.summary.rules.words import (
    Members,
    argument,
    clipped,
    counted,
    first_line,
    items,
    members,
    number,
    path,
    sentence_of,
    text,
    word,
)
from cc_otel.claude_code.payload import exit_code
from cc_otel.event import DENIED

MCP_PREFIX: Final = "mcp__"
ARGUMENTS_MAX: Final = 4
"""How many arguments of an MCP call are shown."""

_TAGGED: Final = re.compile(r"<([a-z-]{1,40})>[^<]{0,400}</\1>")
_TIMED_OUT: Final = re.compile(r"timed out after (\S{1,12})")
_REFUSED: Final = re.compile(r"\A<tool_use_error>(?:Error: |InputValidationError: )?")
_ENVELOPE: Final = frozenset(
    "session_id transcript_path cwd hook_event_name prompt_id permission_mode effort agent_id agent_type tool_name "
    "tool_use_id tool_response duration_ms".split()
)


class End(Enum):
    """How a call ended, as far as it is known."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    INTERRUPTED = "interrupted"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended, and what it gave or why not."""

    end: End
    value: object = None


@dataclass(frozen=True, slots=True)
class _Tool:
    """A tool in words: what it does, what it did, what with, and what its response adds."""

    do: str
    did: str
    what: Callable[[Members, str], str]
    result: Callable[[Members, Members], str] = lambda _arguments, _response: ""
    is_command: bool = False


def answer_of(
    payload: Members, outcome: Members | None, *, error_type: str, interrupted: bool, closed_by: str
) -> Answer:
    """Read from the event that ended a call, if one did, how it ended."""
    if interrupted or (outcome or {}).get("is_interrupt") is True:
        return Answer(End.INTERRUPTED)
    if outcome is None:
        return Answer(End.UNFINISHED if closed_by or error_type else End.OPEN)
    value = outcome.get("tool_response")
    for call in items(outcome.get("tool_calls")):
        if members(call).get("tool_use_id") == payload.get("tool_use_id"):
            value = members(call).get("tool_response")
    if error_type == DENIED or outcome.get("hook_event_name") == "PermissionDenied":
        return Answer(End.DENIED)
    if "error" in outcome:
        return Answer(End.FAILED, outcome["error"])
    if refusal := _REFUSED.match(text(value)):
        return Answer(End.FAILED, text(value)[refusal.end() :].partition("</tool_use_error>")[0])
    return Answer(End.FAILED if error_type else End.DONE, value)


def call_sentence(payload: Members, answer: Answer, *, client_gone: bool = False) -> str:
    """Say what became of a call."""
    tool, what = _told(payload)
    arguments = _arguments(payload)
    if answer.end is End.DONE:
        return sentence_of(tool.did, what, tool.result(arguments, _response(answer.value)))
    if answer.end is End.FAILED:
        if tool.is_command:
            return sentence_of(tool.did, what, f": {_failure(text(answer.value))}")
        error = first_line(answer.value)
        return sentence_of(f"Could not {tool.do}", what, f": {error}" if error else "")
    if answer.end is End.OPEN:
        return sentence_of(f"About to {tool.do}", what)
    reason = ", Claude Code was gone" if client_gone else ""
    # A command speaks for itself: "Denied: rm a.txt".
    do = "" if tool.is_command and what else f" {tool.do}"
    return sentence_of(f"{answer.end.value.capitalize()}{reason}:{do}", what)


def permission_sentence(payload: Members) -> str:
    """Say what permission was asked for."""
    tool, what = _told(payload)
    return sentence_of(f"Asked to {tool.do}", what)


def bare_call_sentence(name: str, answer: Answer) -> str:
    """Say what became of a call without a word of its content."""
    tool = clipped(name, 64) or "a tool"
    match answer.end:
        case End.OPEN:
            return f"About to run {tool}"
        case End.DONE:
            return f"Ran {tool}"
        case End.DENIED:
            return f"Denied: {tool}"
        case _:
            return f"Ran {tool}: {answer.end.value}"


def _told(payload: Members) -> tuple[_Tool, str]:
    name = text(payload.get("tool_name"))
    tool = _TOOLS.get(name) or (_mcp(payload, name) if name.startswith(MCP_PREFIX) else _unknown(name))
    return tool, tool.what(_arguments(payload), text(payload.get("cwd")))


def _arguments(payload: Members) -> Members:
    asked = payload.get("tool_input")
    if isinstance(asked, dict):
        return asked
    # The shape that the first scripts sent: what belongs to the call stands beside its name.
    return {key: value for key, value in payload.items() if key not in _ENVELOPE}


def _response(value: object) -> Members:
    return value if isinstance(value, dict) else {"": value}


def _failure(error: str) -> str:
    """Say how a command failed: ``exit 1, 3 failed``."""
    code = exit_code(error)
    output = error.partition("\n")[2] if code is not None else error
    if timed_out := _TIMED_OUT.search(error[:500]):
        return f"timed out after {timed_out[1]}"
    rest = counts_of(output) or first_line(output)
    how = f"exit {code}" if code is not None else "failed"
    return f"{how}, {rest}" if rest else how


def _unknown(name: str) -> _Tool:
    tool = clipped(name, 64) or "a tool"
    return _Tool(f"use {tool}:", f"Used {tool}:", _first_argument, _text_result)


def _first_argument(arguments: Members, _folder: str) -> str:
    shown = (argument(value, 80) for value in arguments.values() if isinstance(value, str | int | float))
    return next((value for value in shown if value), "")


def _mcp(payload: Members, name: str) -> _Tool:
    server, _, function = name.removeprefix(MCP_PREFIX).partition("__")
    server = text(members(payload.get("mcp_server")).get("name")) or server

    def called(arguments: Members, _folder: str) -> str:
        listed = [argument(value) for value in list(arguments.values())[:ARGUMENTS_MAX]]
        more = ["…"] if len(arguments) > ARGUMENTS_MAX else []
        return f"{clipped(function, 64)}({', '.join([*listed, *more])})"

    shown = clipped(server, 40)
    return _Tool(f"call {shown}'s", f"{shown}:", called, _text_result)


def _of(key: str) -> Callable[[Members, str], str]:
    return lambda arguments, _folder: clipped(text(arguments.get(key)), 200)


def _path_of(key: str) -> Callable[[Members, str], str]:
    return lambda arguments, folder: path(arguments.get(key), folder)


def _search(arguments: Members, folder: str) -> str:
    where = path(arguments.get("path"), folder) if text(arguments.get("path")) not in {"", folder} else ""
    return f"'{clipped(text(arguments.get('pattern')), 60)}'" + (f" in {where}" if where else "")


def _task(arguments: Members, _folder: str) -> str:
    status = word(arguments.get("status"))
    return argument(arguments.get("taskId", "")) + (f" as {status}" if status else "")


def _questions(arguments: Members, _folder: str) -> str:
    return next((first_line(members(asked).get("question"), 100) for asked in items(arguments.get("questions"))), "")


def _bash_result(_arguments: Members, response: Members) -> str:
    if response.get("backgroundTaskId"):
        return " (in the background)"
    if response.get("interrupted") is True:
        return ": interrupted"
    output = text(response.get("stdout")) or text(response.get(""))
    counts = counts_of(output) or counts_of(text(response.get("stderr")))
    return f": {counts}" if counts else ""


def _read_result(_arguments: Members, response: Members) -> str:
    file = members(response.get("file"))
    lines, first, total = (number(file.get(key)) for key in ("numLines", "startLine", "totalLines"))
    if lines is None:
        kind = word(response.get("type"))
        return f" ({kind})" if kind and kind != "text" else ""
    if first and total and lines < total:
        return f" (lines {first} to {first + lines - 1} of {total})"
    return f" ({counted(lines, 'line')})"


def _write_result(arguments: Members, _response: Members) -> str:
    content = arguments.get("content")
    return f" ({counted(len(content.splitlines()), 'line')})" if isinstance(content, str) else ""


def _edit_result(_arguments: Members, response: Members) -> str:
    lines = [line for hunk in items(response.get("structuredPatch")) for line in items(members(hunk).get("lines"))]
    added, removed = (sum(text(line).startswith(sign) for line in lines) for sign in "+-")
    return f" (+{added} −{removed})" if lines else ""  # noqa: RUF001 - a minus sign is what is meant


def _files_result(_arguments: Members, response: Members) -> str:
    files, matches = number(response.get("numFiles")), number(response.get("numMatches"))
    if response.get("mode") in {"content", "count"} and matches is not None:
        return f": {counted(matches, 'match').replace('matchs', 'matches')}"
    return "" if files is None else f": {counted(files, 'file')}"


def _agent_result(_arguments: Members, response: Members) -> str:
    if response.get("isAsync") is True:
        return " (in the background)"
    return _text_result(_arguments, response)


def _text_result(_arguments: Members, response: Members) -> str:
    """Return the last words of an answer in blocks of text, as MCP servers and agents write them, or in one text."""
    answer = response.get("content", response.get(""))
    texts = [text(members(block).get("text")) for block in items(answer)] or [text(answer)]
    lines = [line for line in (first_line(_TAGGED.sub("", told[:2000])) for told in texts) if line]
    return f" → {lines[-1]}" if lines else ""


def _todo_result(arguments: Members, _response: Members) -> str:
    todos = [members(item).get("status") for item in items(arguments.get("todos"))]
    return f" ({todos.count('completed')} of {len(todos)} done)" if todos else ""


def _nothing(_arguments: Members, _folder: str) -> str:
    return ""


_TOOLS: Final[Mapping[str, _Tool]] = {
    "Bash": _Tool("run", "Ran", _of("command"), _bash_result, is_command=True),
    "BashOutput": _Tool("look at the output of", "Looked at the output of", _of("bash_id")),
    "KillShell": _Tool("stop", "Stopped", _of("shell_id")),
    "Read": _Tool("read", "Read", _path_of("file_path"), _read_result),
    "Write": _Tool("write", "Wrote", _path_of("file_path"), _write_result),
    "Edit": _Tool("edit", "Edited", _path_of("file_path"), _edit_result),
    "MultiEdit": _Tool("edit", "Edited", _path_of("file_path"), _edit_result),
    "NotebookEdit": _Tool("edit", "Edited", _path_of("notebook_path")),
    "Grep": _Tool("search for", "Searched for", _search, _files_result),
    "Glob": _Tool("look for", "Looked for", _of("pattern"), _files_result),
    "LS": _Tool("list", "Listed", _path_of("path")),
    "Agent": _Tool("ask an agent:", "Asked an agent:", _of("description"), _agent_result),
    "Task": _Tool("ask an agent:", "Asked an agent:", _of("description"), _agent_result),
    "SendMessage": _Tool("write to", "Wrote to", _of("to")),
    "TaskCreate": _Tool("note a task:", "Noted a task:", _of("subject")),
    "TaskUpdate": _Tool("mark task", "Marked task", _task),
    "TodoWrite": _Tool("update the to-do list", "Updated the to-do list", _nothing, _todo_result),
    "WebFetch": _Tool("fetch", "Fetched", _of("url")),
    "WebSearch": _Tool(
        "search the web for",
        "Searched the web for",
        lambda arguments, _: f"'{argument(arguments.get('query', ''), 80)}'",
    ),
    "EnterWorktree": _Tool("enter a worktree", "Entered a worktree", _of("name")),
    "ExitWorktree": _Tool("leave the worktree", "Left the worktree", _nothing),
    "Skill": _Tool("use the skill", "Used the skill", _of("skill")),
    "AskUserQuestion": _Tool("ask the user:", "Asked the user:", _questions),
    "ExitPlanMode": _Tool("present a plan", "Presented a plan", _nothing),
}
